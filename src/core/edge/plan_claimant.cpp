#include "core/edge/plan_claimant.hpp"

#include <set>
#include <utility>

#include "core/edge/resolve_endpoints.hpp"
#include "core/edge/static_state.hpp"

namespace core {
namespace {

// Why nothing of the claimant is in effect, as far as that needs no look at endpoints.
std::string refusal_of(const ClaimantSurroundings& around, const ObjectId& id,
                       const EdgeObjects::Claimant& entry) {
  if (!entry.refusal.empty()) return entry.refusal;
  if (const Claims::Loss* loss = around.objects.loss(id)) {
    return to_string(loss->key) + " belongs to the older " + to_string(loss->winner) +
           ": take another address or port, or remove that one";
  }
  if (!entry.refused_by_kernel.empty()) {
    return "the kernel refused it (pona tries again later): " + entry.refused_by_kernel;
  }
  return "";
}

}  // namespace

std::map<ForwardKey, std::shared_ptr<const Forward>> plan_claimant(
    const ClaimantSurroundings& around, const ObjectId& id, EdgeObjects::Claimant& entry) {
  const Mapping& mapping = entry.mapping();
  entry.report = {};
  std::map<ForwardKey, std::shared_ptr<const Forward>> result;
  if (std::string refusal = refusal_of(around, id, entry); !refusal.empty()) {
    entry.report.reasons.push_back(std::move(refusal));
    entry.report.state = MappingReport::State::rejected;
    around.budgets.give_back(id);
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
  if (std::string over = around.budgets.take(id, cost_of(resolved.forwards)); !over.empty()) {
    resolved.forwards.clear();
    entry.report.reasons = {std::move(over)};
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
    entry.report.reasons.push_back(
        "none of its addresses is on this host; --address-policy any serves routed ones too");
  } else if (!entry.report.reasons.empty()) {
    entry.report.state = MappingReport::State::degraded;
  }
  return result;
}

}  // namespace core
