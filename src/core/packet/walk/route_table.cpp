#include "core/packet/walk/route_table.hpp"

#include <algorithm>
#include <cerrno>

#include "core/packet/walk/route_types.hpp"

namespace core::packet {
namespace {

constexpr std::uint8_t act_to_table = 1;  // FR_ACT_TO_TBL

int refusal(std::uint8_t type) {
  switch (type) {
    case rtn_blackhole:
      return EINVAL;
    case rtn_unreachable:
      return EHOSTUNREACH;
    case rtn_prohibit:
      return EACCES;
    default:
      return 0;
  }
}

bool fits(const ListedRule& rule, const RouteQuery& query, const std::string& in,
          const std::string& out) {
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

bool RouteTables::ask(const ListedRule& rule, const RouteQuery& query, RouteAnswer& answer) const {
  if (refusal(rule.action) != 0) {
    answer.type = rule.action;
    answer.error = refusal(rule.action);
    answer.text = "rule " + rule.text;
    return true;
  }
  if (rule.action != act_to_table) return false;
  const ListedRoute* best = nullptr;
  for (const ListedRoute& route : routes) {
    if (route.table != rule.table || route.destination.family() != query.destination.family() ||
        !route.destination.contains(query.destination) ||
        (route.tos != 0 && route.tos != query.tos) ||
        (query.out != 0 && route.device != 0 && route.device != query.out)) {
      continue;
    }
    if (better(route, best)) best = &route;
  }
  if (best == nullptr || best->type == rtn_throw) return false;
  // What refuses is never passed over (fib_rules_lookup).
  if (rule.suppress_length && best->destination.length <= *rule.suppress_length &&
      refusal(best->type) == 0) {
    return false;
  }
  answer.type = best->type;
  answer.error = refusal(best->type);
  answer.device = best->device;
  answer.gateway = best->gateway;
  answer.source = best->source;
  answer.table = best->table;
  answer.mtu = best->mtu;
  answer.text = best->text;
  answer.encap_remote = best->encap_remote;
  answer.encap_local = best->encap_local;
  answer.encap_id = best->encap_id;
  return true;
}

RouteAnswer RouteTables::look_up(const RouteQuery& query, const std::string& in_name,
                                 const std::string& out_name, std::uint32_t vrf) const {
  RouteAnswer answer;
  if (vrf != 0) {
    ListedRule rule;
    rule.table = vrf;
    if (ask(rule, query, answer)) return answer;
  }
  for (const ListedRule& rule : rules) {
    if (fits(rule, query, in_name, out_name) && ask(rule, query, answer)) return answer;
  }
  answer.error = ENETUNREACH;
  return answer;
}

}  // namespace core::packet
