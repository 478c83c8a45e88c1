#include <algorithm>
#include <ctime>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include "cmd/edge/status.hpp"
#include "cmd/edge/status/filter.hpp"
#include "cmd/edge/status/mapping_table.hpp"
#include "cmd/edge/status/summary.hpp"
#include "cmd/serve/text_table.hpp"
#include "core/printable.hpp"

namespace cmd {
namespace {

using Row = TableRow;

constexpr std::size_t hanging = 2;

// Lines as they are, or not wider than the terminal.
std::string fitted(const std::string& lines, const StatusLayout& layout) {
  if (!layout.width) return lines;
  std::string text;
  std::istringstream all(lines);
  for (std::string line; std::getline(all, line);) {
    for (const std::string& part : wrapped(core::printable(line), *layout.width, 2 * hanging)) {
      text += part + '\n';
    }
  }
  return text;
}

std::string heading(const ProcessStatus& process) {
  std::string text = "pona edge " + process.version + ", process " + std::to_string(process.pid) +
                     ", since " + rfc3339(process.started) + ", " +
                     (process.healthy ? "healthy" : "not healthy") + ", ";
  text +=
      process.last_sync == 0 ? "nothing in effect yet" : "in line at " + rfc3339(process.last_sync);
  text += '\n';
  if (process.stale_since != 0) {
    text += "  stale: the objects are those saved at " + rfc3339(process.stale_since) +
            ", the API server has not been read since the start\n";
  }
  for (const std::string& trouble : process.troubles) text += "  " + trouble + '\n';
  return text;
}

// Objects and why they are not, or not fully, in effect; last those whose addresses are elsewhere.
// A rejection is usually a Mapping's reason too.
std::vector<Row> remarks(const EdgeStatus& status) {
  std::set<std::tuple<bool, std::string, std::string>> all;
  for (const auto& [object, reason] : status.rejections) all.emplace(false, object, reason);
  for (const MappingStatus& mapping : status.mappings) {
    for (const std::string& reason : mapping.reasons) {
      all.emplace(!has_problem(mapping), object_text(mapping), reason);
    }
  }
  std::vector<Row> rows;
  rows.reserve(all.size());
  for (const auto& [elsewhere, object, reason] : all) rows.push_back({object, reason});
  return rows;
}

// What is too wide for a table is told in lines, of which none of the reason is cut off.
std::string paragraphs(const std::vector<Row>& rows, std::size_t width) {
  std::string text;
  for (const Row& row : rows) {
    std::string all;
    for (const std::string& cell : row) {
      if (!cell.empty()) all += (all.empty() ? "" : ": ") + cell;
    }
    for (const std::string& line : wrapped(core::printable(all), width, hanging)) {
      text += line + '\n';
    }
  }
  return text;
}

std::string section(const std::string& title, std::vector<Row> rows, const StatusLayout& layout) {
  if (rows.empty()) return "";
  rows.insert(rows.begin(), {title, ""});
  const std::string rest = cut_rows(rows, layout);
  std::ostringstream text;
  text << '\n';
  if (layout.width && table_width(rows) > *layout.width) {
    text << paragraphs(rows, *layout.width);
  } else {
    print_table(text, rows);
  }
  return text.str() + rest;
}

std::string interfaces(const EdgeStatus& status, const StatusLayout& layout) {
  std::vector<Row> rows;
  for (const InterfaceStatus& interface : status.interfaces) {
    rows.push_back({interface.name, interface.gateway4.empty() ? "-" : interface.gateway4,
                    interface.gateway6.empty() ? "-" : interface.gateway6});
  }
  if (rows.empty()) return "";
  rows.insert(rows.begin(), {"EXTERNAL INTERFACE", "IPV4 GATEWAY", "IPV6 GATEWAY"});
  const std::string rest = cut_rows(rows, layout);
  std::ostringstream text;
  text << '\n';
  print_table(text, rows);
  return text.str() + rest;
}

std::vector<Row> rows_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<Row> rows;
  rows.reserve(pairs.size());
  for (const auto& [first, second] : pairs) rows.push_back({first, second});
  return rows;
}

}  // namespace

std::string rfc3339(std::int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string to_text(const EdgeStatus& status, const StatusLayout& layout) {
  std::string text = status.process ? heading(*status.process) : "";
  if (!layout.selection.empty()) text += "Only " + layout.selection + '\n';
  text = fitted(text, layout);
  if (!text.empty()) text += '\n';
  std::vector<Row> troubled = remarks(status);
  std::vector<Row> warnings;
  for (const std::string& warning : status.warnings) warnings.push_back({warning});
  text += summary(status, layout);

  text += section("OBJECT", std::move(troubled), layout);
  text += section("PROBLEM", rows_of(status.problems), layout);
  text += section("WARNING", std::move(warnings), layout);

  if (!status.mappings.empty()) text += '\n' + mapping_table(status, layout);
  text += interfaces(status, layout);
  if (status.conntrack_limit != 0) {
    text += "\nConnections tracked by this host: " + std::to_string(status.conntrack_entries) +
            " of " + std::to_string(status.conntrack_limit) + '\n';
  }
  return text;
}

}  // namespace cmd
