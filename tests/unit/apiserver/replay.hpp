// Recorded exchanges with a real API server, replayed against the one of the tests: what the two
// answers have to agree in, and how names that differ by chance (uids, versions) are carried over.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "support/apiserver/server.hpp"

namespace unit {

using Json = nlohmann::json;

class Replay {
 public:
  Replay();

  // The recorded exchanges of a scenario, "05-server-side-apply".
  static Json load(const std::string& scenario);

  // What the recording's other clients did meanwhile: not recorded, but seen in what was. `agent`
  // is the User-Agent. Fails the test unless it succeeds.
  Json act(const std::string& method, const std::string& path, const Json& body = nullptr,
           const std::string& type = "application/json", const std::string& agent = "");

  support::apiserver::Response send(const Json& recorded, const std::string& token);
  // Learns which of our uids, versions and tokens stand for the recorded ones.
  void learn(const Json& recorded, const Json& ours);
  // Recorded names replaced by ours.
  [[nodiscard]] Json translated(Json value) const;

  void pass(std::chrono::milliseconds time) { now_ += time; }
  void pass_until(support::apiserver::Time time) { now_ = std::max(now_, time); }

  std::map<std::string, std::string> tokens;  // continue tokens: recorded, ours
  support::apiserver::Server server;

 private:
  [[nodiscard]] std::string translated_path(std::string path) const;

  support::apiserver::Time now_;
  std::map<std::string, std::string> uids_;
  std::map<std::string, std::string> versions_;
};

// Without what differs by chance: times, uids, versions, allocated addresses, generated names, the
// order of managedFields that are of one moment.
Json comparable(Json value);

}  // namespace unit
