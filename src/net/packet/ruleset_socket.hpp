// Questions to nf_tables about one network namespace, and their answers as messages. Not here: what
// they say (ruleset_messages), writing (net/nft). Rule: an error is an answer; nobody throws for
// one.
#pragma once

#include <functional>
#include <optional>

#include "core/packet/ruleset.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

class RulesetSocket {
 public:
  using Family = core::packet::TableFamily;
  using Fill = std::function<void(NetlinkWriter&)>;
  using Visit = std::function<void(Family family, const Attributes& attributes)>;

  // In the namespace of the calling thread, wherever it is used later. Throws core::Error.
  RulesetSocket();

  // Of one thing; 0 or errno. `type`: NFT_MSG_GET*.
  int get(std::uint16_t type, Family family, const Fill& fill, const Visit& visit);
  // Of all that fit; of all families without one. Repeated, after `restart`, where another
  // transaction came between; EINTR: that was so each time.
  int dump(std::uint16_t type, std::optional<Family> family, const Fill& fill,
           const std::function<void()>& restart, const Visit& visit);
  // Each transaction of the namespace makes it another one; nothing: it cannot be read.
  std::optional<std::uint32_t> generation();

 private:
  int query(std::uint16_t type, std::uint16_t flags, std::uint8_t family, const Fill& fill,
            const Visit& visit);

  NetlinkSocket socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace net
