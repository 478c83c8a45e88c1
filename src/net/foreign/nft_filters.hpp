// Base chains of other programs' nftables that packets pass, and what those let through. Only rules
// that a packet gets to are read, and no more than a budget of them. Not here: which packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "net/foreign/nft_rule.hpp"
#include "net/foreign/packet.hpp"
#include "net/netlink/netlink.hpp"

namespace net::foreign {

struct NftChainId {
  std::uint8_t family = 0;  // NFPROTO_*
  std::string table;
  std::string chain;

  friend auto operator<=>(const NftChainId&, const NftChainId&) = default;
};

struct NftBaseChain {
  NftChainId id;
  std::uint32_t hook = 0;  // NF_INET_*
  std::int32_t priority = 0;
  bool nat = false;    // else of type filter
  bool drops = false;  // its policy
};

class NftFilters {
 public:
  // In the network namespace of the calling thread. Throws core::Error.
  NftFilters();

  // Of the namespace's ruleset; another one after each transaction. Nothing: it cannot be read.
  std::optional<std::uint32_t> generation();

  // Reads which chains there are; `own` is the name of tables that are passed over. What was read
  // before is forgotten. False: they cannot be read, which is as if there were none.
  bool read(const std::string& own);
  // Of types filter and nat, in families ip, ip6 and inet.
  [[nodiscard]] const std::vector<NftBaseChain>& base_chains() const { return base_; }
  [[nodiscard]] bool has_chain(const NftChainId& id) const { return chains_.contains(id); }

  // What may become of it in the whole chain, without the policy.
  Outcome pass(const NftChainId& chain, const Packet& packet);

 private:
  struct Rules {
    std::vector<std::vector<std::uint8_t>> expressions;
    bool complete = true;
  };
  using Memory = std::map<NftChainId, Outcome>;

  Outcome walk(const NftChainId& chain, const Packet& packet, Memory& memory, int depth);
  Outcome follow(const NftEffect& effect, const NftChainId& chain, const Packet& packet,
                 Memory& memory, int depth);
  const Rules& rules_of(const NftChainId& chain);
  std::size_t key_length(const NftChainId& set);
  FoundInSet find(const NftChainId& set, const PartlyKnown& key);
  int query(const NetlinkWriter& request,
            const std::function<void(std::uint8_t family, AttributeList attributes)>& visit);
  NetlinkWriter request(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
                        const std::function<void(NetlinkWriter&)>& fill = {});

  NetlinkSocket socket_;
  std::uint32_t sequence_ = 0;
  std::vector<NftBaseChain> base_;
  std::map<NftChainId, bool> chains_;
  std::map<NftChainId, Rules> rules_;
  std::map<NftChainId, std::size_t> key_lengths_;  // 0: not known
  std::size_t messages_left_ = 0;                  // that may still be read
  std::size_t rules_left_ = 0;                     // that may still be judged
};

}  // namespace net::foreign
