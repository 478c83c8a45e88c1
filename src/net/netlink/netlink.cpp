#include "net/netlink/netlink.hpp"

#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>

#include "core/error.hpp"
#include "core/privilege.hpp"
#include "net/netlink/status.hpp"

#ifdef PONA_FAULTS
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#endif

namespace net {
namespace {

constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }
constexpr std::size_t header_size = sizeof(nlmsghdr);
constexpr std::size_t attribute_header_size = sizeof(nlattr);

// The kernel hands out dumps in pieces of at most 32 KiB if we read with that much room.
constexpr std::size_t receive_size = 64 << 10;
constexpr int queue_size = 8 << 20;

template <typename Value>
Value load(ByteView bytes, std::size_t at = 0) {
  Value value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

[[noreturn]] void fail(const char* attempted, int error) {
  if (error == EPERM) {
    throw core::NoPrivilege(std::string("cannot ") + attempted + ": " + error_text(error) +
                            " (this needs root: CAP_NET_ADMIN)");
  }
  throw core::Error(core::Error::Kind::permanent,
                    std::string(attempted) + ": " + error_text(error));
}

// The forced forms go beyond net.core.*mem_max, but only with CAP_NET_ADMIN on the host itself.
void set_room(int fd, int forced, int plain, int bytes) {
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) {
    setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
  }
}

#ifdef PONA_FAULTS
class Faults {
 public:
  Faults() {
    if (const char* at = std::getenv("PONA_FAULT_AT")) at_ = std::strtoul(at, nullptr, 10);
    if (const char* file = std::getenv("PONA_FAULT_COUNT")) file_ = file;
  }
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  ~Faults() {
    if (file_.empty()) return;
    if (std::FILE* out = std::fopen(file_.c_str(), "w")) {
      std::fprintf(out, "%lu\n", count_.load());
      std::fclose(out);
    }
  }
  void pass() {
    if (++count_ == at_) std::raise(SIGKILL);
  }

 private:
  unsigned long at_ = 0;
  std::string file_;
  std::atomic<unsigned long> count_ = 0;
};
// Made before main, so that a run without any operation writes its count as well.
Faults faults;
#endif

}  // namespace

#ifdef PONA_FAULTS
void fault_point() { faults.pass(); }
#endif

core::Meddler process_of(std::uint32_t port) {
  const std::uint32_t pid = port & ((1U << 22) - 1);
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  core::Meddler process;
  if (std::getline(file, process.process)) process.pid = pid;
  return process;
}

std::string error_text(int error) { return std::strerror(error); }

// --- writing -------------------------------------------------------------------------------------
std::uint8_t* NetlinkWriter::grow(std::size_t bytes) {
  const std::size_t at = bytes_.size();
  bytes_.resize(at + bytes);
  return bytes_.data() + at;
}

std::size_t NetlinkWriter::begin_message(std::uint16_t type, std::uint16_t flags,
                                         std::uint32_t sequence) {
  const std::size_t begin = size();
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = sequence;
  std::memcpy(grow(header_size), &header, header_size);
  return begin;
}

