// Tables for terminals: columns that line up.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace cmd {

using TableRow = std::vector<std::string>;

// Texts of others are made printable. The first row is the header, bold with `colour`; rows may be
// shorter than it.
void print_table(std::ostream& out, std::vector<TableRow> rows, bool colour = false);

}  // namespace cmd
