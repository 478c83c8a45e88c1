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
#include <string_view>
#include <vector>

#include "core/edge/claims/address_pools.hpp"
#include "core/edge/claims/host_ports.hpp"
#include "core/edge/claims/mapping_report.hpp"
#include "core/edge/claims/port_claims.hpp"
#include "core/edge/edge_settings.hpp"
#include "core/edge/external_interfaces.hpp"
#include "core/edge/forward_change.hpp"
#include "core/host.hpp"
#include "core/listener.hpp"
#include "core/objects.hpp"
#include "core/state/diff.hpp"
#include "core/state/state.hpp"

namespace core {

struct EdgeUpdate {
  Changes changes;                      // relative to the state after the previous update
  std::vector<ForwardChange> forwards;  // likewise
  std::vector<ObjectId> planned;        // whose report or forwards may be others now
};

// What the kernel does not take, in its own words.
struct Refused {
  std::vector<Rejection> objects;
  // Of the frame, where the rest works without: the change in the words of ip(8), and why.
  std::map<std::string, std::string> frame;

  [[nodiscard]] bool empty() const { return objects.empty() && frame.empty(); }
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
  // Who listens on the host.
  EdgeUpdate update(Listeners listeners, bool with_changes = true);
  // Of what is refused because of that: what the kernel carries from before this process is in
  // effect.
  EdgeUpdate hold(std::set<ForwardKey> keys, bool with_changes = true);

  // Leaves these out from now on: an object until it is another one, a part of the frame until the
  // host is another one, and all of it until it is to be tried again.
  EdgeUpdate set_aside(const Refused& refused);
  EdgeUpdate try_again();
  // The kernel parameter liberal_tracking was off before an edge was here.
  EdgeUpdate note_liberal_was_off();
  // From now on. Every forward is planned anew.
  EdgeUpdate use(SlotLayout layout, bool with_changes = true);
  // Who of those that do not say how old they are has what, for a later process; and from an
  // earlier one, before the first update. Once all objects were taken in, what nobody asked for is
  // forgotten.
  [[nodiscard]] Claims::Held held() const;
  [[nodiscard]] std::uint64_t held_revision() const;
  void remember(Claims::Held held);
  void settle_claims();

  // Everything that must be there, without elements: tables, routes, rules, sysctls.
  [[nodiscard]] const State& frame() const;
  void each_element(const std::function<void(const Element&)>& visit) const;
  // Each element that a claimant wants, shared ones once for each who does.
  void each_owned(const std::function<void(const ObjectId&, const Element&)>& visit) const;
  // Both together; for tests and small plans.
  [[nodiscard]] State state() const;

  [[nodiscard]] std::vector<std::shared_ptr<const Forward>> forwards() const;  // sorted by key
  [[nodiscard]] std::map<ObjectId, MappingReport> reports() const;
  // Of one claimant: a Mapping, or a Service that has external addresses. Null: there is none.
  [[nodiscard]] const MappingReport* report(const ObjectId& claimant) const;
  [[nodiscard]] std::vector<std::shared_ptr<const Forward>> forwards_of(
      const ObjectId& claimant) const;
  [[nodiscard]] const Mapping* mapping(const ObjectId& claimant) const;
  // Who asks for this or a part of it, whether it gets it or not.
  [[nodiscard]] std::set<ObjectId> claimants_of(const ForwardKey& key) const;
  [[nodiscard]] const std::set<Rejection>& rejections() const;
  // Objects that are rejected because of a limit, by the setting; all such settings are there.
  [[nodiscard]] std::map<std::string_view, std::uint64_t> over_limits() const;
  [[nodiscard]] const HostPorts& host_ports() const;
  // Of the host: forwarding off, rp_filter …
  [[nodiscard]] std::vector<std::string> warnings() const;
  [[nodiscard]] std::map<Kind, std::size_t> object_counts() const;
  // How much of each AddressPool is used by what has its addresses, on this edge or another.
  [[nodiscard]] std::vector<AddressPools::Use> pool_use() const;
  [[nodiscard]] const EdgeSettings& settings() const;
  [[nodiscard]] const Host& host() const;  // as it was told last
  // In effect, with the gateways chosen.
  [[nodiscard]] const std::vector<ExternalInterface>& external() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace core
