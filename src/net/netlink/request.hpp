// Requests to the kernel over a libnl socket, and their answers: what routes, rules, links,
// addresses and conntrack have in common. Not here: notifications (events) and nftables' batches
// (netlink). Rule: answers are values; whoever knows what was attempted throws.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "net/netlink/message.hpp"

struct nl_sock;

namespace net {

struct Answer {
  int error = 0;        // errno value
  std::string details;  // the kernel's own words (extended acknowledgement), if it had any

  [[nodiscard]] bool ok() const { return error == 0; }
};

std::string to_string(const Answer& answer);  // "No such device (Nexthop device is not up.)"

// Whether trying again may help: the kernel was busy, or an interface was just going or coming.
core::Error::Kind kind_of(int error);

class RequestSocket {
 public:
  // In the network namespace of the calling thread; `protocol` as NETLINK_ROUTE.
  explicit RequestSocket(int protocol);
  RequestSocket(const RequestSocket&) = delete;
  RequestSocket& operator=(const RequestSocket&) = delete;
  ~RequestSocket();

  // One message and its acknowledgement.
  Answer request(nl_msg& message);

  // One message, what it asks for, and the acknowledgement.
  Answer get(nl_msg& message, const std::function<void(const NetlinkMessage&)>& visit);

  // A dump, entry by entry as it arrives; EINTR when entries came or went meanwhile, which may have
  // been seen or not.
  Answer stream(nl_msg& message, const std::function<void(const NetlinkMessage&)>& visit);

  // A dump as one consistent picture, repeated when the kernel says that it was disturbed: the
  // messages that `keep` wants, one behind the other.
  Answer dump(nl_msg& message, const std::function<bool(const NetlinkMessage&)>& keep,
              std::vector<std::uint8_t>& messages);

  // Notifications about our own changes carry it.
  [[nodiscard]] std::uint32_t port() const;

 private:
  struct FreeSocket {
    void operator()(nl_sock* socket) const;
  };

  Answer send(nl_msg& message, int flags);
  Answer receive(std::uint32_t sequence, const std::function<void(const NetlinkMessage&)>& visit);

  std::unique_ptr<nl_sock, FreeSocket> socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace net
