#include "net/announce.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace net {
namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append16(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value));
}

std::uint16_t internet_checksum(std::span<const std::uint8_t> even) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < even.size(); i += 2) sum += even[i] * 256U + even[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

Bytes ethernet(const Mac& to, const Mac& from, std::uint16_t type) {
  Bytes frame(to.begin(), to.end());
  append(frame, from);
  append16(frame, type);
  return frame;
}

// A request for `address`.
Bytes arp_request(std::span<const std::uint8_t> from, const core::Address& address,
                  const Mac& mac) {
  Bytes frame = ethernet({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac, ETHERTYPE_ARP);
  append16(frame, 1);  // hardware: Ethernet
  append16(frame, ETHERTYPE_IP);
  append(frame, std::array<std::uint8_t, 2>{6, 4});  // address sizes
  append16(frame, 1);                                // request: the form that RFC 5227 asks for
  append(frame, mac);
  append(frame, from);
  append(frame, Mac{});
  append(frame, address.bytes());
  return frame;
}

using Address6 = std::array<std::uint8_t, 16>;

// An ICMPv6 message between neighbours, its checksum not there yet.
Bytes between_neighbours(Bytes icmp, std::span<const std::uint8_t> from, const Address6& to,
                         const Mac& mac) {
  Bytes pseudo;
  append(pseudo, from);
  append(pseudo, to);
  append16(pseudo, 0);
  append16(pseudo, static_cast<std::uint32_t>(icmp.size()));
  append16(pseudo, 0);
  append16(pseudo, IPPROTO_ICMPV6);
  append(pseudo, icmp);
  const std::uint16_t checksum = internet_checksum(pseudo);
  icmp[2] = static_cast<std::uint8_t>(checksum >> 8U);
  icmp[3] = static_cast<std::uint8_t>(checksum);

  // A multicast address ends the Ethernet one.
  Bytes frame = ethernet({0x33, 0x33, to[12], to[13], to[14], to[15]}, mac, ETHERTYPE_IPV6);
  append(frame, std::array<std::uint8_t, 4>{0x60, 0, 0, 0});
  append16(frame, static_cast<std::uint32_t>(icmp.size()));
  append(frame,
         std::array<std::uint8_t, 2>{IPPROTO_ICMPV6, 255});  // any other hop limit is dropped
  append(frame, from);
  append(frame, to);
  append(frame, icmp);
  return frame;
}

Bytes duplicate_detection(const core::Address& address, const Mac& mac) {
  Bytes icmp = {135, 0, 0, 0, 0, 0, 0, 0};
  append(icmp, address.bytes());
  const auto end = address.bytes().last(3);
  const Address6 solicited = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, end[0], end[1], end[2]};
  return between_neighbours(std::move(icmp), Address6{}, solicited, mac);
}

Bytes unsolicited_advertisement(const core::Address& address, const Mac& mac) {
  const Address6 all_nodes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  Bytes icmp = {136, 0, 0, 0};
  constexpr std::uint8_t router = 0x80, override = 0x20;
  append(icmp, std::array<std::uint8_t, 4>{router | override, 0, 0, 0});
  append(icmp, address.bytes());
  append(icmp, std::array<std::uint8_t, 2>{2, 1});  // option: target link-layer address, 8 bytes
  append(icmp, mac);
  return between_neighbours(std::move(icmp), address.bytes(), all_nodes, mac);
}

}  // namespace

std::vector<std::uint8_t> announcement(const core::Address& address, const Mac& mac) {
  return address.family() == core::Family::ipv4 ? arp_request(address.bytes(), address, mac)
                                                : unsolicited_advertisement(address, mac);
}

std::vector<std::uint8_t> question(const core::Address& address, const Mac& mac) {
  constexpr std::array<std::uint8_t, 4> nobody = {};
  return address.family() == core::Family::ipv4 ? arp_request(nobody, address, mac)
                                                : duplicate_detection(address, mac);
}

void announce(const Namespace& where, std::uint32_t link, const Mac& mac,
              const core::Address& address) {
  const os::Fd fd = where.socket(AF_PACKET, SOCK_RAW);  // protocol 0: sends only
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(link);
  const std::vector<std::uint8_t> frame = announcement(address, mac);
  if (sendto(fd.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to),
             sizeof to) < 0) {
    throw core::Error(core::Error::Kind::transient,
                      "cannot announce " + to_string(address) + ": " + std::strerror(errno));
  }
}

}  // namespace net
