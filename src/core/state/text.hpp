// Changes and states in the words of nft(8) and ip(8): dry run, logs and golden tests share it.
// Kinds other than nftables' have theirs in their own files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/constants.hpp"
#include "core/state/state.hpp"

namespace core {

std::string to_text(const nft::Rule& rule, Family family);
std::string to_text(const Element& element);   // "203.0.113.10 . tcp . 443 : goto flow-16"
std::string to_text(const nft::Table& table);  // as `nft list table`, without elements

// One command a line. Runs of elements of one set are joined into one line, at most
// `elements_per_line` of them; 0: such runs are only counted ("add 160000 elements to …"). `table`
// is the nftables table that they are about.
std::vector<std::string> to_text(const Changes& changes, std::size_t elements_per_line = 8,
                                 std::string_view table = constants::edge_table);

std::string to_text(const State& state);  // sorted, the same for equal states

}  // namespace core
