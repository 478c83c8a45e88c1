// Rules as nf_tables' messages, through libnftnl; what their expressions are is in nft_lowering.
// Rule: the fingerprint of a rule that we would send equals that of the same rule dumped by the
// kernel, and of no other.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/state/ruleset.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// Appends a whole NFT_MSG_NEWRULE message that puts the rule at the chain's end. Throws core::Error
// for what has no lowering (an IPv6 address in a Match, keys longer than the registers).
void write_rule(NetlinkWriter& writer, std::uint32_t sequence, core::Family family,
                std::string_view table, std::string_view chain, const core::nft::Rule& rule);

struct ReadRule {
  std::string chain;
  std::string fingerprint;  // readable: libnftnl's text of the expressions, and the comment
};
// Of a NFT_MSG_NEWRULE message, ours or the kernel's.
std::optional<ReadRule> read_rule(const NetlinkMessage& message);

std::string fingerprint(const core::nft::Rule& rule, core::Family family);

}  // namespace net
