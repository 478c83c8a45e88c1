// A table of nftables that makes the kernel trace one probe in one network namespace, and the
// socket that owns it. Rule: what it matches is the cookie, never a wide pattern, because a traced
// packet costs a hundred times an untraced one. The kernel removes the table when the socket
// closes, whatever becomes of this process; kernels before 5.12 cannot, and then the destructor
// does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/packet/cookie.hpp"
#include "net/netlink/netlink.hpp"

namespace net::probe {

// What is looked into for the cookie besides plain packets, IP in IP, and ICMP errors.
struct Tunnel {
  enum class Kind : std::uint8_t { fou, vxlan, vxlan_gpe };
  Kind kind{};
  std::uint16_t port = 0;  // of UDP, as the outer packet's destination

  friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

// A part of a transport header, or of what follows it, that has a certain value. At most 16 bytes.
struct Part {
  std::uint32_t offset = 0;
  std::vector<std::uint8_t> value;
  bool network = false;  // of the IP header instead

  friend bool operator==(const Part&, const Part&) = default;
};
// A packet of this transport protocol that has all the parts.
struct Pattern {
  std::uint8_t protocol = 0;
  std::vector<Part> parts;
  std::uint32_t most = 0;  // packets in a second; 0: all

  friend bool operator==(const Pattern&, const Pattern&) = default;
};
// Addresses and ports of the probe are left open, since they become others.
std::vector<Pattern> patterns_of(const core::packet::Cookie& cookie,
                                 const std::vector<Tunnel>& tunnels);

// Whether a chain of our table is one that arms. The others ("see-forward") are empty: each tells
// of the packet once more, behind what the hook's other chains did to it.
bool is_arming_chain(std::string_view name);

// The transaction that makes the table; each message but the last is acknowledged only if it is
// refused. `family` is NFPROTO_INET or NFPROTO_BRIDGE, `flags` NFT_TABLE_F_*.
NetlinkWriter arming_batch(std::uint8_t family, std::string_view table, std::uint32_t flags,
                           const std::vector<Pattern>& patterns, std::uint32_t& last_sequence);

class ArmedTable {
 public:
  // In the network namespace of the calling thread; may be used and closed by any. Throws
  // core::Error. `bridges`: also what passes between the ports of bridges.
  ArmedTable(std::string name, const std::vector<Pattern>& patterns, bool bridges);
  ArmedTable(const ArmedTable&) = delete;
  ArmedTable& operator=(const ArmedTable&) = delete;
  ~ArmedTable();

  // Why what passes between ports of bridges is not traced; empty where it is, or there are none.
  [[nodiscard]] const std::string& without_bridges() const { return without_bridges_; }

 private:
  // Returns 0 or errno, and the kernel's words.
  int make(std::uint8_t family, const std::vector<Pattern>& patterns, std::string& words);

  std::string name_;
  NetlinkSocket socket_;
  std::vector<std::uint8_t> unowned_;  // families whose tables stay without us
  std::string without_bridges_;
};

}  // namespace net::probe
