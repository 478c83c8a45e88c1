#include "model/random_packet.hpp"

#include <utility>
#include <vector>

namespace model {

using namespace core::packet;
using core::Address;

std::string random_source(Chance& chance, bool ipv4) {
  const std::string number = std::to_string(1 + chance.below(4));
  return (ipv4 ? "10.1.0." : "fd01::") + number;
}

std::string random_destination(Chance& chance, bool ipv4) {
  if (chance.per_mille(300)) return ipv4 ? "10.1.0.254" : "fd01::254";
  const std::string number = std::to_string(1 + chance.below(4));
  return (ipv4 ? "10.2.0." : "fd02::") + number;
}

std::uint16_t random_port(Chance& chance) {
  static const std::vector<std::uint16_t> ports = {22, 53, 80, 443, 8080, 30000};
  return chance.one_of(ports);
}

namespace {

// Some of them begin no connection; see Walk::track.
std::uint8_t random_flags(Chance& chance) {
  const std::vector<int> flags = {ack, ack, rst, syn | ack, fin | ack, rst | ack};
  return static_cast<std::uint8_t>(chance.one_of(flags));
}

// Ones that nobody has to look at on the way.
Bytes random_options(Chance& chance, bool ipv4) {
  if (!chance.per_mille(100)) return {};
  constexpr std::uint8_t no_operation = 1;
  constexpr std::uint8_t destination_options = 60;
  constexpr std::uint8_t padding = 1;
  if (ipv4) return Bytes(4 * (1 + chance.below(3)), no_operation);
  return {destination_options, 0, padding, 4, 0, 0, 0, 0};
}

}  // namespace

Packet random_packet(Chance& chance, std::uint32_t number, bool from_host) {
  constexpr std::uint16_t mark_of_host = 4660;  // see Observer::arming_rules
  const bool ipv4 = chance.per_mille(600);
  Packet packet;
  packet.family = ipv4 ? core::Family::ipv4 : core::Family::ipv6;
  packet.source = *Address::parse(from_host ? std::string(ipv4 ? "10.2.0.254" : "fd02::254")
                                            : random_source(chance, ipv4));
  do {
    packet.destination = *Address::parse(random_destination(chance, ipv4));
  } while (from_host && to_string(packet.destination).ends_with("254"));
  packet.tos = static_cast<std::uint8_t>(chance.one_of(std::vector<int>{0, 0, 0x10, 0x28, 0xb8}));
  packet.ttl = static_cast<std::uint8_t>(chance.one_of(std::vector<int>{64, 64, 63, 5, 255}));
  packet.dont_fragment = chance.per_mille(500);
  if (ipv4) packet.id = from_host ? mark_of_host : static_cast<std::uint16_t>(chance.below(65536));
  if (!ipv4)
    packet.flow_label = from_host ? mark_of_host : static_cast<std::uint32_t>(chance.below(16));
  packet.payload.resize(chance.below(4) * 7, static_cast<std::uint8_t>(chance.below(256)));
  packet.options = random_options(chance, ipv4);
  const auto fresh = static_cast<std::uint16_t>(1024 + number % 60000);
  switch (chance.below(5)) {
    case 0:
    case 1:
      packet.protocol = tcp;
      packet.tcp_flags = syn;
      if (chance.per_mille(200)) packet.tcp_flags = random_flags(chance);
      packet.sequence = number;
      if (chance.per_mille(500)) packet.mss = 1460;
      break;
    case 2:
    case 3:
      packet.protocol = udp;
      break;
    default:
      packet.protocol = ipv4 ? icmp : icmpv6;
      packet.icmp_type = ipv4 ? 8 : 128;
      packet.icmp_id = fresh;
      packet.icmp_sequence = 1;
      return packet;
  }
  packet.source_port = fresh;
  packet.destination_port = random_port(chance);
  return packet;
}

Packet reply_to(const Packet& packet) {
  Packet reply = packet;
  std::swap(reply.source, reply.destination);
  std::swap(reply.source_port, reply.destination_port);
  reply.ttl = 60;
  if (packet.protocol == tcp) {
    reply.tcp_flags = syn | ack;
    reply.acknowledgement = packet.sequence + 1;
    reply.sequence = 7;
  }
  if (packet.protocol == icmp) reply.icmp_type = 0;
  if (packet.protocol == icmpv6) reply.icmp_type = 129;
  return reply;
}

}  // namespace model
