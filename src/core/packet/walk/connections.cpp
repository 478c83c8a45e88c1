#include "core/packet/walk/connections.hpp"

#include <algorithm>

namespace core::packet {
namespace {

constexpr std::uint32_t random_ports = 1U << 2 | 1U << 4;  // NF_NAT_RANGE_PROTO_RANDOM(_FULLY)

bool is_icmp(std::uint8_t protocol) { return protocol == icmp || protocol == icmpv6; }

// More are not tried: the kernel does not try many more.
constexpr std::uint32_t most_port_tries = 128;

// Ports from which one is chosen where the wished one is taken: those of the rule, else as the
// kernel groups them.
PortRange ports_for(const std::optional<NatRequest>& request, std::uint16_t wished) {
  if (request && request->port_min) {
    return {*request->port_min, request->port_max.value_or(*request->port_min)};
  }
  if (wished < 512) return {1, 511};
  if (wished < 1024) return {600, 1023};
  return {1024, 65535};
}

// The tuple of a packet that would go the other way.
FlowTuple inverse(const FlowTuple& tuple) { return reversed(tuple); }

constexpr std::uint8_t tcp_time_wait = 7;  // enum tcp_conntrack
constexpr std::uint8_t tcp_close = 8;

// Whether an entry is made of it (tcp_conntracks' column of none, icmp_new). A packet of a
// connection that began before is taken for its beginning, unless that is forbidden.
bool begins(const Packet& packet, Network& network) {
  if (packet.protocol == icmp) return packet.icmp_type != 0;
  if (packet.protocol == icmpv6) return packet.icmp_type != 129;
  if (packet.protocol != tcp) return true;
  const bool acknowledges = (packet.tcp_flags & ack) != 0;
  if ((packet.tcp_flags & rst) != 0) return false;
  if ((packet.tcp_flags & syn) != 0) return !acknowledges;
  if ((packet.tcp_flags & fin) != 0 || !acknowledges) return false;
  return network.sysctl("net/netfilter/nf_conntrack_tcp_loose").value_or(1) != 0;
}

// A new connection of the same ports takes the place of one that is over (nf_conntrack_tcp_packet).
bool is_over(const Connection& connection, const Packet& packet) {
  return packet.protocol == tcp && (packet.tcp_flags & (syn | ack | rst | fin)) == syn &&
         (connection.tcp_state == tcp_time_wait || connection.tcp_state == tcp_close);
}

}  // namespace

std::optional<Connection> Connections::find(const FlowTuple& tuple, Network& network) {
  const auto made = std::ranges::find_if(
      made_, [&](const Connection& one) { return one.original == tuple || one.reply == tuple; });
  if (made != made_.end()) return *made;
  auto found = network.connection(tuple);
  if (found && std::ranges::find(ended_, found->original) != ended_.end()) return std::nullopt;
  return found;
}

bool Connections::used(const FlowTuple& tuple, Network& network) {
  return find(tuple, network).has_value();
}

bool Connections::track(const Packet& packet, Context& context, Network& network) {
  context.connection.reset();
  context.reply = false;
  context.state = CtState::invalid;
  if (context.untracked) {
    context.state = CtState::untracked;
    return true;
  }
  FlowTuple tuple = tuple_of(packet);
  const bool error = is_icmp_error(packet);
  if (error) {
    const auto quoted = parse_packet(packet.payload);
    if (!quoted) return true;
    // It belongs to what goes against the packet that it is about (nf_conntrack_inet_error).
    tuple = inverse(tuple_of(*quoted));
  }
  auto found = find(tuple, network);
  if (found && is_over(*found, packet)) {
    ended_.push_back(found->original);
    found.reset();
  }
  if (found) {
    context.reply = found->reply == tuple && found->original != tuple;
    if (error) {
      context.state = CtState::related;
    } else if (context.reply || (found->status & ips_seen_reply) != 0) {
      context.state = CtState::established;
    } else {
      context.state = (found->status & ips_expected) != 0 ? CtState::related : CtState::fresh;
    }
    if (context.reply && !error) found->status |= ips_seen_reply;
    context.connection = *found;
    return true;
  }
  if (error || !begins(packet, network)) return true;
  const Network::Fill fill = network.conntrack_fill();
  if (fill.limit > 0 && fill.entries >= fill.limit) return false;
  Connection made;
  made.original = tuple;
  made.reply = inverse(tuple);
  context.connection = made;
  context.state = CtState::fresh;
  return true;
}

bool Connections::undecided(const Context& context, bool destination) {
  if (!context.connection || context.state != CtState::fresh || context.reply) return false;
  const std::uint32_t done = destination ? ips_dst_nat_done : ips_src_nat_done;
  return (context.connection->status & (done | ips_confirmed)) == 0;
}

std::optional<std::string> Connections::decide(const Packet& packet, Context& context,
                                               bool destination,
                                               const std::optional<NatRequest>& request,
                                               const std::optional<Address>& primary,
                                               Network& network) {
  Connection& connection = *context.connection;
  connection.status |= destination ? ips_dst_nat_done : ips_src_nat_done;
  if (!request && destination) return "";
  std::string note;
  FlowTuple now = inverse(connection.reply);  // as it is after what was decided before
  FlowTuple wanted = now;
  Address& address = destination ? wanted.destination : wanted.source;
  std::uint16_t& port = destination ? wanted.destination_port : wanted.source_port;
  if (request) {
    if (request->address_min) address = *request->address_min;
    if ((request->masquerade || request->redirect) && primary) address = *primary;
    if (request->port_min && !is_icmp(packet.protocol)) {
      const std::uint16_t last = request->port_max.value_or(*request->port_min);
      if (port < *request->port_min || port > last) port = *request->port_min;
    }
    if ((request->flags & random_ports) != 0 && !is_icmp(packet.protocol)) {
      note = "the port is chosen at random";
    }
    if (request->address_max && request->address_max != request->address_min) {
      note = "one of several addresses, by a hash of the kernel's";
    }
  }
  // Two connections never share the tuple of their replies: the source port gives way
  // (nf_nat_l4proto_unique_tuple).
  if (!destination && used(inverse(wanted), network)) {
    const std::uint16_t before = port;
    const PortRange range = ports_for(request, before);
    const std::uint32_t tries = std::min(range.size(), most_port_tries);
    bool found = false;
    for (std::uint32_t i = 0; i < tries && !found; ++i) {
      port =
          static_cast<std::uint16_t>(range.first + (before - range.first + 1 + i) % range.size());
      // The identifier of an echo is both.
      if (is_icmp(packet.protocol)) wanted.destination_port = port;
      found = !used(inverse(wanted), network);
    }
    if (!found) return std::nullopt;
    note = (is_icmp(packet.protocol) ? "identifier " : "source port ") + std::to_string(before) +
           " is taken by another connection to there";
  }
  if (wanted != now) {
    connection.reply = inverse(wanted);
    connection.status |= destination ? ips_dst_nat : ips_src_nat;
  }
  return note;
}

bool Connections::translate(Packet& packet, const Context& context, bool destination) {
  if (!context.connection) return false;
  const Connection& connection = *context.connection;
  std::uint32_t bit = destination ? ips_dst_nat : ips_src_nat;
  if (context.reply) bit = destination ? ips_src_nat : ips_dst_nat;
  if ((connection.status & bit) == 0) return false;
  if (is_icmp_error(packet)) {
    // Inside it is the packet that it is about, which goes the other way.
    auto quoted = parse_packet(packet.payload);
    if (!quoted) return false;
    const FlowTuple& about = context.reply ? connection.original : connection.reply;
    if (destination) {
      packet.destination = about.source;
      quoted->source = about.source;
      if (quoted->has_ports()) quoted->source_port = about.source_port;
    } else {
      packet.source = about.destination;
      quoted->destination = about.destination;
      if (quoted->has_ports()) quoted->destination_port = about.destination_port;
    }
    if (is_echo(*quoted)) quoted->icmp_id = about.source_port;
    packet.payload = to_bytes(*quoted);
    return true;
  }
  const FlowTuple target = inverse(context.reply ? connection.original : connection.reply);
  const Packet before = packet;
  if (destination) {
    packet.destination = target.destination;
    if (packet.has_ports()) packet.destination_port = target.destination_port;
  } else {
    packet.source = target.source;
    if (packet.has_ports()) packet.source_port = target.source_port;
  }
  if (is_echo(packet)) packet.icmp_id = target.source_port;
  return packet != before;
}

void Connections::confirm(Context& context) {
  if (!context.connection) return;
  context.connection->status |= ips_confirmed;
  const Connection& now = *context.connection;
  const auto made = std::ranges::find(made_, now.original, &Connection::original);
  if (made != made_.end()) {
    *made = now;
  } else {
    made_.push_back(now);
  }
}

}  // namespace core::packet
