// Messages of nf_tables about tables, chains, rules, sets, elements and objects, as values. Pure.
// Not here: asking for them (ruleset_socket).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/packet/ruleset.hpp"
#include "net/netlink/message.hpp"

namespace net {

// nfgenmsg's family; nothing: none that tables have.
std::optional<core::packet::TableFamily> table_family_of(const NetlinkMessage& message);

// Of NFT_MSG_NEW* with the given attributes; `family` is the table's.
core::packet::ChainId table_of(const Attributes& table, core::packet::TableFamily family);
bool is_dormant(const Attributes& table);

struct ReadChain {
  core::packet::ChainId id;
  std::optional<core::packet::BaseChain> base;  // it is one
};
ReadChain read_chain(const Attributes& chain, core::packet::TableFamily family);

core::packet::ChainId chain_of(const Attributes& rule, core::packet::TableFamily family);
core::packet::Rule read_packet_rule(const Attributes& rule, core::packet::TableFamily family);

core::packet::ChainId set_id_of(const Attributes& set, core::packet::TableFamily family);
core::packet::Set read_packet_set(const Attributes& set);

// Of the list of a message about elements; elements without key and that are no catch-all are none.
std::vector<core::packet::Element> read_packet_elements(const Attributes& list,
                                                        core::packet::TableFamily family);

core::packet::ChainId object_id_of(const Attributes& object, core::packet::TableFamily family);

}  // namespace net
