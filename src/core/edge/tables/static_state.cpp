#include "core/edge/tables/static_state.hpp"

#include <algorithm>

#include "core/edge/tables/edge_rules.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/edge/tables/reply_routes.hpp"

namespace core {
namespace {

struct Mtus {
  std::uint32_t smallest = 0;  // of any leg that a packet may take; 0: unknown
  std::uint32_t largest = 0;
};

Mtus leg_mtus(const Host& host) {
  Mtus mtus{host.route_mtu, host.route_mtu};
  for (const auto& [name, interface] : host.interfaces) {
    // Nothing that is forwarded goes by the loopback interface.
    if (!interface.up || interface.mtu == 0 || name == "lo") continue;
    if (mtus.smallest == 0 || interface.mtu < mtus.smallest) mtus.smallest = interface.mtu;
    mtus.largest = std::max(mtus.largest, interface.mtu);
  }
  return mtus;
}

}  // namespace

bool liberal_was_off(const State& observed) {
  const auto table = observed.tables.find(Family::ipv4);
  return table != observed.tables.end() &&
         std::ranges::any_of(table->second.chains, [](const nft::Chain& chain) {
           return chain.name == liberal_was_off_chain;
         });
}

bool liberal_is_off(const State& observed) {
  // Not there: nothing tracks connections yet, and when it does, it is off.
  const auto value = observed.sysctls.find(std::string(liberal_tracking));
  return liberal_was_off(observed) || value == observed.sysctls.end() || value->second == "0";
}

std::optional<SlotLayout> slot_layout_of(const State& observed) {
  // Each layout has chains that others do not have.
  for (const auto& [family, table] : observed.tables) {
    for (const SlotLayout layout : {SlotLayout::first, SlotLayout::second}) {
      const std::string name = flow_chain(slot_count(2, slot_classes(layout)), false);
      if (std::ranges::find(table.chains, name, &nft::Chain::name) != table.chains.end()) {
        return layout;
      }
    }
  }
  return std::nullopt;
}

EdgeFrame make_edge_frame(const Host& host, const EdgeSettings& settings,
                          const std::vector<ExternalInterface>& external, bool liberal_was_off) {
  EdgeRulesInput rules;
  rules.liberal_was_off = liberal_was_off;
  rules.slot_layout = settings.slot_layout;
  rules.masquerade = settings.masquerade;
  rules.snat = settings.snat;
  rules.any_address = settings.address_policy == AddressPolicy::any;
  rules.mark_mask = settings.mark_mask;
  const Mtus mtus = leg_mtus(host);
  rules.smallest_mtu = mtus.smallest;
  // What came in by one leg fits through all others where these are alike.
  rules.clamp_mss = mtus.smallest == 0 || mtus.smallest != mtus.largest;
  rules.traffic = settings.accounting == Accounting::traffic;
  for (const ExternalInterface& one : external) rules.external.emplace_back(one.name, one.number);

  std::map<Family, std::vector<Address>> sources;
  for (const Address& address : settings.masquerade_addresses) {
    // Replies to another host's would not come back here.
    if (host.is_local(address)) sources[address.family()].push_back(address);
  }
  for (const auto& [family, addresses] : sources) {
    rules.masquerade_addresses[family] = static_cast<std::uint32_t>(addresses.size());
  }

  EdgeFrame frame;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (family == Family::ipv6 && !host.ipv6) continue;
    frame.state.tables.emplace(family, edge_table(family, rules));
    std::vector<Element>& elements =
        frame.elements.emplace(family, interface_elements(family, rules)).first->second;
    std::ranges::move(masquerade_elements(sources[family]), std::back_inserter(elements));
    add_reply_routes(frame.state, family, host, settings, external);
  }
  frame.state.sysctls[std::string(liberal_tracking)] = "1";
  for (const ExternalInterface& one : external) {
    // The kernel takes the larger of the two, so that 2 (loose) here overrules 1 (strict) there; as
    // long as that is so, this is held.
    const int own = host.interfaces.at(one.name).rp_filter;
    if (host.rp_filter_all == 1 || (own == 1 && host.rp_filter_all == 0)) {
      frame.state.sysctls["net/ipv4/conf/" + one.name + "/rp_filter"] = "2";
    }
  }
  return frame;
}

void place(Forward& forward, const Host& host, const EdgeSettings& settings,
           const std::vector<ExternalInterface>& external) {
  const Address& address = forward.key.address;
  forward.active = settings.address_policy == AddressPolicy::any || host.is_local(address);
  forward.counted = settings.accounting == Accounting::traffic;
  if (!forward.snat) return;
  for (const ExternalInterface& one : external) {
    const auto& addresses = host.interfaces.at(one.name).addresses;
    if (std::ranges::find(addresses, address, &Prefix::address) == addresses.end()) continue;
    forward.via = one.name;
    return;
  }
}

std::set<Address> come_or_gone(const Host& before, const Host& after) {
  std::set<Address> changed;
  for (const Host* side : {&before, &after}) {
    for (const auto& [name, interface] : side->interfaces) {
      for (const Prefix& prefix : interface.addresses) {
        if (before.is_local(prefix.address) != after.is_local(prefix.address)) {
          changed.insert(prefix.address);
        }
      }
    }
  }
  return changed;
}

}  // namespace core
