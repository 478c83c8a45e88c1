// A whole ruleset in the words of nft(8), for people. Not a format to read back.
#pragma once

#include <cstddef>
#include <string>

#include "core/packet/ruleset.hpp"

namespace core::packet {

// Of each set at most `most_elements`.
std::string ruleset_text(HeldRuleset& ruleset, std::size_t most_elements = 1000);

}  // namespace core::packet
