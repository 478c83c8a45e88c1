#include "core/check/trials.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "core/check/codes.hpp"
#include "core/constants.hpp"
#include "core/edge/tables/edge_rules.hpp"
#include "core/egress/client_rules.hpp"
#include "core/egress/nat_rules.hpp"
#include "core/egress/tunnels.hpp"

namespace core::check {
namespace {

// The codes of what a statement asks of the kernel; none: nftables alone.
using Asked = std::set<int>;

void ask_field(nft::Field field, Asked& asked) {
  switch (field) {
    case nft::Field::ct_mark:
    case nft::Field::ct_state:
    case nft::Field::ct_direction:
    case nft::Field::ct_original_daddr:
    case nft::Field::ct_original_dport:
    case nft::Field::ct_status:
      asked.insert(code::conntrack);
      break;
    case nft::Field::fib_daddr_type:
      asked.insert(code::fib);
      break;
    default:
      break;
  }
}

void ask_key(const nft::Key& key, Asked& asked) {
  for (const nft::Part& part : key) {
    if (const auto* const field = std::get_if<nft::Field>(&part)) {
      ask_field(*field, asked);
    } else if (const auto* const masked = std::get_if<nft::Masked>(&part)) {
      ask_field(masked->field, asked);
    } else if (std::holds_alternative<nft::Hash>(part)) {
      asked.insert(code::hash);
    } else if (const auto* const mapped = std::get_if<nft::Mapped>(&part)) {
      for (const nft::Field field : mapped->fields) ask_field(field, asked);
    }
  }
}

struct Asking {
  Asked& asked;

  void operator()(const nft::Match& match) const { ask_field(match.field, asked); }
  void operator()(const nft::InSet& lookup) const { ask_key(lookup.key, asked); }
  void operator()(const nft::VerdictMap& lookup) const { ask_key(lookup.key, asked); }
  void operator()(const nft::SetMark& mark) const {
    if (mark.of == nft::SetMark::Of::connection) asked.insert(code::conntrack);
  }
  void operator()(const nft::Nat& nat) const {
    asked.insert(code::nat);
    ask_key(nat.key, asked);
  }
  void operator()(const nft::Masquerade&) const { asked.insert(code::nat); }
  void operator()(const nft::Redirect&) const { asked.insert(code::nat); }
  void operator()(const nft::Untrack&) const { asked.insert(code::notrack); }
  void operator()(const nft::Reject&) const { asked.insert(code::reject); }
  void operator()(const nft::ClampMss&) const { asked.insert(code::clamp); }
  void operator()(const nft::OverLimit& limit) const {
    asked.insert(code::limits);
    ask_key(limit.key, asked);
  }
  void operator()(const nft::Verdict&) const {}
};

Asked asked_by(const nft::Rule& rule) {
  Asked asked;
  for (const nft::Statement& statement : rule.statements) std::visit(Asking{asked}, statement);
  return asked;
}

// The table with those rules alone that ask for `code`, and for nothing more than it and for what
// such rules always do (connection tracking; of hashes, translation); 0: for nothing.
nft::Table only(nft::Table table, int code) {
  const bool nat = code == code::nat || code == code::hash;
  for (nft::Chain& chain : table.chains) {
    if (!nat && chain.hook && chain.hook->type == nft::Hook::Type::nat) chain.hook.reset();
    std::erase_if(chain.rules, [&](const nft::Rule& rule) {
      Asked asked = asked_by(rule);
      const bool wanted = code == 0 ? asked.empty() : asked.erase(code) != 0;
      if (code != code::conntrack) asked.erase(code::conntrack);
      if (code == code::hash) asked.erase(code::nat);
      return !wanted || !asked.empty();
    });
  }
  // The kernel would take the state of an element for one: without a rule that fills it, it is not
  // asked for.
  if (code != code::limits) {
    std::erase_if(table.sets, [](const nft::Set& set) { return set.dynamic; });
  }
  return table;
}

nft::Table whole_edge(Family family) {
  EdgeRulesInput input;
  input.any_address = true;
  input.mark_mask = constants::edge_mark_mask;
  input.external = {{"lo", 1}};
  input.smallest_mtu = 1400;
  nft::Table table = edge_table(family, input);
  add_source_limit(table, {1, 10, 10}, false);
  return table;
}

nft::Table whole_nat(Family family) {
  NatRulesInput input;
  input.encapsulation = Egress::Encapsulation::vxlan;
  input.port = constants::vxlan_gpe_port;
  input.client_mss = 1300;
  return nat_table(family, input);
}

class Trials {
 public:
  explicit Trials(bool ipv6) {
    families_.push_back(Family::ipv4);
    if (ipv6) families_.push_back(Family::ipv6);
  }

