#include "cmd/edge/status/mapping_table.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <utility>

#include "cmd/edge/status/filter.hpp"

namespace cmd {
namespace {

// What a terminal has no room for is left out in this order, until the rest fits: it is in the JSON
// and in the wide form. Last, names are shortened.
constexpr const char* expendable[] = {"SERVICE", "ENDPOINTS", "RECEIVED",
                                      "SENT",    "REFUSED",   "CONNECTIONS"};
constexpr std::size_t shortest_name = 12;

std::string amount(std::uint64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", share);
  return text;
}

std::string text_of(const EndpointStatus& endpoint) {
  return endpoint.address + ' ' + (endpoint.draining ? "draining" : percent(endpoint.share));
}

// "3", or "3+1" with one that is draining.
std::string number_of(const std::vector<EndpointStatus>& endpoints) {
  const auto draining = std::ranges::count_if(endpoints, &EndpointStatus::draining);
  const auto others = static_cast<std::ptrdiff_t>(endpoints.size()) - draining;
  return std::to_string(others) + (draining == 0 ? "" : "+" + std::to_string(draining));
}

bool counts_traffic(const EdgeStatus& status) {
  return std::ranges::any_of(status.mappings, [](const MappingStatus& mapping) {
    return std::ranges::any_of(mapping.ports,
                               [](const PortStatus& port) { return port.traffic.has_value(); });
  });
}

class MappingRows {
 public:
  // `columns` of the whole are left out as the list above has them.
  MappingRows(const EdgeStatus& status, std::size_t left_out) : status_(status) {
    columns_ = {"MAPPING", "STATE",     "ADDRESS",     "PORT",
                "SERVICE", "ENDPOINTS", "CONNECTIONS", "REFUSED"};
    if (counts_traffic(status)) columns_.insert(columns_.end(), {"RECEIVED", "SENT"});
    for (std::size_t i = 0; i < left_out; ++i) {
      // Of the endpoints, their number stays.
      if (std::string_view(expendable[i]) == "ENDPOINTS") {
        counted_ = true;
      } else {
        std::erase(columns_, expendable[i]);
      }
    }
  }

  std::vector<TableRow> make() {
    rows_ = {columns_};
    for (const MappingStatus& mapping : status_.mappings) add(mapping);
    return std::move(rows_);
  }

 private:
  void add(const MappingStatus& mapping) {
    const std::string name =
        (mapping.kind == "Mapping" ? "" : mapping.kind + ' ') + mapping.ns + '/' + mapping.name;
    if (mapping.ports.empty()) rows_.push_back({name, mapping.state, "-"});
    for (std::size_t i = 0; i < mapping.ports.size(); ++i) {
      add(i == 0 ? name : "", i == 0 ? mapping.state : "", mapping.ports[i]);
    }
  }

  void add(const std::string& name, const std::string& state, const PortStatus& port) {
    TableRow row;
    for (const std::string& column : columns_) row.push_back(cell(column, name, state, port));
    rows_.push_back(std::move(row));
    if (counted_) return;
    const auto place = std::ranges::find(columns_, "ENDPOINTS") - columns_.begin();
    for (std::size_t i = 1; i < port.endpoints.size(); ++i) {
      TableRow more(static_cast<std::size_t>(place));
      more.push_back(text_of(port.endpoints[i]));
      rows_.push_back(std::move(more));
    }
  }

  [[nodiscard]] std::string cell(const std::string& column, const std::string& name,
                                 const std::string& state, const PortStatus& port) const {
    if (column == "MAPPING") return name;
    if (column == "STATE") return state;
    if (column == "ADDRESS") return port.address + (port.active ? "" : " (not here)");
    if (column == "PORT") return port.ports + '/' + port.protocol;
    if (column == "SERVICE") return port.service.empty() ? "-" : port.service;
    if (column == "CONNECTIONS") return std::to_string(port.connections);
    if (column == "REFUSED") {
      return std::to_string(port.refused_source + port.refused_connections + port.refused_rate +
                            port.refused_endpoints);
    }
    if (column == "RECEIVED") return port.traffic ? amount(port.traffic->received.bytes) : "";
    if (column == "SENT") return port.traffic ? amount(port.traffic->sent.bytes) : "";
    if (port.endpoints.empty()) return "none";
    return counted_ ? number_of(port.endpoints) : text_of(port.endpoints.front());
  }

  const EdgeStatus& status_;
  std::vector<std::string> columns_;
  bool counted_ = false;
  std::vector<TableRow> rows_;
};

void shorten_names(std::vector<TableRow>& rows, std::size_t width) {
  const std::size_t all = table_width(rows);
  std::size_t names = 0;
  for (const TableRow& row : rows) names = std::max(names, text_width(row.front()));
  if (all <= width) return;
  const std::size_t too_wide = all - width;
  const std::size_t room =
      std::max(names > too_wide ? names - too_wide : 0, std::min(names, shortest_name));
  for (TableRow& row : rows) row.front() = shortened(row.front(), room);
}

}  // namespace

std::string object_text(const MappingStatus& mapping) {
  return mapping.kind + ' ' + mapping.ns + '/' + mapping.name;
}

std::string cut_rows(std::vector<TableRow>& rows, const StatusLayout& layout) {
  if (!layout.most_rows || rows.size() <= *layout.most_rows + 1) return "";
  const std::size_t more = rows.size() - *layout.most_rows - 1;
  rows.resize(*layout.most_rows + 1);
  const std::string said = "… " + grouped(more) + " more lines; filter with " + filter_options +
                           ", or see all with -o wide";
  if (!layout.width) return said + '\n';
  std::string text;
  for (const std::string& line : wrapped(said, *layout.width, 2)) text += line + '\n';
  return text;
}

std::string mapping_table(const EdgeStatus& status, const StatusLayout& layout) {
  std::vector<TableRow> rows;
  std::string rest;
  for (std::size_t left_out = 0; left_out <= std::size(expendable); ++left_out) {
    rows = MappingRows(status, left_out).make();
    rest = cut_rows(rows, layout);
    if (!layout.width || table_width(rows) <= *layout.width) break;
  }
  if (layout.width) shorten_names(rows, *layout.width);
  std::ostringstream text;
  print_table(text, std::move(rows));
  return text.str() + rest;
}

}  // namespace cmd
