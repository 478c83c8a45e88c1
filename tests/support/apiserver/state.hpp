// What a Server holds, and a request once it is understood: passed to the files that answer.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/apiserver/access.hpp"
#include "support/apiserver/resources.hpp"
#include "support/apiserver/server.hpp"
#include "support/apiserver/store.hpp"

namespace support::apiserver {

struct State {
  explicit State(Server::Options made) : options(std::move(made)), random(options.seed) {}

  Server::Options options;
  std::mt19937_64 random;
  Store store;
  Resources resources;
  Access access;
  std::vector<Fault> faults;
  // For garbage collection: where an object is, and who names it as owner. An entry of `dependents`
  // may be out of date; the object itself decides.
  std::map<std::string, Key> by_uid;
  std::map<std::string, std::set<Key>> dependents;
  std::set<std::string> cluster_ips;  // of the stored Services
  std::set<Key> leaving;              // what has a deletionTimestamp
  std::vector<std::string> departed;  // uids that the garbage collection has yet to look after

  [[nodiscard]] Time now() const { return options.clock(); }
  std::string make_uid();
  std::string random_suffix();  // five letters that need no explaining, as generateName adds
};

struct Call {
  const Request& request;
  std::vector<std::string> path;             // "/api/v1/pods" is three
  std::map<std::string, std::string> query;  // decoded
  User user;
  std::shared_ptr<const Resource> resource;
  std::string space;
  std::string name;
  std::string subresource;
  std::vector<std::string> warnings;
  Time now{};
  std::optional<Fault> fault;

  [[nodiscard]] std::string argument(const std::string& option) const;
  [[nodiscard]] bool flag(const std::string& option) const;  // true or 1
  [[nodiscard]] std::string header(const std::string& lower_case) const;
  [[nodiscard]] About about() const { return resource->about(name); }
  [[nodiscard]] Key key() const {
    return {resource->storage(), resource->namespaced ? space : "", name};
  }
  [[nodiscard]] bool dry_run() const { return argument("dryRun") == "All"; }
};

// Cuts the target into path and query. The resource is route()'s.
Call parse_call(const Request& request);

Response json_response(int status, const Json& body);

// Each answers the requests that are its business.
Response answer_discovery(State& state, const Call& call);
Response answer_control(State& state, const Call& call);
Response answer_review(State& state, Call& call);
Response read_object(State& state, const Call& call);
Response list_objects(State& state, const Call& call);
Response watch_objects(State& state, const Call& call);
Response create_object(State& state, Call& call);
Response update_object(State& state, Call& call);
Response patch_object(State& state, Call& call);
Response delete_object(State& state, Call& call);
Response delete_collection(State& state, Call& call);
Response answer_scale(State& state, Call& call);
Response answer_token(State& state, Call& call);

}  // namespace support::apiserver
