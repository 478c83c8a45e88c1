#include "core/packet/context.hpp"

#include <utility>

namespace core::packet {
namespace {

std::string endpoint_text(const Address& address, std::uint16_t port) {
  if (port == 0) return to_string(address);
  return (address.family() == Family::ipv6 ? "[" + to_string(address) + "]" : to_string(address)) +
         ":" + std::to_string(port);
}

}  // namespace

FlowTuple tuple_of(const Packet& packet) {
  FlowTuple tuple{packet.protocol, packet.source, packet.destination, 0, 0};
  if (packet.fragment_offset != 0) return tuple;
  if (packet.has_ports()) {
    tuple.source_port = packet.source_port;
    tuple.destination_port = packet.destination_port;
  } else if (is_echo(packet)) {
    tuple.source_port = tuple.destination_port = packet.icmp_id;
  }
  return tuple;
}

FlowTuple reversed(const FlowTuple& tuple) {
  return {tuple.protocol, tuple.destination, tuple.source, tuple.destination_port,
          tuple.source_port};
}

std::string to_text(const FlowTuple& tuple) {
  return protocol_text(tuple.protocol) + " " + endpoint_text(tuple.source, tuple.source_port) +
         " > " + endpoint_text(tuple.destination, tuple.destination_port);
}

}  // namespace core::packet