void NetlinkWriter::close_message(std::size_t begin) {
  const auto length = static_cast<std::uint32_t>(size() - begin);
  std::memcpy(bytes_.data() + begin + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

void NetlinkWriter::add_flags(std::size_t message, std::uint16_t flags) {
  std::uint8_t* at = bytes_.data() + message + offsetof(nlmsghdr, nlmsg_flags);
  std::uint16_t now;
  std::memcpy(&now, at, sizeof now);
  now = static_cast<std::uint16_t>(now | flags);
  std::memcpy(at, &now, sizeof now);
}

std::size_t NetlinkWriter::nest(std::uint16_t attribute) {
  const std::size_t begin = size();
  const nlattr header{0, static_cast<std::uint16_t>(attribute | NLA_F_NESTED)};
  std::memcpy(grow(sizeof header), &header, sizeof header);
  return begin;
}

void NetlinkWriter::close(std::size_t begin) {
  const auto length = static_cast<std::uint16_t>(size() - begin);
  std::memcpy(bytes_.data() + begin + offsetof(nlattr, nla_len), &length, sizeof length);
}

void NetlinkWriter::put(std::uint16_t attribute, ByteView value) {
  const nlattr header{static_cast<std::uint16_t>(attribute_header_size + value.size()), attribute};
  std::uint8_t* at = grow(attribute_header_size + aligned(value.size()));
  std::memcpy(at, &header, sizeof header);
  if (!value.empty()) {
    std::memcpy(at + attribute_header_size, value.data(), value.size());
  }
}

void NetlinkWriter::put_text(std::uint16_t attribute, std::string_view value) {
  const nlattr header{static_cast<std::uint16_t>(attribute_header_size + value.size() + 1),
                      attribute};
  std::uint8_t* at = grow(attribute_header_size + aligned(value.size() + 1));
  std::memcpy(at, &header, sizeof header);
  std::memcpy(at + attribute_header_size, value.data(), value.size());
}

void NetlinkWriter::put_u32(std::uint16_t attribute, std::uint32_t value) {
  const std::array<std::uint8_t, 4> bytes = {
      static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
      static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
  put(attribute, bytes);
}

void NetlinkWriter::put_u64(std::uint16_t attribute, std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  }
  put(attribute, bytes);
}

void NetlinkWriter::append(ByteView bytes) {
  std::memcpy(grow(aligned(bytes.size())), bytes.data(), bytes.size());
}

// --- reading -------------------------------------------------------------------------------------
std::uint32_t NetlinkAttribute::u32() const {
  return value.size() == 4 ? ntohl(load<std::uint32_t>(value)) : 0;
}

std::uint64_t NetlinkAttribute::u64() const {
  if (value.size() != 8) return 0;
  return std::uint64_t{ntohl(load<std::uint32_t>(value))} << 32 |
         ntohl(load<std::uint32_t>(value, 4));
}

std::string_view NetlinkAttribute::text() const {
  if (value.empty()) return {};  // no address may be given to strnlen(3)
  const auto* begin = reinterpret_cast<const char*>(value.data());
  return {begin, strnlen(begin, value.size())};
}

void AttributeList::Iterator::read() {
  if (rest_.size() < attribute_header_size) {
    done_ = true;
    return;
  }
  const auto header = load<nlattr>(rest_);
  if (header.nla_len < attribute_header_size || header.nla_len > rest_.size()) {
    done_ = true;
    return;
  }
  current_.type = header.nla_type & NLA_TYPE_MASK;
  current_.value = rest_.subspan(attribute_header_size, header.nla_len - attribute_header_size);
}

AttributeList::Iterator& AttributeList::Iterator::operator++() {
  const std::size_t used = aligned(attribute_header_size + current_.value.size());
  rest_ = rest_.subspan(std::min(used, rest_.size()));
  read();
  return *this;
}

std::optional<NetlinkAttribute> AttributeList::find(std::uint16_t type) const {
  for (const NetlinkAttribute& attribute : *this) {
    if (attribute.type == type) return attribute;
  }
  return std::nullopt;
}

ByteView NetlinkMessage::payload(std::size_t skip) const {
  return bytes.subspan(std::min(header_size + aligned(skip), bytes.size()));
}

void for_each_message(ByteView datagram, const std::function<void(const NetlinkMessage&)>& visit) {
  while (datagram.size() >= header_size) {
    const auto header = load<nlmsghdr>(datagram);
    if (header.nlmsg_len < header_size || header.nlmsg_len > datagram.size()) return;
    visit({header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, header.nlmsg_pid,
           datagram.first(header.nlmsg_len)});
    datagram = datagram.subspan(std::min(aligned(header.nlmsg_len), datagram.size()));
  }
}

std::optional<NetlinkAnswer> read_answer(const NetlinkMessage& message) {
  const ByteView payload = message.payload();
  if (message.type != NLMSG_ERROR || payload.size() < sizeof(nlmsgerr)) return std::nullopt;
  const auto error = load<nlmsgerr>(payload);
  NetlinkAnswer answer;
  answer.error = error_of(error.error);
  answer.sequence = error.msg.nlmsg_seq;
  if ((message.flags & NLM_F_ACK_TLVS) != 0) {
    // Unless capped, the request's own payload stands between.
    const std::size_t echoed =
        (message.flags & NLM_F_CAPPED) != 0 ? header_size : std::size_t{error.msg.nlmsg_len};
    for (const NetlinkAttribute& attribute :
         AttributeList(message.payload(sizeof(nlmsgerr::error) + echoed))) {
      if (attribute.type == NLMSGERR_ATTR_MSG) answer.text = attribute.text();
      if (attribute.type == NLMSGERR_ATTR_OFFS && attribute.value.size() == 4) {
        answer.offset = load<std::uint32_t>(attribute.value);  // host order, unlike nf_tables' own
      }
    }
  }
  return answer;
}

// --- socket --------------------------------------------------------------------------------------
ssize_t receive_from_kernel(int fd, std::span<std::uint8_t> buffer, int flags) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t size = recvfrom(fd, buffer.data(), buffer.size(), flags | MSG_TRUNC,
                                  reinterpret_cast<sockaddr*>(&sender), &length);
    if (size < 0 || (length == sizeof sender && sender.nl_pid == 0)) return size;
  }
}

