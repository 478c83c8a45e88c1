// Whether rules of other programs (Docker's, ufw's, a hand-made firewall's, nftables or legacy
// iptables) let mapped traffic pass. Reads only. Rule: a chain is an obstacle only if no way
// through it is left that some rule, or what is not known of a packet, may open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/obstacle.hpp"
#include "net/foreign/nft_filters.hpp"
#include "net/foreign/packet.hpp"

namespace net::foreign {

// A flow, and the interfaces that it passes: by name and index; empty and 0 where not known.
struct Way {
  core::MappedFlow flow;
  std::uint32_t in = 0;
  std::uint32_t out = 0;
  std::string out_name;

  friend bool operator==(const Way&, const Way&) = default;
};

class ForeignRules {
 public:
  // In the network namespace of the calling thread. `own` is the name of our tables, which do what
  // they do on purpose. Throws core::Error.
  explicit ForeignRules(std::string own) : own_(std::move(own)) {}

  // Cheap where neither nftables nor the ways are others than at the last call.
  const std::vector<core::Obstacle>& look(const std::vector<Way>& ways);

 private:
  void look_at_nftables(const std::vector<Way>& ways);
  static void look_at_legacy(const std::vector<Way>& ways, std::vector<core::Obstacle>& found);

  std::string own_;
  NftFilters nftables_;
  std::optional<std::uint32_t> generation_;  // that was looked at
  std::vector<Way> ways_;                    // likewise
  std::vector<core::Obstacle> in_nftables_;
  std::vector<core::Obstacle> all_;
};

}  // namespace net::foreign
