// What the kernel tells of rules, as values: expressions, verdicts and stateful objects. Pure:
// bytes in, values out. Not here: what matches and targets of x_tables say (decode_xt), messages
// (ruleset_messages). Rule: what is not understood to the last attribute is Unknown, never half of
// it.
#pragma once

#include <optional>
#include <vector>

#include "core/packet/ruleset.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// Of NFTA_RULE_EXPRESSIONS and the like: a list of NFTA_LIST_ELEM. `family`: of the table.
std::vector<core::packet::Expression> decode_expressions(ByteView list,
                                                         core::packet::TableFamily family);
// One level of NFTA_EXPR_*.
core::packet::Expression decode_expression(ByteView level, core::packet::TableFamily family);
// A level of NFTA_VERDICT_*.
core::packet::Verdict decode_verdict(ByteView level);
// NFTA_OBJ_DATA of a NFT_OBJECT_*; nothing: it is one of which nothing is known here.
std::optional<core::packet::Expression> decode_object(std::uint32_t type, ByteView level);

}  // namespace net
