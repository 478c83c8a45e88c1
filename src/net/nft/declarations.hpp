// Declarations of tables, sets and chains as nf_tables' bytes and back. What is in the sets and
// chains is in nft_elements and nft_rules. Rule: what the kernel gives back for what was written
// here compares equal to it; what pona cannot say comes back as something that differs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/state/ruleset.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// NFPROTO_* of nfgenmsg, and back.
std::uint8_t protocol_family(core::Family family);

// Message header, nfgenmsg. `message` is NFT_MSG_*.
std::size_t begin_nft_message(NetlinkWriter& writer, std::uint16_t message, std::uint16_t flags,
                              std::uint32_t sequence, core::Family family);
bool is_nft_message(const NetlinkMessage& message, std::uint16_t type);
std::optional<core::Family> family_of(const NetlinkMessage& message);
AttributeList nft_attributes(const NetlinkMessage& message);

// Attributes behind the table's name, which is the first of each message.
void put_set(NetlinkWriter& writer, core::Family family, const core::nft::Set& set,
             std::uint32_t id);
core::nft::Set read_set(AttributeList attributes, core::Family family);

void put_chain(NetlinkWriter& writer, std::string_view name,
               const std::optional<core::nft::Hook>& hook);
core::nft::Chain read_chain(AttributeList attributes);  // without rules

struct ReadTable {
  std::uint32_t flags = 0;
  std::optional<std::uint32_t> owner;  // netlink port id
};
ReadTable read_table(AttributeList attributes);

}  // namespace net
