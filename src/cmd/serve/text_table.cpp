#include "cmd/serve/text_table.hpp"

#include <algorithm>

#include "core/printable.hpp"

namespace cmd {
namespace {

// Characters as a terminal counts them: UTF-8's continuation bytes have no width.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void print_table(std::ostream& out, std::vector<TableRow> rows, bool colour) {
  for (TableRow& row : rows) {
    for (std::string& cell : row) cell = core::printable(cell);
  }
  std::vector<std::size_t> widths;
  for (const TableRow& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  bool header = colour;
  for (const TableRow& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line += std::string(widths[i] - width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << (header ? "\033[1m" : "") << line << (header ? "\033[0m" : "") << '\n';
    header = false;
  }
}

}  // namespace cmd
