#include "core/egress/client_rules.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "core/constants.hpp"
#include "core/egress/icmp_errors.hpp"
#include "core/state/rule_words.hpp"

namespace core {

using namespace nft;

namespace {

using constants::inbound_mark;
using constants::tunnel_group;

constexpr std::uint32_t ct_untracked = 64;        // NF_CT_STATE_UNTRACKED_BIT
constexpr std::uint32_t original = 0, reply = 1;  // enum ip_conntrack_dir
constexpr std::uint32_t icmpv6 = 58;              // IPPROTO_ICMPV6
constexpr std::uint32_t lo = 1;                   // LOOPBACK_IFINDEX, in every namespace

constexpr SetMark to_inbound{SetMark::Of::packet, whole, inbound_mark};

// What is marked as a reply is never in the set.
InSet is_closed(Field address) {
  return {{Masked{Field::mark, inbound_mark}, address}, name_of(ClientSet::closed), true};
}

// Who asks for a connection from outside, and what is answered within this namespace. The kernel
// answers with the mark of what it answers (fwmark_reflect, tcp_fwmark_accept), so that the way of
// an answer is not looked for among the Egresses' at all: there may be a fence. Connections that
// come in from elsewhere need no mark, and have none that others might stumble over.
Chain inbound_chain() {
  return {"inbound",
          Hook{Hook::Type::filter, Hook::At::prerouting, constants::priority_mangle},
          {rule({equal(Field::iif, lo), accept()}),
           rule({equal(Field::iifgroup, tunnel_group), accept()}),
           rule({equal(Field::ct_direction, original), is_closed(Field::saddr),
                 SetMark{SetMark::Of::connection, whole, inbound_mark}, to_inbound}),
           // What is forwarded, such as a container's within the pod.
           rule({equal(Field::ct_direction, reply),
                 equal(Field::ct_mark, inbound_mark, inbound_mark), to_inbound})}};
}

// A packet that gets another mark has its way looked for anew.
Chain replies_chain() {
  return {"replies",
          Hook{Hook::Type::route, Hook::At::output, constants::priority_mangle},
          {rule({equal(Field::ct_direction, reply),
                 equal(Field::ct_mark, inbound_mark, inbound_mark), to_inbound, accept()},
                "back the way it came"),
           rule({equal(Field::mark, inbound_mark, inbound_mark),
                 SetMark{SetMark::Of::packet, ~inbound_mark, 0}},
                "nobody else has this mark")}};
}

Chain output_chain(Family family) {
  std::vector<Rule> rules{rule({equal(Field::oifgroup, tunnel_group), accept()}),
                          rule({equal(Field::oif, lo), accept()})};
  if (family == Family::ipv6) {
    rules.push_back(
        rule({equal(Field::l4proto, icmpv6), differs(Field::ct_state, 0, ct_untracked), accept()},
             "neighbour discovery"));
  }
  // ICMP would reach a connection that is being opened only as it tries again, a second later.
  rules.push_back(
      rule({equal(Field::l4proto, tcp), is_closed(Field::daddr), Reject{.tcp_reset = true}},
           "by a tunnel, or not at all"));
  rules.push_back(rule({is_closed(Field::daddr), Reject{.unreachable = true}}, "likewise"));
  return {"output", Hook{Hook::Type::filter, Hook::At::output, constants::priority_filter},
          std::move(rules)};
}

// What is within is tracked. Of the packets around it, each flow's would be one more connection.
Chain untracked_chain(std::string name, Hook::At at, Field peer,
                      const std::set<std::uint16_t>& ports) {
  Chain chain{std::move(name), Hook{Hook::Type::filter, at, constants::priority_raw}, {}};
  for (const std::uint16_t port : ports) {
    chain.rules.push_back(rule({equal(Field::l4proto, udp), equal(Field::dport, port),
                                InSet{{peer}, name_of(ClientSet::gateways), true}, Untrack{}}));
  }
  return chain;
}

Chain client_input_chain(Family family, const ClientRulesInput& input) {
  Chain chain{"input", Hook{Hook::Type::filter, Hook::At::input, constants::priority_filter}, {}};
  if (input.guarded_port != 0) {
    const InSet from_others{{Field::saddr}, name_of(ClientSet::gateways), false};
    chain.rules.push_back(rule(
        {equal(Field::l4proto, udp), equal(Field::dport, input.guarded_port), from_others, drop()},
        "nobody but NAT pods"));
  }
  for (const std::uint16_t port : input.tunnel_ports) {
    if (port == constants::vxlan_gpe_port) continue;
    std::vector<Rule> rules = drop_icmp_errors(family, port, ClientSet::gateways, 1);
    std::ranges::move(rules, std::back_inserter(chain.rules));
  }
  return chain;
}

}  // namespace

const std::vector<nft::Set>& client_sets() {
  static const std::vector<nft::Set> sets = [] {
    Set gateways;
    gateways.name = "gateways";
    gateways.key = {Type::address};
    Set closed;
    closed.name = "closed";
    closed.key = {Type::mark, Type::address};
    closed.interval = true;
    return std::vector{gateways, closed};
  }();
  return sets;
}

nft::Table client_table(Family family, const ClientRulesInput& input) {
  Table table{family, std::string(constants::client_table), client_sets(), {}};
  if (Chain chain = client_input_chain(family, input); !chain.rules.empty()) {
    table.chains.push_back(std::move(chain));
  }
  if (!input.tunnel_ports.empty()) {
    table.chains.push_back(
        untracked_chain("untracked-in", Hook::At::prerouting, Field::saddr, input.tunnel_ports));
    table.chains.push_back(
        untracked_chain("untracked-out", Hook::At::output, Field::daddr, input.tunnel_ports));
  }
  table.chains.push_back(inbound_chain());
  table.chains.push_back(replies_chain());
  table.chains.push_back(output_chain(family));
  return table;
}

Element closed_element(const AddressRange& range) {
  Element element;
  element.key.family = range.first.family();
  element.key.set = ClientSet::closed;
  element.key.key.append(std::array<std::uint8_t, 4>{});
  element.key.key.append(range.first.bytes());
  element.key.end.append(range.last.bytes());
  return element;
}

}  // namespace core
