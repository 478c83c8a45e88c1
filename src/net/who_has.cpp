#include "net/who_has.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "os/fd.hpp"

namespace net {
namespace {

using std::chrono::milliseconds;

constexpr int rounds = 2;
constexpr milliseconds between_rounds{250};
constexpr std::size_t ethernet_header = 14;
constexpr std::size_t arp_size = 28;
constexpr std::size_t ipv6_header = 40;
constexpr std::size_t advertisement_size = 24;
constexpr std::uint8_t advertisement = 136;

[[noreturn]] void cannot_ask(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, what + ": " + std::strerror(errno));
}

// All that comes in of a protocol. Neighbours' advertisements are few, other packets are not.
os::Fd listener_of(std::uint16_t protocol) {
  os::Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) cannot_ask("cannot open a packet socket");
  std::array<sock_filter, 6> advertisements = {
      {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ethernet_header + 6),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
       BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ethernet_header + ipv6_header),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, advertisement, 0, 1), BPF_STMT(BPF_RET | BPF_K, 256),
       BPF_STMT(BPF_RET | BPF_K, 0)}};
  const sock_fprog filter{static_cast<unsigned short>(advertisements.size()),
                          advertisements.data()};
  if (protocol == ETH_P_IPV6 &&
      setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    cannot_ask("cannot filter packets");
  }
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(protocol);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    cannot_ask("cannot bind a packet socket");
  }
  return fd;
}

void drain(int fd, const std::vector<AddressOnLink>& addresses, const std::vector<Mac>& own,
           std::vector<AddressOnLink>& found) {
  for (;;) {
    std::array<std::uint8_t, 256> frame{};
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t length =
        recvfrom(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    const std::span<const std::uint8_t> bytes(frame.data(), static_cast<std::size_t>(length));
    for (const AddressOnLink& claim :
         claims_in(bytes, static_cast<std::uint32_t>(from.sll_ifindex))) {
      const bool asked = std::ranges::any_of(addresses, [&](const AddressOnLink& one) {
        return one.link == claim.link && one.address == claim.address;
      });
      const bool known = std::ranges::find(own, claim.mac) != own.end() ||
                         std::ranges::find(found, claim) != found.end();
      if (asked && !known) found.push_back(claim);
    }
  }
}

}  // namespace

std::vector<AddressOnLink> claims_in(std::span<const std::uint8_t> frame, std::uint32_t link) {
  if (frame.size() < ethernet_header) return {};
  const auto type = static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
  const auto rest = frame.subspan(ethernet_header);
  AddressOnLink claim;
  claim.link = link;
  if (type == ETHERTYPE_ARP) {
    constexpr std::array<std::uint8_t, 6> ipv4_on_ethernet = {0, 1, 8, 0, 6, 4};
    if (rest.size() < arp_size || !std::ranges::equal(rest.first(6), ipv4_on_ethernet)) return {};
    std::ranges::copy(rest.subspan(8, 6), claim.mac.begin());
    claim.address = core::Address(rest.subspan(14, 4));
    return {claim};
  }
  if (type != ETHERTYPE_IPV6 || rest.size() < ipv6_header + advertisement_size) return {};
  if (rest[6] != IPPROTO_ICMPV6 || rest[ipv6_header] != advertisement) return {};
  const auto target = rest.subspan(ipv6_header + 8);
  std::ranges::copy(frame.subspan(6, 6), claim.mac.begin());
  claim.address = core::Address(target.first(16));
  // The option that has the target's own link-layer address.
  const auto option = target.subspan(16);
  if (option.size() >= 8 && option[0] == 2 && option[1] == 1) {
    std::ranges::copy(option.subspan(2, 6), claim.mac.begin());
  }
  return {claim};
}

std::vector<AddressOnLink> who_else_has(const std::vector<AddressOnLink>& addresses,
                                        const std::vector<Mac>& own) {
  std::vector<AddressOnLink> found;
  if (addresses.empty()) return found;
  const os::Fd arp = listener_of(ETH_P_ARP);
  const os::Fd neighbours = listener_of(ETH_P_IPV6);
  for (int round = 0; round < rounds; ++round) {
    for (const AddressOnLink& one : addresses) {
      const std::vector<std::uint8_t> frame = question(one.address, one.mac);
      sockaddr_ll to{};
      to.sll_family = AF_PACKET;
      to.sll_ifindex = static_cast<int>(one.link);
      // A link that is down says so; the others are asked.
      sendto(arp.get(), frame.data(), frame.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    const auto end = std::chrono::steady_clock::now() + between_rounds;
    for (;;) {
      const auto left =
          std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now()).count();
      std::array<pollfd, 2> both = {{{arp.get(), POLLIN, 0}, {neighbours.get(), POLLIN, 0}}};
      if (left > 0) poll(both.data(), both.size(), static_cast<int>(left));
      drain(arp.get(), addresses, own, found);
      drain(neighbours.get(), addresses, own, found);
      if (left <= 0) break;
    }
  }
  return found;
}

}  // namespace net
