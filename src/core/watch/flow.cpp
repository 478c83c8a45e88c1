#include "core/watch/flow.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace core::watch {
namespace {

// Of enum skb_drop_reason (include/net/dropreason-core.h): those that who operates a network meets.
struct ReasonWords {
  std::string_view name;
  std::string_view words;
};
constexpr ReasonWords reason_words[] = {
    {"IP_INADDRERRORS", "no address of this host, and forwarding is off"},
    {"IP_INNOROUTES", "no route to the destination"},
    {"IP_INVALID_SOURCE", "a source address that cannot be"},
    {"IP_LOCAL_SOURCE", "it claims to come from an address of this host"},
    {"IP_LOCALNET", "127.0.0.0/8 from outside"},
    {"IP_NOPROTO", "nobody here takes this protocol"},
    {"IP_OUTNOROUTES", "no route to the destination"},
    {"IP_RPFILTER", "the answer would leave by another interface (rp_filter)"},
    {"NEIGH_FAILED", "the next hop does not answer ARP or neighbour discovery"},
    {"NEIGH_QUEUEFULL", "too many packets wait for the next hop's address"},
    {"NETFILTER_DROP", "a firewall rule"},
    {"NOT_SPECIFIED", "the kernel gives no reason"},
    {"NO_SOCKET", "nobody listens there"},
    {"PKT_TOO_BIG", "larger than the MTU"},
    {"PKT_TOO_SMALL", "cut off"},
    {"SOCKET_FILTER", "the receiver's socket filter"},
    {"SOCKET_RCVBUFF", "the receiver does not read fast enough"},
    {"TCP_CSUM", "wrong checksum"},
    {"TCP_OVERWINDOW", "outside the TCP window"},
    {"TCP_OLD_SEQUENCE", "outside the TCP window"},
    {"UDP_CSUM", "wrong checksum"},
    {"UNHANDLED_PROTO", "nobody here takes this kind of frame"},
    {"XDP", "an XDP program"},
};

bool with_ports(std::uint8_t protocol) {
  return protocol != packet::icmp && protocol != packet::icmpv6;
}

std::string end_text(const packet::FlowTuple& tuple, const Address& address, std::uint16_t port) {
  std::string text = to_string(address);
  if (port == 0 || !with_ports(tuple.protocol)) return text;
  return (address.family() == Family::ipv6 ? '[' + text + ']' : text) + ':' + std::to_string(port);
}

}  // namespace

Flow to_flow(const packet::ConnectionEvent& event) {
  Flow flow;
  flow.place = event.place;
  flow.ended = event.kind == packet::ConnectionEvent::Kind::ended;
  flow.before = event.connection.original;
  flow.after = packet::reversed(event.connection.reply);
  flow.id = event.connection.id;
  return flow;
}

std::string source_text(const packet::FlowTuple& tuple) {
  return end_text(tuple, tuple.source, tuple.source_port);
}
std::string destination_text(const packet::FlowTuple& tuple) {
  return end_text(tuple, tuple.destination, tuple.destination_port);
}
std::string direction_text(const packet::FlowTuple& tuple) {
  return source_text(tuple) + " > " + destination_text(tuple);
}
std::string packet_text(const packet::FlowTuple& tuple) {
  return packet::protocol_text(tuple.protocol) + ' ' + direction_text(tuple);
}

bool is_for_many(const Address& address) {
  const std::uint8_t first = address.bytes()[0];
  if (address.family() == Family::ipv6) return first == 0xff;
  return first >> 4 == 0xe ||
         std::ranges::all_of(address.bytes(), [](std::uint8_t byte) { return byte == 0xff; });
}

std::string_view reason_text(std::string_view reason) {
  const auto* const found = std::ranges::find(reason_words, reason, &ReasonWords::name);
  return found == std::end(reason_words) ? std::string_view() : found->words;
}

}  // namespace core::watch
