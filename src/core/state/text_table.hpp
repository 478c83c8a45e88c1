// Declarations of sets and chains in the words of nft(8). For the text files of this folder only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/state/ruleset.hpp"

namespace core {

std::string_view word_of(const nft::Set& set);                         // "set", "map"
std::vector<std::string> body_of(const nft::Set& set, Family family);  // between the braces
std::string hook_text(const nft::Hook& hook);

}  // namespace core
