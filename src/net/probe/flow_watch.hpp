// Connections that begin and end in one network namespace, as connection tracking tells. What is
// told costs the kernel a message for each, and nothing where none begins; no packet is touched,
// and no kernel parameter changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/watch/flow.hpp"
#include "net/netlink/netlink.hpp"
#include "net/netns.hpp"

namespace net {
class RequestSocket;
}

namespace net::probe {

class FlowWatch {
 public:
  using Visit = std::function<void(const core::watch::Flow&)>;

  // `network` is the caller's, for as long as this. Throws core::Error.
  FlowWatch(const Namespace& network, std::size_t place);
  FlowWatch(const FlowWatch&) = delete;
  FlowWatch& operator=(const FlowWatch&) = delete;
  ~FlowWatch();

  [[nodiscard]] int fd() const { return events_->fd(); }
  // At most some thousand, so that nobody waits long.
  void drain(const Visit& visit);
  // Events for which the kernel had no room, since the beginning.
  [[nodiscard]] std::uint64_t lost() const;

  // Whether connections have bytes (net.netfilter.nf_conntrack_acct).
  [[nodiscard]] bool counts_bytes() const { return counts_bytes_; }
  // Why there are no events, or may be none; empty: there are.
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }

  // Each connection that is tracked now. False, and nothing visited: there are more than `most`.
  bool read_all(std::size_t most, const Visit& visit);

 private:
  const Namespace& network_;
  std::size_t place_;
  std::unique_ptr<NetlinkSocket> events_;
  std::unique_ptr<RequestSocket> requests_;
  bool counts_bytes_ = false;
  std::string obstacle_;
};

// Nothing for other messages.
std::optional<core::watch::Flow> decode_flow_news(const NetlinkMessage& message, std::size_t place);

}  // namespace net::probe
