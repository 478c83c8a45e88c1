// Tables and paragraphs for terminals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace cmd {

using TableRow = std::vector<std::string>;

// Texts of others are made printable. The first row is the header, bold with `colour`; rows may be
// shorter than it.
void print_table(std::ostream& out, std::vector<TableRow> rows, bool colour = false);

// Characters, as a terminal that shows each in one column counts them.
std::size_t text_width(std::string_view text);
// Of the longest line that print_table would print.
std::size_t table_width(const std::vector<TableRow>& rows);

// At most `width` characters, the last of which is "…" where something is left out.
std::string shortened(std::string_view text, std::size_t width);

// Lines of at most `width` characters, broken at blanks; all but the first begin with `indent`
// blanks. A longer word has a line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width, std::size_t indent);

std::string grouped(std::uint64_t number);  // "10,000"

}  // namespace cmd
