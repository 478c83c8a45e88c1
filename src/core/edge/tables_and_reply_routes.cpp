#include "core/edge/tables_and_reply_routes.hpp"

#include <algorithm>
#include <regex>

#include "core/constants.hpp"
#include "core/edge/edge_rules.hpp"

namespace core {
namespace {

std::uint32_t smallest_mtu(const Host& host) {
  std::uint32_t smallest = host.route_mtu;
  for (const auto& [name, interface] : host.interfaces) {
    if (interface.up && interface.mtu != 0 && (smallest == 0 || interface.mtu < smallest)) {
      smallest = interface.mtu;
    }
  }
  return smallest;
}

class Framing {
 public:
  Framing(const Host& host, const EdgeSettings& settings,
          const std::vector<EdgePlan::External>& external,
          std::set<std::pair<std::uint32_t, std::uint32_t>> limits)
      : host_(host), settings_(settings), external_(external) {
    rules_.masquerade = settings.masquerade;
    rules_.snat = settings.snat;
    rules_.any_address = settings.address_policy == AddressPolicy::any;
    rules_.mark_mask = settings.mark_mask;
    rules_.smallest_mtu = smallest_mtu(host);
    rules_.limits = std::move(limits);
    for (const EdgePlan::External& one : external) {
      rules_.external.emplace_back(one.name, one.number);
    }
  }

  EdgeFrame run() {
    add_family(Family::ipv4);
    if (host_.ipv6) {
      add_family(Family::ipv6);
    }
    for (const EdgePlan::External& external : external_) {
      const Interface& interface = host_.interfaces.at(external.name);
      // The kernel takes the larger of the two, so that 2 (loose) here overrules 1 (strict) there.
      if (std::max(interface.rp_filter, host_.rp_filter_all) == 1) {
        frame_.state.sysctls["net/ipv4/conf/" + external.name + "/rp_filter"] = "2";
      }
    }
    return std::move(frame_);
  }

 private:
  void add_family(Family family) {
    frame_.state.tables.emplace(family, edge_table(family, rules_));
    frame_.elements.emplace(family, interface_elements(family, rules_));
    const EdgeMarks marks(settings_.mark_mask);
    if (settings_.snat && !external_.empty()) {
      frame_.state.rules.insert({family, constants::edge_rule_priority_specific, marks.departed,
                                 marks.action_mask, 254, true});  // RT_TABLE_MAIN
    }
    for (const EdgePlan::External& external : external_) {
      const Interface& interface = host_.interfaces.at(external.name);
      if (!interface.up) {
        continue;  // its routes are gone, and come back with it
      }
      const std::uint32_t table = constants::edge_route_table_base + external.number;
      bool any = false;
      for (const Prefix& prefix : interface.addresses) {
        if (prefix.family() == family && prefix.length < prefix.address.size() * 8) {
          frame_.state.routes.insert({table, prefix.masked(), std::nullopt, external.name});
          any = true;
        }
      }
      const auto& gateway = family == Family::ipv4 ? external.gateway4 : external.gateway6;
      const bool device_only = family == Family::ipv4 ? interface.default4 : interface.default6;
      if (gateway || device_only) {
        const Prefix everywhere = *Prefix::parse(family == Family::ipv4 ? "0.0.0.0/0" : "::/0");
        frame_.state.routes.insert({table, everywhere, gateway, external.name});
        any = true;
      }
      if (any) {
        frame_.state.rules.insert({family, constants::edge_rule_priority,
                                   marks.interface(external.number), marks.interface_mask, table,
                                   false});
      }
    }
  }

  const Host& host_;
  const EdgeSettings& settings_;
  const std::vector<EdgePlan::External>& external_;
  EdgeRulesInput rules_;
  EdgeFrame frame_;
};

}  // namespace

std::vector<EdgePlan::External> find_external(const Host& host, const EdgeSettings& settings) {
  std::vector<EdgePlan::External> external;
  if (settings.external_interfaces.empty()) {
    return external;
  }
  const std::regex pattern(settings.external_interfaces, std::regex::extended);
  std::vector<const Interface*> found;
  for (const auto& [name, interface] : host.interfaces) {
    if (std::regex_search(name, pattern)) {
      found.push_back(&interface);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto* a, const auto* b) { return a->index < b->index; });
  // The number lives in marks of connections that outlast this process: it comes from the
  // interface's index alone, and is the same after a restart.
  const std::uint32_t numbers = EdgeMarks(settings.mark_mask).interfaces;
  std::set<std::uint32_t> used;
  for (const Interface* interface : found) {
    if (used.size() == numbers) {
      break;
    }
    std::uint32_t number = (interface->index - 1) % numbers;
    while (!used.insert(number).second) {
      number = (number + 1) % numbers;
    }
    external.push_back({interface->name, number + 1,
                        gateway_of(*interface, Family::ipv4, settings.gateway_offset),
                        gateway_of(*interface, Family::ipv6, settings.gateway_offset)});
  }
  return external;
}

EdgeFrame make_edge_frame(const Host& host, const EdgeSettings& settings,
                          const std::vector<EdgePlan::External>& external,
                          std::set<std::pair<std::uint32_t, std::uint32_t>> limits) {
  return Framing(host, settings, external, std::move(limits)).run();
}

std::optional<Address> gateway_of(const Interface& interface, Family family, int offset) {
  const std::optional<Address>& own =
      family == Family::ipv4 ? interface.gateway4 : interface.gateway6;
  if (own) {
    return own;
  }
  for (const Prefix& prefix : interface.addresses) {
    // Without a subnet there is nobody to count from; fe80::/10 is everywhere alike.
    if (prefix.family() != family || prefix.length + 1U >= prefix.address.size() * 8 ||
        (family == Family::ipv6 && prefix.address.bytes()[0] == 0xfe &&
         (prefix.address.bytes()[1] & 0xc0) == 0x80)) {
      continue;
    }
    const Address gateway = offset < 0 ? prefix.last().plus(offset) : prefix.first().plus(offset);
    const bool mine = std::any_of(interface.addresses.begin(), interface.addresses.end(),
                                  [&](const Prefix& p) { return p.address == gateway; });
    return mine || !prefix.contains(gateway) ? std::nullopt : std::optional(gateway);
  }
  return std::nullopt;
}

}  // namespace core
