// The targets of iptables.
#include <algorithm>
#include <iterator>
#include <variant>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

constexpr std::uint16_t clamp_to_path = 0xffff;  // XT_TCPMSS_CLAMP_PMTU
constexpr std::uint8_t unreachable_ipv4 = 3, unreachable_ipv6 = 1;

struct IptablesReject {
  bool reset = false;
  bool answers = true;  // the kernel knows no answer for the others
  std::uint8_t code = 0;
};
// ipt_REJECT.h: net, host, protocol and port unreachable; echo reply; net and host prohibited; TCP
// reset; administratively prohibited.
constexpr IptablesReject rejects_ipv4[] = {{false, true, 0},  {false, true, 1},  {false, true, 2},
                                           {false, true, 3},  {false, false, 0}, {false, true, 9},
                                           {false, true, 10}, {true, true, 0},   {false, true, 13}};
// ip6t_REJECT.h: no route, prohibited, not a neighbour, address and port unreachable; echo reply;
// TCP reset; policy failed; route rejected.
constexpr IptablesReject rejects_ipv6[] = {{false, true, 0}, {false, true, 1}, {false, true, 2},
                                           {false, true, 3}, {false, true, 4}, {false, false, 0},
                                           {true, true, 0},  {false, true, 5}, {false, true, 6}};

Outcome apply(Run& run, const XtTarget& target, const std::monostate& /*unknown*/) {
  run.assume("the target " + target.name + " is not known: assumed to change nothing");
  return Outcome::next;
}

Outcome apply(Run& run, const XtTarget& /*target*/, const XtSetMark& mark) {
  if (!mark.connection) {
    set_mark(run, (run.context.mark & ~mark.mask) ^ mark.value);
  } else if (run.context.connection && !run.context.untracked) {
    set_connection_mark(run, (run.context.connection->mark & ~mark.mask) ^ mark.value);
  }
  return Outcome::next;
}

Outcome apply(Run& run, const XtTarget& /*target*/, const XtCopyMark& copy) {
  if (!run.context.connection || run.context.untracked) return Outcome::next;
  const std::uint32_t of_connection = run.context.connection->mark;
  if (copy.save) {
    set_connection_mark(
        run, (of_connection & ~copy.connection_mask) ^ (run.context.mark & copy.packet_mask));
  } else {
    set_mark(run, (run.context.mark & ~copy.packet_mask) ^ (of_connection & copy.connection_mask));
  }
  return Outcome::next;
}

Outcome apply(Run& run, const XtTarget& target, const XtNat& nat) {
  NatRequest request;
  request.destination = nat.kind == XtNat::Kind::destination || nat.kind == XtNat::Kind::redirect;
  request.masquerade = nat.kind == XtNat::Kind::masquerade;
  request.redirect = nat.kind == XtNat::Kind::redirect;
  request.flags = nat.flags;
  const bool has_address = nat.kind == XtNat::Kind::destination || nat.kind == XtNat::Kind::source;
  if (has_address && (nat.flags & nat_map_ips) != 0) {
    request.address_min = nat.address_min;
    request.address_max = nat.address_max;
  }
  if ((nat.flags & nat_proto_specified) != 0) {
    request.port_min = nat.port_min;
    request.port_max = nat.port_max;
  }
  if (target.name == "NETMAP") request.flags |= nat_netmap;
  return request_nat(run, request);
}

Outcome apply(Run& run, const XtTarget& /*target*/, const XtReject& reject) {
  const bool ipv4 = run.packet.family == Family::ipv4;
  IptablesReject with{reject.tcp_reset, true, 0};
  const auto& table = ipv4 ? rejects_ipv4 : rejects_ipv6;
  if (!reject.tcp_reset && reject.with < std::size(table)) with = table[reject.with];
  if (!with.answers) return run.end(Verdict::Code::drop);
  if (with.reset) return reject_with(run, {true, 0, 0});
  return reject_with(run, {false, ipv4 ? unreachable_ipv4 : unreachable_ipv6, with.code});
}

Outcome apply(Run& run, const XtTarget& /*target*/, const XtTcpMss& mss) {
  if (run.packet.protocol != tcp || !run.has_transport() || (run.packet.tcp_flags & syn) == 0) {
    return Outcome::next;
  }
  std::uint16_t to = mss.mss;
  if (to == clamp_to_path) {
    const auto path = run.surroundings.route_key(run.packet, run.context, rt_tcpmss);
    if (!path || path->size() < 2) {
      run.assume("the MTU of the path is not known: the MSS is assumed to stay");
      return Outcome::next;
    }
    to = host16(*path);
  }
  if (run.packet.mss == 0) {
    if (!run.packet.payload.empty()) return Outcome::next;  // there is no room in front of it
    // RFC 9293: without the option, that much is taken at most.
    const std::uint16_t usual = run.packet.family == Family::ipv4 ? 536 : 1220;
    run.packet.mss = std::min(to, usual);
    run.packet_changed();
    return Outcome::next;
  }
  clamp_mss(run, to);
  return Outcome::next;
}

Outcome apply(Run& run, const XtTarget& /*target*/, const XtUntrack& /*untrack*/) {
  untrack(run);
  return Outcome::next;
}

Outcome apply(Run& /*run*/, const XtTarget& /*target*/, const XtPasses& /*passes*/) {
  return Outcome::next;
}

}  // namespace

Outcome carry_out(Run& run, const XtTarget& target) {
  return std::visit([&](const auto& what) { return apply(run, target, what); }, target.what);
}

}  // namespace core::packet
