#include "cmd/serve/text_table.hpp"

#include <algorithm>

#include "core/printable.hpp"

namespace cmd {
namespace {

constexpr std::size_t gap = 2;

std::vector<std::size_t> column_widths(const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths;
  for (const TableRow& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], text_width(row[i]));
    }
  }
  return widths;
}

// UTF-8's continuation bytes.
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

void print_table(std::ostream& out, std::vector<TableRow> rows, bool colour) {
  for (TableRow& row : rows) {
    for (std::string& cell : row) cell = core::printable(cell);
  }
  const std::vector<std::size_t> widths = column_widths(rows);
  bool header = colour;
  for (const TableRow& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line += std::string(widths[i] - text_width(row[i]) + gap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << (header ? "\033[1m" : "") << line << (header ? "\033[0m" : "") << '\n';
    header = false;
  }
}

std::size_t text_width(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues));
}

std::size_t table_width(const std::vector<TableRow>& rows) {
  const std::vector<std::size_t> widths = column_widths(rows);
  std::size_t longest = 0;
  for (const TableRow& row : rows) {
    std::size_t width = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i].empty()) continue;
      width = text_width(row[i]);
      for (std::size_t k = 0; k < i; ++k) width += widths[k] + gap;
    }
    longest = std::max(longest, width);
  }
  return longest;
}

std::string shortened(std::string_view text, std::size_t width) {
  if (text_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if (!continues(text[end]) && ++seen == width) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::vector<std::string> lines;
  std::string line;
  bool empty = true;  // but for the indent
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!empty && text_width(line) + 1 + text_width(word) > width) {
      lines.push_back(std::move(line));
      line = std::string(indent, ' ');
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  if (!empty) lines.push_back(std::move(line));
  return lines;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

}  // namespace cmd
