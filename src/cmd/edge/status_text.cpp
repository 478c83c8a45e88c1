#include <algorithm>
#include <cstdio>
#include <ctime>
#include <set>
#include <sstream>

#include "cmd/edge/status.hpp"
#include "cmd/serve/text_table.hpp"

namespace cmd {
namespace {

using Row = TableRow;

std::string table(const std::vector<Row>& rows) {
  std::ostringstream text;
  print_table(text, rows);
  return text.str();
}

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

void add_port(std::vector<Row>& rows, std::string mapping, std::string state,
              const PortStatus& port) {
  Row row = {std::move(mapping),
             std::move(state),
             port.address + (port.active ? "" : " (not here)"),
             port.ports + '/' + port.protocol,
             port.service.empty() ? "-" : port.service,
             port.endpoints.empty() ? "none" : text_of(port.endpoints.front()),
             std::to_string(port.connections),
             std::to_string(port.refused_source + port.refused_connections + port.refused_rate +
                            port.refused_endpoints)};
  if (port.traffic) {
    row.push_back(amount(port.traffic->received.bytes));
    row.push_back(amount(port.traffic->sent.bytes));
  }
  rows.push_back(std::move(row));
  for (std::size_t i = 1; i < port.endpoints.size(); ++i) {
    rows.push_back({"", "", "", "", "", text_of(port.endpoints[i])});
  }
}

bool counts_traffic(const EdgeStatus& status) {
  return std::ranges::any_of(status.mappings, [](const MappingStatus& mapping) {
    return std::ranges::any_of(mapping.ports,
                               [](const PortStatus& port) { return port.traffic.has_value(); });
  });
}

std::string mappings(const EdgeStatus& status) {
  if (status.mappings.empty()) return "No mappings.\n";
  std::vector<Row> rows = {
      {"MAPPING", "STATE", "ADDRESS", "PORT", "SERVICE", "ENDPOINTS", "CONNECTIONS", "REFUSED"}};
  if (counts_traffic(status)) rows.front().insert(rows.front().end(), {"RECEIVED", "SENT"});
  for (const MappingStatus& mapping : status.mappings) {
    const std::string name =
        (mapping.kind == "Mapping" ? "" : mapping.kind + ' ') + mapping.ns + '/' + mapping.name;
    if (mapping.ports.empty()) rows.push_back({name, mapping.state, "-"});
    for (std::size_t i = 0; i < mapping.ports.size(); ++i) {
      add_port(rows, i == 0 ? name : "", i == 0 ? mapping.state : "", mapping.ports[i]);
    }
  }
  return table(rows);
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

// Objects and why they are not, or not fully, in effect. A rejection is usually a Mapping's reason
// too.
std::vector<Row> remarks(const EdgeStatus& status) {
  std::set<std::pair<std::string, std::string>> all(status.rejections.begin(),
                                                    status.rejections.end());
  for (const MappingStatus& mapping : status.mappings) {
    for (const std::string& reason : mapping.reasons) {
      all.emplace(mapping.kind + ' ' + mapping.ns + '/' + mapping.name, reason);
    }
  }
  std::vector<Row> rows;
  rows.reserve(all.size());
  for (const auto& [object, reason] : all) rows.push_back({object, reason});
  return rows;
}

std::string section(const std::string& title, std::vector<Row> rows) {
  if (rows.empty()) return "";
  rows.insert(rows.begin(), {title, ""});
  return '\n' + table(rows);
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

std::string to_text(const EdgeStatus& status) {
  std::string text = status.process ? heading(*status.process) + '\n' : "";
  text += mappings(status);

  std::vector<Row> rows;
  if (!status.interfaces.empty())
    rows.push_back({"EXTERNAL INTERFACE", "IPV4 GATEWAY", "IPV6 GATEWAY"});
  for (const InterfaceStatus& interface : status.interfaces) {
    rows.push_back({interface.name, interface.gateway4.empty() ? "-" : interface.gateway4,
                    interface.gateway6.empty() ? "-" : interface.gateway6});
  }
  if (!rows.empty()) text += '\n' + table(rows);

  text += section("OBJECT", remarks(status));
  rows.clear();
  for (const auto& [where, reason] : status.problems) rows.push_back({where, reason});
  text += section("PROBLEM", rows);
  rows.clear();
  for (const std::string& warning : status.warnings) rows.push_back({warning});
  text += section("WARNING", rows);
  if (status.conntrack_limit != 0) {
    text += "\nConnections tracked by this host: " + std::to_string(status.conntrack_entries) +
            " of " + std::to_string(status.conntrack_limit) + '\n';
  }
  return text;
}

}  // namespace cmd
