#include "net/probe_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/constants.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using core::Address;
using core::Family;

union Name {
  sockaddr base;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

Name name_of(const Address& address, std::uint16_t port) {
  Name name{};
  if (address.family() == Family::ipv4) {
    name.ipv4.sin_family = AF_INET;
    name.ipv4.sin_port = htons(port);
    std::memcpy(&name.ipv4.sin_addr, address.bytes().data(), 4);
  } else {
    name.ipv6.sin6_family = AF_INET6;
    name.ipv6.sin6_port = htons(port);
    std::memcpy(&name.ipv6.sin6_addr, address.bytes().data(), 16);
  }
  return name;
}

socklen_t size_of(Family family) {
  return family == Family::ipv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

template <typename Bytes>
Address address_of(const Bytes& bytes) {
  return Address({reinterpret_cast<const std::uint8_t*>(&bytes), sizeof bytes});
}

template <typename Value>
void put_control(msghdr& message, int level, int type, const Value& value) {
  auto* header =
      reinterpret_cast<cmsghdr*>(static_cast<char*>(message.msg_control) + message.msg_controllen);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

}  // namespace

ProbeSocket::ProbeSocket(Family family, std::uint16_t port)
    : family_(family),
      fd_(socket(family == Family::ipv4 ? AF_INET : AF_INET6,
                 SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  const int on = 1;
  bool good = static_cast<bool>(fd_);
  const auto set = [&](int level, int option) {
    good = good && setsockopt(fd_.get(), level, option, &on, sizeof on) == 0;
  };
  if (family == Family::ipv4) {
    set(IPPROTO_IP, IP_PKTINFO);
  } else {
    set(IPPROTO_IPV6, IPV6_V6ONLY);
    set(IPPROTO_IPV6, IPV6_RECVPKTINFO);
  }
  if (port != 0) {
    const Address any(std::vector<std::uint8_t>(family == Family::ipv4 ? 4 : 16));
    const Name name = name_of(any, port);
    good = good && bind(fd_.get(), &name.base, size_of(family)) == 0;
  }
  if (!good) {
    throw core::Error(core::Error::Kind::transient, "cannot open a UDP socket for probes, port " +
                                                        std::to_string(port) + ": " +
                                                        std::strerror(errno));
  }
}

std::optional<ProbeSocket::Received> ProbeSocket::receive() {
  for (;;) {
    std::array<std::uint8_t, 64> bytes{};
    alignas(cmsghdr) std::array<char, 128> control{};
    Name from{};
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(fd_.get(), &message, MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    // Errors of packets that were sent before are told here once; what waits behind is read.
    if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK) continue;
    if (size < 0) return std::nullopt;
    const auto probe = static_cast<std::size_t>(size) > bytes.size()
                           ? std::nullopt
                           : decode_probe({bytes.data(), static_cast<std::size_t>(size)});
    if (!probe) continue;
    Received received;
    received.probe = *probe;
    if (family_ == Family::ipv4) {
      received.from = address_of(from.ipv4.sin_addr);
      received.port = ntohs(from.ipv4.sin_port);
    } else {
      received.from = address_of(from.ipv6.sin6_addr);
      received.port = ntohs(from.ipv6.sin6_port);
    }
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
        in_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(header), sizeof info);
        received.to = address_of(info.ipi_addr);
        received.interface = static_cast<std::uint32_t>(info.ipi_ifindex);
      } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(header), sizeof info);
        received.to = address_of(info.ipi6_addr);
        received.interface = info.ipi6_ifindex;
      }
    }
    return received;
  }
}

bool ProbeSocket::send(const Probe& probe, const Address& to, std::uint16_t port,
                       const Address* source, bool marked) {
  auto bytes = encode(probe);
  Name name = name_of(to, port);
  alignas(cmsghdr) std::array<char, 128> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = size_of(to.family());
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  if (source != nullptr && source->family() == Family::ipv4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, source->bytes().data(), 4);
    put_control(message, IPPROTO_IP, IP_PKTINFO, info);
  } else if (source != nullptr) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, source->bytes().data(), 16);
    put_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  if (marked) put_control(message, SOL_SOCKET, SO_MARK, core::constants::peer_mark);
  if (message.msg_controllen == 0) message.msg_control = nullptr;
  return sendmsg(fd_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace cmd
