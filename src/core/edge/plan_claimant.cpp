#include "core/edge/plan_claimant.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "core/edge/resolve_endpoints.hpp"
#include "core/edge/tables/static_state.hpp"

namespace core {
namespace {

// Why nothing of the claimant is in effect, as far as that needs no look at others.
std::string refusal_of(const EdgeObjects::Claimant& entry) {
  if (!entry.refusal.empty()) return entry.refusal;
  if (entry.refused_by_kernel.empty()) return "";
  return "the kernel refused it (pona tries again later): " + entry.refused_by_kernel;
}

// A range may have become several forwards, or one of another length.
void note_unserved(const Mapping& mapping,
                   const std::map<ForwardKey, std::shared_ptr<const Forward>>& served,
                   MappingReport& report) {
  for (const ForwardKey& key : claim_of(mapping).keys) {
    const bool is_served = std::ranges::any_of(served, [&](const auto& one) {
      return one.first.address == key.address && one.first.protocol == key.protocol &&
             one.first.ports.overlaps(key.ports);
    });
    if (is_served) continue;
    if (report.unserved.size() == most_unserved) return;
    report.unserved.push_back(key);
  }
}

}  // namespace

std::map<ForwardKey, std::shared_ptr<const Forward>> plan_claimant(
    const ClaimantSurroundings& around, const ObjectId& id, EdgeObjects::Claimant& entry) {
  const Mapping& mapping = entry.mapping();
  entry.report = {};
  std::map<ForwardKey, std::shared_ptr<const Forward>> result;
  if (std::string refusal = refusal_of(entry); !refusal.empty()) {
    entry.report.reasons.push_back(std::move(refusal));
    entry.report.state = MappingReport::State::rejected;
    around.budgets.give_back(id);
    around.host_ports.forget(id);
    entry.report.obstructions.insert(Obstruction::other);
    note_unserved(mapping, result, entry.report);
    return result;
  }
  const std::vector<Claims::Loss> losses = around.objects.claims().losses(id);
  if (!losses.empty() && losses.size() == claim_of(mapping).keys.size()) {
    entry.report.reasons = explain(losses);
    entry.report.state = MappingReport::State::rejected;
    around.budgets.give_back(id);
    around.host_ports.forget(id);
    entry.report.obstructions.insert(Obstruction::conflict);
    note_unserved(mapping, result, entry.report);
    return result;
  }
  ResolveInput input;
  input.owner = id;
  input.mapping = &mapping;
  input.settings = &around.settings;
  input.sources = &entry.sources;
  const ObjectName service{id.name.ns, mapping.service};
  input.service = around.objects.service(service);
  input.slices = around.objects.slices_of(service);
  Resolved resolved = resolve(input);
  entry.report.reasons = std::move(resolved.reasons);
  entry.report.obstructions = std::move(resolved.obstructions);
  if (!losses.empty()) entry.report.obstructions.insert(Obstruction::conflict);
  std::ranges::move(explain(losses), std::back_inserter(entry.report.reasons));
  std::erase_if(resolved.forwards,
                [&](const Forward& forward) { return is_lost(losses, forward.key); });
  // Objects of an API server have an age. What is refused takes nothing of the budgets.
  const HostPorts::Claim claim{id, around.settings.cluster && mapping.created.has_value(),
                               entry.forwards};
  std::vector<std::string> listeners =
      around.host_ports.judge(claim, around.host, around.external, resolved.forwards);
  if (!listeners.empty()) entry.report.obstructions.insert(Obstruction::host_port);
  std::ranges::move(listeners, std::back_inserter(entry.report.reasons));
  if (std::string over = around.budgets.take(id, cost_of(resolved.forwards)); !over.empty()) {
    resolved.forwards.clear();
    around.host_ports.forget(id);
    entry.report.reasons = {std::move(over)};
    entry.report.obstructions = {Obstruction::limit};
  }
  bool active = false;
  std::set<Address> without_table;
  for (Forward& forward : resolved.forwards) {
    if (forward.key.address.family() == Family::ipv6 && !around.host.ipv6) {
      without_table.insert(forward.key.address);
      continue;
    }
    place(forward, around.host, around.settings, around.external);
    active = active || forward.active;
    const auto old = entry.forwards.find(forward.key);
    auto planned = old != entry.forwards.end() && *old->second == forward
                       ? old->second
                       : std::make_shared<const Forward>(std::move(forward));
    result.emplace(planned->key, std::move(planned));
  }
  for (const Address& address : without_table) {
    entry.report.reasons.push_back(
        to_string(address) +
        " is not served here: IPv6 is disabled on this host (net.ipv6.conf.all.disable_ipv6)");
  }
  if (result.empty()) {
    entry.report.state = MappingReport::State::rejected;
  } else if (!active) {
    entry.report.state = MappingReport::State::inactive;
    entry.report.obstructions.insert(Obstruction::no_address);
    entry.report.reasons.push_back(
        "none of its addresses is on this host; --address-policy any serves routed ones too");
  } else if (!entry.report.reasons.empty()) {
    entry.report.state = MappingReport::State::degraded;
  }
  if (!entry.report.reasons.empty()) note_unserved(mapping, result, entry.report);
  return result;
}

}  // namespace core