  std::vector<TrialState> run() {
    for (const int code : {code::nftables, code::nat, code::conntrack, code::fib, code::hash,
                           code::limits, code::clamp, code::reject}) {
      tables(code, edge_scope(), whole_edge);
    }
    tables(code::notrack, nat_scope(), whole_nat);
    routing();
    tunnel(code::vxlan, {}, gpe_tunnel(1400));
    tunnel(code::fou, FouPort{Family::ipv4, constants::fou_port}, sink(Family::ipv4));
    if (families_.size() > 1) {
      tunnel(code::fou6, FouPort{Family::ipv6, constants::fou_port}, sink(Family::ipv6));
    }
    group();
    return std::move(trials_);
  }

 private:
  void tables(int code, Scope scope, nft::Table (*whole)(Family)) {
    core::State state;
    for (const Family family : families_) {
      state.tables.emplace(family, only(whole(family), code == code::nftables ? 0 : code));
    }
    trials_.push_back({code, std::move(scope), std::move(state)});
  }

  void routing() {
    core::State state;
    for (const Family family : families_) {
      PolicyRule rule;
      rule.family = family;
      rule.priority = constants::edge_rule_priority;
      rule.mark = 1U << 25;
      rule.mask = constants::edge_mark_mask;
      rule.table = constants::edge_route_table_base + 1;
      state.rules.insert(rule);
      Route route;
      route.table = rule.table;
      route.destination =
          *Prefix::parse(family == Family::ipv4 ? "203.0.113.0/24" : "2001:db8:f::/64");
      route.type = Route::Type::unreachable;
      route.metric = constants::fence_metric;
      state.routes.insert(route);
    }
    trials_.push_back({code::policy_routing, edge_scope(), std::move(state)});
  }

  static Link sink(Family family) {
    Link link;
    link.name = family == Family::ipv4 ? "pona-try4" : "pona-try6";
    link.body = FouSink{family};
    link.mtu = 1400;
    return link;
  }

  void tunnel(int code, std::optional<FouPort> port, Link link) {
    core::State state;
    if (port) state.fou_ports.insert(*port);
    state.links.emplace(link.name, std::move(link));
    trials_.push_back({code, nat_scope(), std::move(state)});
  }

  // Of next hops by a tunnel, as clients have them.
  void group() {
    core::State state;
    Link link = gpe_tunnel(1400);
    Nexthop member;
    member.id = constants::nexthop_base + 1;
    member.family = Family::ipv4;
    member.device = link.name;
    member.encapsulation = Encapsulation{constants::vxlan_id, *Address::parse("192.0.2.1")};
    Nexthop group;
    group.id = constants::nexthop_base + 2;
    group.members = {{member.id, 1}};
    group.buckets = 8;
    group.idle_seconds = 60;
    state.links.emplace(link.name, std::move(link));
    state.nexthops.emplace(member.id, member);
    state.nexthops.emplace(group.id, group);
    trials_.push_back({code::nexthop, client_scope(), std::move(state)});
  }

  std::vector<Family> families_;
  std::vector<TrialState> trials_;
};

}  // namespace

std::vector<TrialState> trial_states(bool ipv6) { return Trials(ipv6).run(); }

}  // namespace core::check
