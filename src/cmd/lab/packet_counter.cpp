#include "cmd/lab/packet_counter.hpp"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace cmd {
namespace {

// Of each packet, as much as the larger of both headers.
using Head = std::array<std::uint8_t, sizeof(ip6_hdr)>;

}  // namespace

PacketWatch::PacketWatch(const net::Namespace& where)
    : fd_(where.socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
  const int bytes = 8 << 20;
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    throw core::Error(core::Error::Kind::permanent,
                      std::string("cannot watch packets: ") + std::strerror(errno));
  }
}

const std::map<core::Address, std::size_t>& PacketWatch::counts() {
  Head head{};
  sockaddr_ll sender{};
  socklen_t size = sizeof sender;
  while (true) {
    const ssize_t length = recvfrom(fd_.get(), head.data(), head.size(), 0,
                                    reinterpret_cast<sockaddr*>(&sender), &size);
    if (length < 0) break;
    if (sender.sll_pkttype == PACKET_OUTGOING) continue;
    const std::span<const std::uint8_t> bytes(head);
    const auto count = static_cast<std::size_t>(length);
    if (sender.sll_protocol == htons(ETH_P_IP) && count >= sizeof(iphdr)) {
      ++counts_[core::Address(bytes.subspan(offsetof(iphdr, saddr), sizeof(in_addr)))];
    } else if (sender.sll_protocol == htons(ETH_P_IPV6) && count >= sizeof(ip6_hdr)) {
      ++counts_[core::Address(bytes.subspan(offsetof(ip6_hdr, ip6_src), sizeof(in6_addr)))];
    }
  }
  tpacket_stats lost{};
  socklen_t lost_size = sizeof lost;
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &lost, &lost_size) != 0 ||
      lost.tp_drops != 0) {
    throw core::Error(core::Error::Kind::transient, "there were too many packets to watch them");
  }
  return counts_;
}

std::size_t PacketWatch::from(std::span<const core::Address> senders) {
  counts();
  std::size_t sum = 0;
  for (const core::Address& sender : senders) {
    if (const auto found = counts_.find(sender); found != counts_.end()) sum += found->second;
  }
  return sum;
}

}  // namespace cmd
