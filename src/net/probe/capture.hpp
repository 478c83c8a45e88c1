// Packets that may be the probe's, as one network namespace's interfaces see them. Headers only:
// what is behind the first bytes is never read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/observation.hpp"
#include "net/probe/watched_flow.hpp"
#include "os/fd.hpp"

struct sock_filter;

namespace net::probe {

// A filter for packets that have one of the needles, so that others cost next to nothing. For
// packet sockets of SOCK_DGRAM, which begin at the IP header.
std::vector<sock_filter> packet_filter(const std::vector<Needle>& needles);

struct Frame {
  core::packet::Bytes bytes;  // from the IP header on, the first 256
  core::packet::Captured::Direction direction{};
  core::packet::Interface interface;
  core::packet::ObservedAt time{};
};

// Without place; nothing for packets without the cookie.
std::optional<core::packet::Captured> read_capture(const Frame& frame,
                                                   const core::packet::Cookie& cookie);

class Capture {
 public:
  // In the network namespace of the calling thread; may be used by any. Throws core::Error.
  explicit Capture(const std::vector<Needle>& needles);

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Gives each waiting packet to `visit`. Returns how many were lost before.
  std::uint32_t drain(const std::function<void(Frame)>& visit);
  // Of the namespace; empty for an index that none has (any more).
  std::string interface_name(std::uint32_t index);

 private:
  os::Fd fd_;
  std::map<std::uint32_t, std::string> names_;
};

}  // namespace net::probe