NetlinkSocket::NetlinkSocket(int protocol)
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)), buffer_(receive_size) {
  if (!fd_) fail("open a netlink socket", errno);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  // From the top, because libnl counts from the bottom.
  for (std::uint32_t number = 1023;; --number) {
    address.nl_pid = number << 22 | static_cast<std::uint32_t>(getpid());
    if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) break;
    if (errno != EADDRINUSE || number == 0) fail("bind a netlink socket", errno);
  }
  port_ = address.nl_pid;
  const int on = 1;
  setsockopt(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  set_room(fd_.get(), SO_RCVBUFFORCE, SO_RCVBUF, queue_size);
}

void NetlinkSocket::join(std::uint32_t group) {
  if (setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    fail("subscribe to netlink notifications", errno);
  }
}

void NetlinkSocket::leave(std::uint32_t group) {
  if (setsockopt(fd_.get(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group) != 0) {
    fail("unsubscribe from netlink notifications", errno);
  }
}

void NetlinkSocket::drop_messages_of(std::uint32_t port) {
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 0, 1),  // BPF reads words as big-endian
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, std::numeric_limits<std::uint32_t>::max()),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    fail("filter netlink notifications", errno);
  }
}

int NetlinkSocket::send(ByteView bytes) {
  // The kernel takes a datagram only whole, and none that is longer than the send buffer.
  constexpr std::size_t margin = 64 << 10;
  if (bytes.size() + margin > send_room_) {
    send_room_ = std::max(bytes.size() + margin, std::size_t{1} << 20);
    set_room(fd_.get(), SO_SNDBUFFORCE, SO_SNDBUF, static_cast<int>(send_room_));
  }
  fault_point();
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (sendto(fd_.get(), bytes.data(), bytes.size(), 0,
                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

NetlinkSocket::Received NetlinkSocket::receive(bool wait) {
  for (;;) {
    const ssize_t size = receive_from_kernel(fd_.get(), buffer_, wait ? 0 : MSG_DONTWAIT);
    if (size >= 0) {
      const auto bytes = static_cast<std::size_t>(size);
      // Longer than what the kernel sends: treat as lost.
      if (bytes > buffer_.size()) return {ENOBUFS, {}};
      return {0, ByteView(buffer_).first(bytes)};
    }
    if (errno == EWOULDBLOCK) return {EAGAIN, {}};
    if (errno != EINTR) return {errno, {}};
  }
}

int NetlinkSocket::query(ByteView request,
                         const std::function<void(const NetlinkMessage&)>& visit) {
  const auto sequence = load<nlmsghdr>(request).nlmsg_seq;
  if (const int error = send(request)) return error;
  int result = 0;
  bool interrupted = false;
  for (bool done = false; !done;) {
    const Received received = receive(true);
    if (received.error != 0) return received.error;
    for_each_message(received.bytes, [&](const NetlinkMessage& message) {
      if (message.sequence != sequence || done) return;
      interrupted = interrupted || (message.flags & NLM_F_DUMP_INTR) != 0;
      if (const auto answer = read_answer(message)) {
        result = answer->error;
        done = true;
      } else if (message.type == NLMSG_DONE) {
        const ByteView status = message.payload();
        result = status.size() >= sizeof(int) ? error_of(load<int>(status)) : 0;
        done = true;
      } else {
        visit(message);
      }
    });
  }
  return result == 0 && interrupted ? EINTR : result;
}

}  // namespace net
