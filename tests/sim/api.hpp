// The API server of a simulation: all requests of all senders come by here, so what the cluster
// holds, what it ever held and who wrote it are known.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/objects.hpp"
#include "sim/chance.hpp"
#include "sim/trace.hpp"
#include "support/apiserver/server.hpp"

namespace sim {

// A write that the server accepted.
struct Write {
  Time at{};
  std::string sender;
  std::string method;
  std::string target;
  std::string body;
};

// What API servers differ in.
struct ServerKind {
  bool streams_lists = true;
  bool small_pages = false;  // as if there were more objects than go into one
  bool knows_pools = true;   // else the definition of AddressPool is missing
};

class Api {
 public:
  // `now` and `trace` must outlive it.
  Api(const Time& now, std::uint64_t seed, ServerKind kind, Trace& trace);

  // `sender` is the user's name, and the token.
  support::apiserver::Response ask(const std::string& sender, const std::string& method,
                                   const std::string& target, const std::string& content_type,
                                   const std::string& body);
  void admit(const std::string& sender) { server_.add_token(sender, sender, {"system:masters"}); }

  // What the next requests of edges meet, one each; people's requests meet none.
  void add_fault(support::apiserver::Fault fault) { faults_.push_back(std::move(fault)); }
  void clear_faults() {
    faults_.clear();
    server_.clear_faults();
  }

  [[nodiscard]] const ServerKind& kind() const { return kind_; }
  [[nodiscard]] support::apiserver::Server& server() { return server_; }
  [[nodiscard]] Time to_virtual(support::apiserver::Time time) const;

  // All that an object has been, null: deleted. As decoded for an edge.
  using Versions = std::vector<std::shared_ptr<const core::Object>>;
  [[nodiscard]] const Versions& versions(const core::ObjectId& id) const;
  [[nodiscard]] bool exists(const core::ObjectId& id) const;
  // What there is now.
  [[nodiscard]] core::ObjectChanges objects() const;
  [[nodiscard]] const std::vector<Write>& writes() const { return writes_; }

  // "/api/v1/namespaces/shop/services/web" and what comes before the name.
  static std::string path(const core::ObjectId& id);
  static std::string collection(core::Kind kind);

 private:
  [[nodiscard]] bool knows(const support::apiserver::Request& request) const;
  support::apiserver::Response handle(support::apiserver::Request request);
  std::string read_back(const std::string& target);
  void remember(const Write& write, const std::string& answer);

  const Time& now_;
  ServerKind kind_;
  Trace& trace_;
  support::apiserver::Server server_;
  std::map<core::ObjectId, Versions> versions_;
  std::vector<Write> writes_;
  std::deque<support::apiserver::Fault> faults_;
};

}  // namespace sim
