#include "net/probe/capture.hpp"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.hpp"

namespace net::probe {
namespace {

using core::packet::ByteView;
using core::packet::Captured;
using core::packet::Cookie;

constexpr std::uint32_t kept_bytes = 256;  // of a packet
constexpr int queue_size = 8 << 20;
constexpr std::uint32_t first_offset = 20;  // behind the shortest IP header

[[noreturn]] void fail(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, what + ": " + std::strerror(errno));
}

template <typename Value>
int set_option(int fd, int level, int option, const Value& value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

Captured::Direction direction_of(unsigned char type) {
  switch (type) {
    case PACKET_OUTGOING:
      return Captured::Direction::out;
    case PACKET_OTHERHOST:
      return Captured::Direction::other_host;
    default:
      return Captured::Direction::in;
  }
}

core::packet::ObservedAt time_in(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec time{};
    std::memcpy(&time, CMSG_DATA(header), sizeof time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
  return std::chrono::system_clock::now().time_since_epoch();
}

}  // namespace

std::vector<sock_filter> cookie_filter(const Cookie& cookie) {
  std::vector<std::uint32_t> words;
  if (cookie.protocol == core::packet::tcp) {
    words = {cookie.sequence, cookie.sequence + 1};  // its own, and what answers acknowledge
  } else {
    std::uint32_t first = 0;
    std::memcpy(&first, cookie.payload.data(), sizeof first);
    // An error may quote too little: then the IP id tells, with or without "don't fragment".
    const std::uint32_t id = std::uint32_t{cookie.id} << 16;
    words = {ntohl(first), id | IP_DF, id};
  }
  // What comes back to a port of UDP, by IPv4 without options and by IPv6.
  std::vector<sock_filter> answers;
  if (cookie.protocol == core::packet::udp && cookie.port != 0) {
    for (const std::uint32_t at : {std::uint32_t{22}, std::uint32_t{42}}) {
      answers.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at));
      answers.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cookie.port, 0, 1));
      answers.push_back(BPF_STMT(BPF_RET | BPF_K, kept_bytes));
    }
  }
  // A load behind the packet's end is the end of the program, and the packet is not taken.
  std::vector<sock_filter> program = std::move(answers);
  for (std::uint32_t at = first_offset; at < core::packet::deepest_cookie; at += 2) {
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at));
    for (const std::uint32_t word : words) {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, 0, 1));
      program.push_back(BPF_STMT(BPF_RET | BPF_K, kept_bytes));
    }
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  return program;
}

std::optional<Captured> read_capture(ByteView packet, const Cookie& cookie) {
  const auto sighting = core::packet::find_cookie(packet, cookie);
  if (!sighting) return std::nullopt;
  auto outermost = core::packet::parse_packet(packet);
  if (!outermost) return std::nullopt;
  Captured captured;
  captured.relation = sighting->relation;
  captured.packet = std::move(*outermost);
  if (sighting->offset != 0) {
    captured.inside = core::packet::parse_packet(packet.subspan(sighting->offset));
  }
  return captured;
}

Capture::Capture(const Cookie& cookie)
    : cookie_(cookie), fd_(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (!fd_) fail("cannot open a packet socket");
  std::vector<sock_filter> program = cookie_filter(cookie);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (set_option(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, filter) != 0) {
    fail("cannot filter packets");
  }
  // Of what is forced, only the host's root may take more than net.core.rmem_max.
  if (set_option(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, queue_size) != 0) {
    set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, queue_size);
  }
  if (set_option(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1) != 0) fail("cannot time packets");
  // The filter is in place before the first packet can come.
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_ALL);
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    fail("cannot bind a packet socket");
  }
}

std::uint32_t Capture::drain(const std::function<void(Captured)>& visit) {
  for (;;) {
    std::array<std::uint8_t, kept_bytes> bytes;
    alignas(cmsghdr) std::array<char, 128> control;
    sockaddr_ll from{};
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(fd_.get(), &message, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENETDOWN) continue;  // an interface went down; told once
    if (size < 0) break;
    auto captured = read_capture(ByteView(bytes).first(static_cast<std::size_t>(size)), cookie_);
    if (!captured) continue;
    captured->direction = direction_of(from.sll_pkttype);
    captured->interface.index = static_cast<std::uint32_t>(from.sll_ifindex);
    captured->interface.name = interface_name(captured->interface.index);
    captured->time = time_in(message);
    visit(std::move(*captured));
  }
  tpacket_stats statistics{};
  socklen_t length = sizeof statistics;
  // Reading them sets them to 0.
  getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length);
  return statistics.tp_drops;
}

std::string Capture::interface_name(std::uint32_t index) {
  if (index == 0) return {};
  const auto [found, fresh] = names_.try_emplace(index);
  if (fresh) {
    ifreq request{};
    request.ifr_ifindex = static_cast<int>(index);
    if (ioctl(fd_.get(), SIOCGIFNAME, &request) == 0) found->second = request.ifr_name;
  }
  return found->second;
}

}  // namespace net::probe
