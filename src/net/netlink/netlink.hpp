// Netlink as bytes: a writer and a reader of messages and attributes, and a socket of which each
// send passes one place. Not here: what any message means. Rule: the codec is pure, so that tests
// can compare bytes; attribute numbers are big-endian as nf_tables has them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/meddler.hpp"
#include "os/fd.hpp"

namespace net {

using ByteView = std::span<const std::uint8_t>;

// Everything in net calls this before it sends to the kernel. With -DPONA_FAULTS, PONA_FAULT_AT=N
// ends the process by SIGKILL at the Nth call, and PONA_FAULT_COUNT=FILE has the number of calls at
// exit.
#ifdef PONA_FAULTS
void fault_point();
#else
inline void fault_point() {}
#endif

// --- writing -------------------------------------------------------------------------------------
class NetlinkWriter {
 public:
  // Both return where they began, for close().
  std::size_t begin_message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence);
  std::size_t nest(std::uint16_t attribute);
  void close_message(std::size_t begin);
  void close(std::size_t begin);

  void put(std::uint16_t attribute, ByteView value);
  void put_text(std::uint16_t attribute, std::string_view value);  // with a final NUL
  void put_u32(std::uint16_t attribute, std::uint32_t value);
  void put_u64(std::uint16_t attribute, std::uint64_t value);
  void append(ByteView bytes);  // as they are, padded to 4

  void add_flags(std::size_t message, std::uint16_t flags);
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  [[nodiscard]] ByteView bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  std::uint8_t* grow(std::size_t bytes);

  std::vector<std::uint8_t> bytes_;
};

// --- reading -------------------------------------------------------------------------------------
struct NetlinkAttribute {
  std::uint16_t type = 0;  // without the flags
  ByteView value;

  // 0 when the value has another size.
  [[nodiscard]] std::uint32_t u32() const;
  [[nodiscard]] std::uint64_t u64() const;
  [[nodiscard]] std::string_view text() const;  // up to the NUL
};

// The attributes of one level, for range-for. Ends where the bytes make no sense.
class AttributeList {
 public:
  explicit AttributeList(ByteView bytes) : bytes_(bytes) {}

  class Iterator {
   public:
    explicit Iterator(ByteView rest) : rest_(rest) { read(); }
    const NetlinkAttribute& operator*() const { return current_; }
    const NetlinkAttribute* operator->() const { return &current_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return done_; }

   private:
    void read();

    ByteView rest_;
    NetlinkAttribute current_;
    bool done_ = false;
  };
  [[nodiscard]] Iterator begin() const { return Iterator(bytes_); }
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

  [[nodiscard]] std::optional<NetlinkAttribute> find(std::uint16_t type) const;

 private:
  ByteView bytes_;
};

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t port = 0;
  ByteView bytes;  // with the header

  [[nodiscard]] ByteView payload(std::size_t skip = 0) const;  // without `skip` bytes of it
};

void for_each_message(ByteView datagram, const std::function<void(const NetlinkMessage&)>& visit);

// What NLMSG_ERROR says; error 0 is an acknowledgement.
struct NetlinkAnswer {
  int error = 0;  // positive errno
  std::uint32_t sequence = 0;
  std::string text;          // extended acknowledgement, may be empty
  std::uint32_t offset = 0;  // of the bad attribute, from the start of the message; 0: not said
};
std::optional<NetlinkAnswer> read_answer(const NetlinkMessage& message);

// --- socket --------------------------------------------------------------------------------------
// As recv with MSG_TRUNC, of what the kernel sent: a datagram of another process is thrown away.
// Any that may (CAP_NET_ADMIN in this namespace) can send us what looks like an answer.
ssize_t receive_from_kernel(int fd, std::span<std::uint8_t> buffer, int flags);

class NetlinkSocket {
 public:
  // Throws core::Error. Its port id is pona's process id in the low 22 bits, as libnl does it, so
  // that who meets the id can tell whose it is.
  explicit NetlinkSocket(int protocol);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint32_t port() const { return port_; }

  void join(std::uint32_t group);
  void leave(std::uint32_t group);
  void drop_messages_of(std::uint32_t port);  // before they take room in our queue

  // One datagram. Returns 0 or errno.
  int send(ByteView bytes);

  struct Received {
    int error = 0;   // EAGAIN: nothing there (only without wait); ENOBUFS: messages were lost
    ByteView bytes;  // until the next receive
  };
  Received receive(bool wait);

  // Sends one request that asks for an answer (NLM_F_DUMP or NLM_F_ACK) and gives each message of
  // that to `visit`. Returns 0 or errno; EINTR: a dump that the kernel calls inconsistent.
  int query(ByteView request, const std::function<void(const NetlinkMessage&)>& visit);

 private:
  os::Fd fd_;
  std::uint32_t port_ = 0;
  std::size_t send_room_ = 0;
  std::vector<std::uint8_t> buffer_;
};

// The process that a port id stands for, if it is one that chose it as NetlinkSocket and libnl do,
// or has it from the kernel, and if it is of our process namespace and still there; else nobody.
core::Meddler process_of(std::uint32_t port);

// As strerror.
std::string error_text(int error);

}  // namespace net
