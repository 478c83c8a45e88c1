// How many of the source ports towards one endpoint are taken. Connections of which the client's
// address is replaced differ, for the endpoint, by the source port alone, so one address of this
// host can have as many of them to one endpoint as there are ports; of all that lead there
// together. Pure: reading conntrack is net's business.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/conntrack_flow.hpp"
#include "core/ip.hpp"

namespace core {

// 1024 to 65535: the kernel takes others only for clients whose own port is below 1024
// (nf_nat_l4proto_unique_tuple).
inline constexpr std::uint32_t source_ports = 64'512;

// An endpoint, with the address of this host that it takes for its client.
struct PortPair {
  Protocol protocol{};
  Address endpoint;
  std::uint16_t port = 0;
  Address source;

  friend auto operator<=>(const PortPair&, const PortPair&) = default;
};

struct PortUse {
  PortPair pair;
  std::uint32_t used = 0;  // of source_ports

  friend bool operator==(const PortUse&, const PortUse&) = default;
};

class PortCount {
 public:
  // Takes no notice of a connection whose client is seen as it is.
  void add(const Flow& flow);
  // Those with `least` and more, the fullest first.
  [[nodiscard]] std::vector<PortUse> at_least(std::uint32_t least) const;

 private:
  std::map<PortPair, std::uint32_t> used_;
};

}  // namespace core
