#include "core/packet/walk/route_table.hpp"

#include <algorithm>
#include <cerrno>

#include "core/packet/walk/route_types.hpp"

namespace core::packet {
namespace {

// Of routes (fib_props, fib6_prop); a rule that refuses has another one (fib4_rule_action).
int refusal(std::uint8_t type, bool by_rule = false) {
  switch (type) {
    case rtn_blackhole:
      return EINVAL;
    case rtn_unreachable:
      return by_rule ? ENETUNREACH : EHOSTUNREACH;
    case rtn_prohibit:
      return EACCES;
    default:
      return 0;
  }
}

bool fits(const ListedRule& rule, const RouteQuery& query, const std::string& in,
          const std::string& out, std::uint32_t vrf_table) {
  const auto within = [](const std::optional<Prefix>& prefix,
                         const std::optional<Address>& address) {
    return !prefix || (address && prefix->contains(*address));
  };
  bool result =
      rule.family == query.destination.family() && within(rule.source, query.source) &&
      within(rule.destination, query.destination) &&
      ((rule.mark ^ query.mark) & rule.mark_mask) == 0 &&
      (rule.tos == 0 || rule.tos == query.tos) &&
      (rule.protocol == 0 || rule.protocol == query.protocol) &&
      (!rule.source_ports || rule.source_ports->contains(query.source_port)) &&
      (!rule.destination_ports || rule.destination_ports->contains(query.destination_port));
  if (!rule.in.empty()) result = result && rule.in == (query.in == 0 ? "lo" : in);
  if (!rule.out.empty()) result = result && rule.out == out;
  if (rule.uids) {
    // What no socket of somebody's sends is root's (sock_net_uid).
    const std::uint32_t uid = query.uid.value_or(0);
    result = result && rule.uids->first <= uid && uid <= rule.uids->second;
  }
  if (rule.l3mdev) result = result && vrf_table != 0;  // l3mdev_fib_rule_match()
  return result != rule.inverted;
}

bool better(const ListedRoute& one, const ListedRoute* other) {
  if (other == nullptr) return true;
  if (one.destination.length != other->destination.length) {
    return one.destination.length > other->destination.length;
  }
  if (one.tos != other->tos) return one.tos > other->tos;
  return one.metric < other->metric;
}

}  // namespace

RouteAnswer RouteTables::look_up(const RouteQuery& query, const std::string& in_name,
                                 const std::string& out_name, std::uint32_t vrf_table) const {
  RouteAnswer answer;
  std::uint32_t skip_to = 0;  // by a goto, which leads forward only (fib_nl_newrule)
  for (const ListedRule& rule : rules) {
    if (rule.priority < skip_to && rule.family == query.destination.family()) continue;
    if (!fits(rule, query, in_name, out_name, vrf_table)) continue;
    if (rule.action == act_goto) {
      // One that leads nowhere is passed over.
      const bool leads = std::ranges::any_of(rules, [&](const ListedRule& one) {
        return one.family == rule.family && one.priority == rule.target;
      });
      if (leads) skip_to = rule.target;
      continue;
    }
    if (refusal(rule.action) != 0) {
      answer.type = rule.action;
      answer.error = refusal(rule.action, true);
      answer.text = "rule " + rule.text;
      return answer;
    }
    if (rule.action != act_to_table) continue;
    const std::uint32_t table = rule.l3mdev ? vrf_table : rule.table;
    const ListedRoute* best = nullptr;
    for (const ListedRoute& route : routes) {
      if (route.table != table || route.destination.family() != query.destination.family() ||
          !route.destination.contains(query.destination) ||
          (route.tos != 0 && route.tos != query.tos) ||
          (query.out != 0 && route.device != 0 && route.device != query.out)) {
        continue;
      }
      if (better(route, best)) best = &route;
    }
    if (best == nullptr || best->type == rtn_throw) continue;
    // What refuses is never passed over (fib_rules_lookup).
    if (rule.suppress_length && best->destination.length <= *rule.suppress_length &&
        refusal(best->type) == 0) {
      continue;
    }
    answer.type = best->type;
    answer.error = refusal(best->type);
    answer.device = best->device;
    answer.gateway = best->gateway;
    answer.source = best->source;
    answer.table = best->table;
    answer.mtu = best->mtu;
    answer.text = best->text;
    answer.hops = best->hops;
    answer.encap_remote = best->encap_remote;
    answer.encap_local = best->encap_local;
    answer.encap_id = best->encap_id;
    return answer;
  }
  answer.error = ENETUNREACH;
  return answer;
}

}  // namespace core::packet
