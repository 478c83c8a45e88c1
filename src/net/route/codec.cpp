#include "net/route/codec.hpp"

#include <linux/netlink.h>

#include "net/route/fou.hpp"

namespace net {

Sockets::Sockets() : route(NETLINK_ROUTE) {}
Sockets::~Sockets() = default;

// Opened when it is needed: most kernels that pona runs on have none.
Fou& Sockets::fou() {
  if (!fou_) fou_ = std::make_unique<Fou>();
  return *fou_;
}

}  // namespace net
