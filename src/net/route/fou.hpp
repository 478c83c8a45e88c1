// UDP ports that receive FoU (linux/fou.h, generic netlink): messages <-> values. Rule: only ports
// of the very shape that pona makes are taken for pona's.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "core/state/state.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/route/codec.hpp"

namespace net {

// Empty unless it is one that receives IPv4 in IPv4 or IPv6 in IPv6.
std::optional<core::FouPort> decode_fou_port(const NetlinkMessage& message);

// `fou` is the number of the generic netlink family.
Message encode_fou_port(std::uint16_t fou, const core::FouPort& port, bool add);

// A generic netlink socket of one network namespace.
class Fou {
 public:
  Fou();

  // The kernel has FoU: modules fou and fou6, which nothing loads by itself.
  [[nodiscard]] bool available() const { return family_ != 0; }

  // None where the kernel has no FoU.
  std::set<core::FouPort> read();
  // Adding what is there, and deleting what is gone, are successes.
  Answer add(const core::FouPort& port);
  Answer remove(const core::FouPort& port);

 private:
  RequestSocket socket_;
  std::uint16_t family_ = 0;
};

template <>
struct Codec<core::FouPort> {
  static void read(Reading& reading);
  static Answer add(Sockets& sockets, const core::FouPort& port) { return sockets.fou().add(port); }
  static Answer remove(Sockets& sockets, const core::FouPort& port) {
    return sockets.fou().remove(port);
  }
};

}  // namespace net
