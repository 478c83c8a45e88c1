// The matches of iptables, as iptables-nft has them in rules of nf_tables.
#include <algorithm>
#include <variant>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

bool fits(Run& run, const XtMatch& match, const std::monostate& /*unknown*/) {
  return run.assume_otherwise("the match " + match.name + " is not known: assumed not to fit");
}

bool fits(Run& run, const XtMatch& /*match*/, const XtMark& mark) {
  if (!mark.connection) {
    return ((run.context.mark & mark.mask) == mark.value) != mark.inverted;
  }
  if (!run.context.connection || run.context.untracked) return false;
  return ((run.context.connection->mark & mark.mask) == mark.value) != mark.inverted;
}

bool same_masked(const Address& address, const XtConntrack::Side& side) {
  const ByteView bytes = address.bytes();
  const ByteView wanted = side.address.bytes();
  const ByteView mask = side.mask.bytes();
  if (wanted.size() != bytes.size() || mask.size() != bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (((bytes[i] ^ wanted[i]) & mask[i]) != 0) return false;
  }
  return true;
}

std::uint32_t xt_state(const Context& context) {
  const std::uint32_t bits = state_bits(context);
  if (bits == state_untracked) return xt_state_untracked;
  if (!context.connection) return bits;
  const std::uint32_t status = context.connection->status;
  return bits | ((status & status_source_nat) != 0 ? xt_state_snat : 0) |
         ((status & status_destination_nat) != 0 ? xt_state_dnat : 0);
}

bool fits(Run& run, const XtMatch& /*match*/, const XtConntrack& conntrack) {
  // True where it is not asked, or the answer is the one that is wanted.
  const auto passes = [&conntrack](std::uint16_t flag, bool answer) {
    return (conntrack.flags & flag) == 0 || answer != ((conntrack.inverted & flag) != 0);
  };
  const Context& context = run.context;
  if (!passes(xt_ct_state, (xt_state(context) & conntrack.states) != 0)) return false;
  if (!context.connection || context.untracked) return (conntrack.flags & xt_ct_state) != 0;
  const Connection& connection = *context.connection;
  const FlowTuple& original = connection.original;
  const FlowTuple& reply = connection.reply;
  const bool decided =
      passes(xt_ct_direction, !context.reply) &&
      passes(xt_ct_orig_src, same_masked(original.source, conntrack.original_source)) &&
      passes(xt_ct_orig_dst, same_masked(original.destination, conntrack.original_destination)) &&
      passes(xt_ct_reply_src, same_masked(reply.source, conntrack.reply_source)) &&
      passes(xt_ct_reply_dst, same_masked(reply.destination, conntrack.reply_destination)) &&
      passes(xt_ct_proto, original.protocol == conntrack.protocol) &&
      passes(xt_ct_orig_src_port, conntrack.original_source.ports.contains(original.source_port)) &&
      passes(xt_ct_orig_dst_port,
             conntrack.original_destination.ports.contains(original.destination_port)) &&
      passes(xt_ct_reply_src_port, conntrack.reply_source.ports.contains(reply.source_port)) &&
      passes(xt_ct_reply_dst_port,
             conntrack.reply_destination.ports.contains(reply.destination_port)) &&
      passes(xt_ct_status, (connection.status & conntrack.status) != 0);
  if (!decided || (conntrack.flags & xt_ct_expires) == 0) return decided;
  return run.assume_otherwise("the match conntrack --ctexpire is not modelled: assumed not to fit");
}

bool fits(Run& run, const XtMatch& /*match*/, const XtSet& set) {
  const bool contained =
      run.assume_otherwise("the ipset with the number " + std::to_string(set.index) +
                           " is not read: assumed not to contain it");
  return contained != set.inverted;
}

bool fits(Run& /*run*/, const XtMatch& /*match*/, const XtComment& /*comment*/) { return true; }

bool fits(Run& run, const XtMatch& /*match*/, const XtMultiport& multiport) {
  const Packet& packet = run.packet;
  if (!run.has_transport() || !packet.has_ports()) return false;
  const bool any =
      std::any_of(multiport.ports.begin(), multiport.ports.end(), [&](const PortRange& ports) {
        const bool source = ports.contains(packet.source_port);
        const bool destination = ports.contains(packet.destination_port);
        switch (multiport.of) {
          case XtMultiport::Of::source:
            return source;
          case XtMultiport::Of::destination:
            return destination;
          case XtMultiport::Of::either:
            return source || destination;
        }
        return false;
      });
  return any != multiport.inverted;
}

