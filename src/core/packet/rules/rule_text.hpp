// Foreign rules in the words of nft(8), for people who look for them in `nft list ruleset`. Not a
// format to read back: an expression without words there is said as the kernel names it.
#pragma once

#include <string>

#include "core/packet/ruleset.hpp"

namespace core::packet {

// "ip saddr 10.0.0.0/8 tcp dport { 80, 443 } counter accept"; `table` tells where its sets are.
std::string to_text(const Rule& rule, const ChainId& chain, Ruleset& ruleset);
// "203.0.113.10 . tcp . 443"; bytes in hexadecimal where the type has no text here.
std::string value_text(ByteView value, std::uint32_t nft_type);
// "accept", "jump NAME"
std::string to_text(const Verdict& verdict);

}  // namespace core::packet
