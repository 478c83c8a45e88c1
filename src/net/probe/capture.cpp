#include "net/probe/capture.hpp"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace net::probe {
namespace {

using core::packet::ByteView;
using core::packet::Captured;
using core::packet::Cookie;

constexpr std::uint32_t kept_bytes = 256;  // of a packet
constexpr int queue_size = 8 << 20;

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

// Where IP headers begin: the packet's own, and those in tunnels of IP in IP, FoU, VXLAN-GPE and
// VXLAN over IPv4 and over IPv6.
constexpr std::array<std::uint32_t, 9> begins = {0, 20, 28, 36, 50, 40, 48, 56, 70};
constexpr std::uint32_t first_data = 24;  // TCP's sequence over IPv4
// As deep as a cookie is in an ICMP error about VXLAN over IPv6. The kernel turns each load into 14
// instructions, and before 6.8 it gives a socket room for 2,500 (net.core.optmem_max).
constexpr std::uint32_t last_data = 174;

class Filter {
 public:
  explicit Filter(const std::vector<Needle>& needles) : needles_(needles) {}

  std::vector<sock_filter> make() {
    // Most packets of most networks are TCP in no tunnel, and have what is looked for in one of a
    // few places: addresses, sequence, acknowledgement.
    if_first_byte(0xff, 0x45, [&] { plain_tcp(9, {12, 16, 24, 28}, 24); });  // without options
    if_first_byte(0xf0, 0x60, [&] { plain_tcp(6, {20, 36, 44, 48}, 44); });
    // A load behind the packet's end is the end of the program, and the packet is not taken: what
    // is nearer comes first.
    for (std::uint32_t at = 12; at <= last_data; at += 2) {
      look_at(at, at >= first_data, begins);
    }
    put(BPF_STMT(BPF_RET | BPF_K, 0));
    return std::move(program_);
  }

 private:
  void put(const sock_filter& one) { program_.push_back(one); }
  void keep() { put(BPF_STMT(BPF_RET | BPF_K, kept_bytes)); }

  // Takes a packet with a needle at this offset.
  void look_at(std::uint32_t at, bool data, std::span<const std::uint32_t> headers) {
    bool loaded = false;
    const auto compare = [&](std::uint32_t word, std::size_t steps) {
      if (!std::exchange(loaded, true)) put(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at));
      put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, 0, static_cast<std::uint8_t>(steps)));
    };
    for (const Needle& needle : needles_) {
      const auto in_header = [&](std::uint32_t begin) { return begin + needle.at == at; };
      const bool here = needle.at == 0 ? data : std::ranges::any_of(headers, in_header);
      if (!here || needle.port_at != 0) continue;
      compare(needle.word, 1);
      keep();
    }
    // Behind them, as they load something else: who looks for the same word loads it again.
    std::vector<std::uint32_t> met;
    for (std::size_t i = 0; i < needles_.size(); ++i) {
      const Needle& needle = needles_[i];
      const auto same = [&](const Needle& other) {
        return other.word == needle.word && other.at == needle.at &&
               other.port_at == needle.port_at;
      };
      const auto first = std::ranges::find_if(needles_, same);
      const bool header =
          at >= needle.at && std::ranges::find(headers, at - needle.at) != headers.end();
      if (needle.port_at == 0 || !header || first != needles_.begin() + static_cast<long>(i))
        continue;
      const auto ports = static_cast<std::size_t>(std::ranges::count_if(needles_, same));
      if (std::ranges::find(met, needle.word) != met.end()) loaded = false;
      met.push_back(needle.word);
      compare(needle.word, 1 + 2 * ports);
      put(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at - needle.at + needle.port_at));
      for (const Needle& other : needles_) {
        if (!same(other)) continue;
        put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other.port, 0, 1));
        keep();
      }
    }
  }

  void plain_tcp(std::uint32_t protocol_at, std::initializer_list<std::uint32_t> places,
                 std::uint32_t data_from) {
    put(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, protocol_at));
    const std::size_t from = program_.size();
    put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, core::packet::tcp, 0, 0));
    for (const std::uint32_t at : places) {
      look_at(at, at >= data_from, std::span(begins).first(1));
    }
    put(BPF_STMT(BPF_RET | BPF_K, 0));
    program_[from].jf = static_cast<std::uint8_t>(program_.size() - from - 1);
  }

  template <typename Then>
  void if_first_byte(std::uint32_t mask, std::uint32_t value, const Then& then) {
    put(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0));
    put(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    const std::size_t from = program_.size();
    put(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0));
    then();
    program_[from].jf = static_cast<std::uint8_t>(program_.size() - from - 1);
  }

  const std::vector<Needle>& needles_;
  std::vector<sock_filter> program_;
};

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

// What was cut off of a packet counts for its size: as zeros, since nobody reads it.
void fill_up(core::packet::Packet& packet, ByteView bytes) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  const std::size_t at = ipv4 ? 2 : 4;
  const std::size_t said = (std::size_t{bytes[at]} << 8 | bytes[at + 1]) + (ipv4 ? 0U : 40U);
  const std::size_t size = core::packet::size_of(packet);
  if (size < said) packet.payload.resize(packet.payload.size() + said - size);
}

}  // namespace

std::vector<sock_filter> packet_filter(const std::vector<Needle>& needles) {
  return Filter(needles).make();
}

std::optional<Captured> read_capture(const Frame& frame, const Cookie& cookie) {
  const ByteView packet = frame.bytes;
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
  if (packet.size() >= kept_bytes) {
    fill_up(captured.packet, packet);
    if (captured.inside) fill_up(*captured.inside, packet.subspan(sighting->offset));
  }
  captured.direction = frame.direction;
  captured.interface = frame.interface;
  captured.time = frame.time;
  return captured;
}

Capture::Capture(const std::vector<Needle>& needles)
    : fd_(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (!fd_) fail("cannot open a packet socket");
  std::vector<sock_filter> program = packet_filter(needles);
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

std::uint32_t Capture::drain(const std::function<void(Frame)>& visit) {
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
    const auto index = static_cast<std::uint32_t>(from.sll_ifindex);
    visit({{bytes.begin(), bytes.begin() + size},
           direction_of(from.sll_pkttype),
           {index, interface_name(index)},
           time_in(message)});
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
