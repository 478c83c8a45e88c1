// News of links, addresses, routes and rules, reduced to what somebody must look at again. Not
// here: news of nftables (nft), and what the new state is. Rule: a router whose foreign routes
// change all the time wakes nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "core/meddler.hpp"
#include "core/state/scope.hpp"
#include "net/netlink/netlink.hpp"
#include "os/fd.hpp"

namespace net {

struct RouteEvents {
  bool host = false;         // as Kernel::Events
  bool routing = false;      // likewise
  bool main_routes = false;  // what MainRoutes says may be otherwise

  RouteEvents& operator|=(const RouteEvents& other);
  friend bool operator==(const RouteEvents&, const RouteEvents&) = default;
};

// What one notification is about, to whom the scope is his. `own_port`: of the socket that makes
// our changes, which are no news.
// `followed`: indices of devices whose routes in table main are news.
RouteEvents classify(const NetlinkMessage& message, const core::Scope& scope,
                     std::uint32_t own_port, const std::set<std::uint32_t>& followed = {});

class RouteMonitor {
 public:
  // In the network namespace of the calling thread. Throws core::Error.
  RouteMonitor(core::Scope scope, std::uint32_t own_port);

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] bool pending() const;
  // Returns whether these are others than before. Throws core::Error.
  bool follow(std::set<std::uint32_t> devices);
  [[nodiscard]] const std::set<std::uint32_t>& followed() const { return followed_; }
  RouteEvents drain();
  // As Kernel::Events::meddler, of what was drained since it was asked for last.
  std::optional<core::Meddler> take_meddler() { return std::exchange(meddler_, std::nullopt); }

 private:
  NetlinkSocket socket_;
  core::Scope scope_;
  std::uint32_t own_port_;
  std::set<std::uint32_t> followed_;
  std::optional<core::Meddler> meddler_;
};

// News of what a client's plan depends on: links that are no tunnels of pona, addresses, and routes
// that name an MTU; and of routes, rules and tunnels of the client's own scope that went or were
// replaced. There is one for each client: it has no buffer of its own.
class PathMonitor {
 public:
  // In the network namespace of the calling thread. Throws core::Error.
  PathMonitor();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // True: something of that may be otherwise than it was.
  bool drain();

 private:
  os::Fd fd_;
};

}  // namespace net
