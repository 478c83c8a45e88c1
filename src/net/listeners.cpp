#include "net/listeners.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"

namespace net {
namespace {

// include/net/tcp_states.h: what listens; of UDP, what is bound and not connected.
constexpr std::uint32_t state_close = 7;
constexpr std::uint32_t state_listen = 10;

// As sockets have it: those of IPv6 may be bound to an address of IPv4.
core::Address bound_to(bool ipv6, const void* address) {
  const auto* const bytes = static_cast<const std::uint8_t*>(address);
  if (!ipv6) return core::Address({bytes, 4});
  static constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(std::begin(mapped), std::end(mapped), bytes)) {
    return core::Address({bytes + 12, 4});
  }
  return core::Address({bytes, 16});
}

Message encode_dump_listeners(core::Family family, core::Protocol protocol) {
  inet_diag_req_v2 request{};
  request.sdiag_family = address_family(family);
  request.sdiag_protocol = static_cast<std::uint8_t>(protocol);
  request.idiag_states = 1U << (protocol == core::Protocol::udp ? state_close : state_listen);
  return make_message(SOCK_DIAG_BY_FAMILY, 0, request);
}

}  // namespace

void decode_listener(const NetlinkMessage& message, core::Protocol protocol,
                     core::Listeners& listeners) {
  const auto header = header_in<inet_diag_msg>(message);
  if (message.type != SOCK_DIAG_BY_FAMILY || !header) return;
  if (header->idiag_family != AF_INET && header->idiag_family != AF_INET6) return;
  const std::uint16_t port = ntohs(header->id.idiag_sport);
  if (port == 0) return;
  const Attributes attributes(message, sizeof *header);
  // Where the kernel does not say it, it takes both.
  const bool both = attributes.u8(INET_DIAG_SKV6ONLY).value_or(0) == 0;
  const auto add = [&](const core::Address& address) {
    listeners.insert({port, protocol, address, header->id.idiag_if});
    if (both && address == unspecified(core::Family::ipv6)) {
      listeners.insert({port, protocol, unspecified(core::Family::ipv4), header->id.idiag_if});
    }
  };
  add(bound_to(header->idiag_family == AF_INET6, header->id.idiag_src));
  // SCTP may be bound to several: a row of sockaddr_storage.
  for (ByteView rest = attributes[INET_DIAG_LOCALS]; rest.size() >= sizeof(sockaddr_storage);
       rest = rest.subspan(sizeof(sockaddr_storage))) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    std::memcpy(&six, rest.data(), sizeof six);
    std::memcpy(&four, rest.data(), sizeof four);
    if (six.sin6_family == AF_INET6) add(bound_to(true, &six.sin6_addr));
    if (four.sin_family == AF_INET) add(bound_to(false, &four.sin_addr));
  }
}

Message encode_find_socket(core::Protocol protocol, const core::Address& remote,
                           std::uint16_t remote_port, const core::Address& local,
                           std::uint16_t local_port, std::uint32_t device) {
  inet_diag_req_v2 request{};
  request.sdiag_family = address_family(local.family());
  request.sdiag_protocol = static_cast<std::uint8_t>(protocol);
  request.idiag_states = ~0U;
  // Of UDP the two ends are the other way round (udp_dump_one).
  const bool swapped = protocol == core::Protocol::udp;
  const core::Address& source = swapped ? remote : local;
  const core::Address& destination = swapped ? local : remote;
  std::memcpy(request.id.idiag_src, source.bytes().data(), source.size());
  std::memcpy(request.id.idiag_dst, destination.bytes().data(), destination.size());
  request.id.idiag_sport = htons(swapped ? remote_port : local_port);
  request.id.idiag_dport = htons(swapped ? local_port : remote_port);
  request.id.idiag_if = device;
  request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return make_message(SOCK_DIAG_BY_FAMILY, 0, request);
}

std::optional<SocketOptions> decode_socket_options(const NetlinkMessage& message) {
  const auto header = header_in<inet_diag_msg>(message);
  if (message.type != SOCK_DIAG_BY_FAMILY || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  const ByteView options = attributes[INET_DIAG_SOCKOPT];
  inet_diag_sockopt value{};
  if (options.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, options.data(), sizeof value);
  SocketOptions result;
  result.transparent = value.transparent != 0;
  result.wildcard = std::ranges::all_of(header->id.idiag_src, [](auto word) { return word == 0; });
  result.mark = attributes.u32(INET_DIAG_MARK).value_or(0);
  return result;
}

core::Listeners read_listeners() {
  core::Listeners listeners;
  RequestSocket socket(NETLINK_SOCK_DIAG);
  for (const auto protocol : {core::Protocol::tcp, core::Protocol::udp, core::Protocol::sctp}) {
    for (const auto family : {core::Family::ipv4, core::Family::ipv6}) {
      const auto visit = [&](const NetlinkMessage& message) {
        decode_listener(message, protocol, listeners);
      };
      const Answer answer = socket.stream(*encode_dump_listeners(family, protocol), visit);
      // Interrupted: sockets came or went meanwhile.
      if (answer.ok() || answer.error == EINTR) continue;
      // SCTP is nowhere until somebody uses it.
      if (protocol == core::Protocol::sctp) break;
      throw core::Error(kind_of(answer.error),
                        "cannot list the sockets that listen: " + to_string(answer));
    }
  }
  return listeners;
}

}  // namespace net