constexpr std::uint16_t type_unspec = 1 << 0, type_unicast = 1 << 1, type_local = 1 << 2,
                        type_anycast = 1 << 4, type_multicast = 1 << 5, type_unreachable = 1 << 7;

// xt_addrtype.c: of IPv6 the first three are seen of the address alone.
bool of_type_ipv6(const Address& address, std::uint16_t mask, std::uint32_t type) {
  const ByteView bytes = address.bytes();
  const bool multicast = bytes[0] == 0xff;
  const bool any = std::all_of(bytes.begin(), bytes.end(), [](auto byte) { return byte == 0; });
  if ((mask & type_multicast) != 0 && !multicast) return false;
  if ((mask & type_unicast) != 0 && (multicast || any)) return false;
  if ((mask & type_unspec) != 0 && !any) return false;
  const std::uint16_t routed = mask & (type_local | type_anycast | type_unreachable);
  return routed == 0 || (type < 16 && (routed & 1U << type) != 0);
}

bool of_type(Run& run, const Address& address, std::uint16_t mask, std::uint32_t device) {
  const auto type = run.surroundings.address_type(address, device);
  if (!type) {
    return run.assume_otherwise("the type of the address " + to_string(address) +
                                " is not known: assumed not to fit");
  }
  if (address.family() == Family::ipv6) return of_type_ipv6(address, mask, *type);
  return *type < 16 && (mask & 1U << *type) != 0;
}

bool fits(Run& run, const XtMatch& /*match*/, const XtAddrtype& type) {
  std::uint32_t device = 0;
  if (type.limit_in && run.context.in) device = run.context.in->index;
  if (type.limit_out && run.context.out) device = run.context.out->index;
  const Packet& packet = run.packet;
  if (type.source != 0 &&
      of_type(run, packet.source, type.source, device) == type.source_inverted) {
    return false;
  }
  return type.destination == 0 ||
         of_type(run, packet.destination, type.destination, device) != type.destination_inverted;
}

bool fits(Run& run, const XtMatch& /*match*/, const XtStatistic& statistic) {
  constexpr std::uint32_t always = 0x80000000;
  if (statistic.random ? statistic.probability >= always : statistic.every == 0) {
    return !statistic.inverted;
  }
  if (statistic.random && statistic.probability == 0) return statistic.inverted;
  std::string what = "statistic every " + std::to_string(std::uint64_t{statistic.every} + 1);
  if (statistic.random) {
    const std::uint64_t thousandths =
        (std::uint64_t{statistic.probability} * 1000 + always / 2) / always;
    what = "statistic random " + std::to_string(thousandths / 10) + "." +
           std::to_string(thousandths % 10) + " %";
  }
  const bool first = run.fork(Fork::Kind::balancing, what, 2) == 0;
  run.add_note(what);
  return first;
}

bool fits(Run& run, const XtMatch& /*match*/, const XtPorts& ports) {
  const Packet& packet = run.packet;
  if (!run.has_transport() || packet.protocol != ports.protocol) return false;
  if (ports.source.contains(packet.source_port) == ports.source_inverted) return false;
  if (ports.destination.contains(packet.destination_port) == ports.destination_inverted) {
    return false;
  }
  if (ports.protocol != tcp) return true;
  if (((packet.tcp_flags & ports.flags_mask) == ports.flags) == ports.flags_inverted) return false;
  constexpr std::uint8_t mss = 2;
  if (ports.option == 0) return true;
  return (ports.option == mss && packet.mss != 0) != ports.option_inverted;
}

bool fits(Run& run, const XtMatch& /*match*/, const XtIcmp& icmp_match) {
  const Packet& packet = run.packet;
  if (!run.has_transport() || (packet.protocol != icmp && packet.protocol != icmpv6)) return false;
  const bool any = packet.protocol == icmp && icmp_match.type == 0xff;
  const bool same =
      any || (packet.icmp_type == icmp_match.type && icmp_match.code_first <= packet.icmp_code &&
              packet.icmp_code <= icmp_match.code_last);
  return same != icmp_match.inverted;
}

}  // namespace

Outcome carry_out(Run& run, const XtMatch& match) {
  return match_if(std::visit([&](const auto& what) { return fits(run, match, what); }, match.what));
}

}  // namespace core::packet
