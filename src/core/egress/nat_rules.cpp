#include "core/egress/nat_rules.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "core/constants.hpp"
#include "core/egress/icmp_errors.hpp"
#include "core/state/rule_words.hpp"

namespace core {
namespace {

using namespace nft;

constexpr std::uint32_t state_invalid = 1;       // NF_CT_STATE_INVALID_BIT
constexpr std::uint32_t state_new = 8;           // of enum ip_conntrack_info, as nft numbers it
constexpr std::uint32_t state_untracked = 64;    // NF_CT_STATE_UNTRACKED_BIT
constexpr std::uint32_t direction_original = 0;  // IP_CT_DIR_ORIGINAL
constexpr std::uint32_t direction_reply = 1;     // IP_CT_DIR_REPLY
constexpr std::uint32_t syn = 0x02;
constexpr std::uint32_t fin_syn_rst_ack = 0x17;

Set declare(const char* name, std::vector<Type> key, std::vector<Type> data, bool counter) {
  Set set;
  set.name = name;
  set.key = std::move(key);
  set.data = std::move(data);
  set.counter = counter;
  return set;
}

Set declare_ranges(const char* name, std::vector<Type> key) {
  Set set = declare(name, std::move(key), {}, false);
  set.interval = true;
  return set;
}

// A mark on a packet that ends here is nobody's business, and finds the element that counts it.
Rule refuse(std::vector<Statement> statements, NatDrop why) {
  statements.push_back(SetMark{SetMark::Of::packet, 0, static_cast<std::uint32_t>(why)});
  statements.push_back(InSet{{Field::mark}, name_of(NatSet::drops), true});
  statements.push_back(Verdict{Verdict::Code::drop, ""});
  return rule(std::move(statements), std::string(to_string(why)));
}

Chain input_chain(Family family, const NatRulesInput& input) {
  const bool gpe = input.encapsulation == Egress::Encapsulation::vxlan;
  std::vector<Statement> known{equal(Field::l4proto, udp), equal(Field::dport, input.port)};
  if (gpe) {
    known.push_back(equal(Field::gpe_next_protocol, family == Family::ipv4 ? 1 : 2));
  }
  known.push_back(InSet{{Field::saddr, gpe ? Field::gpe_inner_saddr : Field::fou_inner_saddr},
                        name_of(NatSet::peers),
                        true});
  known.push_back(accept());
  std::vector<Rule> rules = {
      rule(std::move(known), "clients may send in their own name only"),
      refuse({equal(Field::l4proto, udp), equal(Field::dport, input.port)}, NatDrop::unknown_peer)};
  if (!gpe) {
    std::ranges::move(drop_icmp_errors(family, input.port, NatSet::peers, 2),
                      std::back_inserter(rules));
  }
  return {"input", Hook{Hook::Type::filter, Hook::At::input, constants::priority_filter},
          std::move(rules)};
}

// What the other side may send back must fit into the tunnel. "rt mtu" knows that only on the way
// to the client: the other way it asks without the mark that leads there.
Chain from_client_chain(const NatRulesInput& input) {
  return {
      "from-client",
      {},
      {// Whatever the client's own routes say: it may have changed them, or send by hand.
       refuse({InSet{{Field::ct_direction, Field::daddr}, name_of(NatSet::destinations), false}},
              NatDrop::no_destination),
       rule({differs(Field::ct_state, 0, state_new), equal(Field::l4proto, tcp),
             differs(Field::tcp_flags, syn, fin_syn_rst_ack), Reject{true}},
            "of a connection through another NAT pod, or of none: told at once"),
       rule({differs(Field::ct_state, 0, state_new),
             InSet{{Field::saddr}, name_of(NatSet::opened), true}}),
       rule({ClampMss{0, input.client_mss}}), rule({ClampMss{}}),
       rule({InSet{{Field::saddr}, name_of(NatSet::clients), true}, accept()}),
       refuse({}, NatDrop::no_client)}};
}

Chain to_client_chain(const NatRulesInput& input) {
  return {"to-client",
          {},
          {rule({ClampMss{0, input.client_mss}}), rule({ClampMss{}}),
           rule({InSet{{Field::daddr}, name_of(NatSet::replies), true}, accept()}),
           refuse({}, NatDrop::unasked)}};
}

Chain forward_chain() {
  return {"forward",
          Hook{Hook::Type::filter, Hook::At::forward, constants::priority_filter},
          {refuse({differs(Field::ct_state, 0, state_invalid)}, NatDrop::invalid),
           // Nothing translates these, and nobody forwards what there is of them in the wild:
           // neighbour discovery and multicast listeners of IPv6.
           refuse({differs(Field::ct_state, 0, state_untracked)}, NatDrop::invalid),
           rule({equal(Field::iifgroup, constants::tunnel_group),
                 Verdict{Verdict::Code::go_to, "from-client"}}),
           rule({equal(Field::oifgroup, constants::tunnel_group),
                 equal(Field::ct_direction, direction_reply),
                 Verdict{Verdict::Code::go_to, "to-client"}}),
           refuse({}, NatDrop::unasked)}};
}

// VXLAN looks for the outer packet's way with the inner one's mark, and would find the tunnel.
Chain unmark_chain() {
  return {"unmark",
          Hook{Hook::Type::filter, Hook::At::postrouting, constants::priority_mangle},
          {rule({equal(Field::oifgroup, constants::tunnel_group),
                 SetMark{SetMark::Of::packet, 0, 0}})}};
}

// What is within is tracked. Of the packets around it, each flow's would be one more connection,
// which nobody asks for. Only clients' are meant: a reply from outside may have the same port; and
// what has come out of a tunnel may be on its way to that port of somebody else.
Chain untracked(std::string name, Hook::At at, Field peer, std::uint16_t port) {
  std::vector<Statement> around;
  if (at == Hook::At::prerouting) {
    around.push_back(differs(Field::iifgroup, constants::tunnel_group));
  }
  around.insert(around.end(), {equal(Field::l4proto, udp), equal(Field::dport, port),
                               InSet{{peer, peer}, name_of(NatSet::peers), true}, Untrack{}});
  return {std::move(name),
          Hook{Hook::Type::filter, at, constants::priority_raw},
          {rule(std::move(around))}};
}

}  // namespace

std::string_view to_string(NatDrop drop) {
  switch (drop) {
    case NatDrop::unknown_peer:
      return "unknown-peer";
    case NatDrop::invalid:
      return "invalid";
    case NatDrop::no_client:
      return "no-client";
    case NatDrop::unasked:
      return "unasked";
    case NatDrop::no_destination:
      return "no-destination";
  }
  return "?";
}

const std::vector<nft::Set>& nat_sets() {
  using T = Type;
  static const std::vector<nft::Set> sets = {
      declare("peers", {T::address, T::address}, {}, false),
      declare("clients", {T::address}, {}, true), declare("replies", {T::address}, {}, true),
      declare("opened", {T::address}, {}, true), declare("drops", {T::mark}, {}, true),
      declare("egress-addresses", {T::address}, {T::address}, false),
      // Of two fields, as the kernel's set of ranges that is fast and may change piece by piece
      // wants it.
      declare_ranges("destinations", {T::ct_dir, T::address})};
  return sets;
}

nft::Table nat_table(Family family, const NatRulesInput& input) {
  Table table;
  table.family = family;
  table.name = constants::nat_table;
  table.sets = nat_sets();
  // What this pod itself says to what came through a tunnel (resets, "too big") is for the peer.
  Chain mark{"mark",
             Hook{Hook::Type::filter, Hook::At::prerouting, constants::priority_mangle},
             {rule({equal(Field::iifgroup, constants::tunnel_group),
                    SetMark{SetMark::Of::packet, 0, constants::peer_mark}})}};
  std::vector<Statement> leave{differs(Field::oifgroup, constants::tunnel_group),
                               InSet{{Field::saddr, Field::saddr}, name_of(NatSet::peers), true}};
  if (input.snat) {
    leave.push_back(Nat{
        Nat::Kind::source, {Field::saddr}, name_of(NatSet::egress_addresses), false, std::nullopt});
  } else {
    // Ports that clients choose would collide more the more of them there are.
    leave.push_back(Masquerade{true});
  }
  Chain source{"source",
               Hook{Hook::Type::nat, Hook::At::postrouting, constants::priority_srcnat},
               {rule(std::move(leave))}};
  table.chains = {from_client_chain(input),
                  to_client_chain(input),
                  input_chain(family, input),
                  std::move(mark),
                  forward_chain(),
                  unmark_chain(),
                  std::move(source),
                  untracked("untracked-in", Hook::At::prerouting, Field::saddr, input.port),
                  untracked("untracked-out", Hook::At::output, Field::daddr, input.port)};
  return table;
}

std::vector<Element> drop_elements(Family family) {
  std::vector<Element> elements;
  for (const NatDrop drop : nat_drops) {
    Element element;
    element.key.family = family;
    element.key.set = NatSet::drops;
    const auto mark = static_cast<std::uint32_t>(drop);
    std::uint8_t bytes[sizeof mark];
    std::memcpy(bytes, &mark, sizeof mark);
    element.key.key.append(bytes);
    elements.push_back(element);
  }
  return elements;
}

Element destination_element(const AddressRange& range) {
  Element element;
  element.key.family = range.first.family();
  element.key.set = NatSet::destinations;
  constexpr std::uint8_t direction[] = {direction_original, 0, 0, 0};
  element.key.key.append(direction);
  element.key.key.append(range.first.bytes());
  element.key.end.append(range.last.bytes());
  return element;
}

}  // namespace core
