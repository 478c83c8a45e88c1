// Statements of core::nft lowered to register loads, look-ups and verdicts: libnftnl's expressions.
// Not here: messages and fingerprints (nft_rules). Rule: a statement gives the same expressions
// each time, and the attributes that the kernel would add by itself are set already.
#pragma once

#include "core/state/ruleset.hpp"

struct nftnl_rule;

namespace net {

// Appends the rule's expressions. Throws core::Error for what has no lowering.
void lower(const core::nft::Rule& rule, core::Family family, nftnl_rule& to);

}  // namespace net
