// The edge's planner: objects, host and settings -> what the kernel must hold, and why some objects
// are left out. Pure and incremental: a change costs as much as what it touches, and the result is
// the same as planning everything anew (tested as a property).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/edge/forward.hpp"
#include "core/host.hpp"
#include "core/objects.hpp"
#include "core/state/diff.hpp"
#include "core/state/state.hpp"

namespace core {

enum class BackendMode : std::uint8_t { endpoints, cluster_ip };
enum class AddressPolicy : std::uint8_t { local, any };

struct EdgeSettings {
  BackendMode backend = BackendMode::endpoints;
  AddressPolicy address_policy = AddressPolicy::local;
  bool masquerade = true;  // the default of Mappings that do not say preserveClientIP
  bool snat = false;
  // This host is a node of the cluster: Services whose externalTrafficPolicy is Local lead to its
  // own pods only. Elsewhere no pod is local, and Local asks for the client's address alone.
  bool node = false;
  std::string external_interfaces;  // unanchored extended regular expression; empty: none
  int gateway_offset = 1;           // as SNCTRLR_GW_ADDRESS_OFFSET; see gateway_of
  std::uint32_t mark_mask = 0;      // 0: constants::edge_mark_mask; else at least 4 adjacent bits
  // Address and port of our own HTTP listener; unset address: all addresses. A Mapping must not
  // take it away.
  std::optional<Address> monitor_address;
  std::uint16_t monitor_port = 0;

  friend bool operator==(const EdgeSettings&, const EdgeSettings&) = default;
};

// What one Mapping, or one Service of type LoadBalancer, looks like to a user.
struct MappingReport {
  enum class State : std::uint8_t {
    active,    // programmed here
    inactive,  // valid, but none of its addresses is local here
    degraded,  // programmed in part: some ports or addresses were rejected
    rejected,  // nothing of it is in effect
  };
  State state = State::active;
  std::vector<std::string> reasons;  // of degraded, inactive and rejected, and warnings
};

std::string_view to_string(MappingReport::State state);

// A forward that changed: what the conntrack sweep after the commit needs.
struct ForwardChange {
  std::shared_ptr<const Forward> before;  // null: new
  std::shared_ptr<const Forward> after;   // null: gone
};

struct EdgeUpdate {
  Changes changes;                      // relative to the state after the previous update
  std::vector<ForwardChange> forwards;  // likewise
  std::vector<ObjectId> planned;        // whose report or forwards may be others now
};

class EdgePlan {
 public:
  explicit EdgePlan(EdgeSettings settings);
  ~EdgePlan();
  EdgePlan(const EdgePlan&) = delete;
  EdgePlan& operator=(const EdgePlan&) = delete;

  // Takes news in and plans what they touch. Cheap when nothing is touched. Without `with_changes`
  // the update holds no changes: for the first plan, which is compared with the kernel anyway.
  EdgeUpdate update(const ObjectChanges& objects, bool with_changes = true);
  EdgeUpdate update(const Host& host, bool with_changes = true);

  // Everything that must be there, without elements: tables, routes, rules, sysctls.
  [[nodiscard]] const State& frame() const;
  void each_element(const std::function<void(const Element&)>& visit) const;
  // Both together; for tests and small plans.
  [[nodiscard]] State state() const;

  [[nodiscard]] std::vector<std::shared_ptr<const Forward>> forwards() const;  // sorted by key
  [[nodiscard]] std::map<ObjectId, MappingReport> reports() const;
  // Of one claimant: a Mapping, or a Service that has external addresses. Null: there is none.
  [[nodiscard]] const MappingReport* report(const ObjectId& claimant) const;
  [[nodiscard]] std::vector<std::shared_ptr<const Forward>> forwards_of(
      const ObjectId& claimant) const;
  [[nodiscard]] const Mapping* mapping(const ObjectId& claimant) const;
  [[nodiscard]] const std::set<Rejection>& rejections() const;
  [[nodiscard]] std::vector<std::string> warnings()
      const;  // of the host: forwarding off, rp_filter …
  [[nodiscard]] std::map<Kind, std::size_t> object_counts() const;
  [[nodiscard]] const EdgeSettings& settings() const;
  // The external interfaces in effect, with the gateways chosen.
  struct External {
    std::string name;
    std::uint32_t number = 0;  // 1..63: in marks and table numbers
    std::optional<Address> gateway4;
    std::optional<Address> gateway6;
  };
  [[nodiscard]] const std::vector<External>& external() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The next hop on an external interface: its own default route's if it has one, else the address at
// `offset` from the first subnet's network address (positive), from the broadcast address
// (negative), or the network address itself (0).
std::optional<Address> gateway_of(const Interface& interface, Family family, int offset);

}  // namespace core
