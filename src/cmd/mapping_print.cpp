#include "cmd/mapping_print.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "cmd/mapping_conflict.hpp"
#include "cmd/mapping_options.hpp"
#include "kube/mapping_text.hpp"

namespace cmd {
namespace {

using Row = std::vector<std::string>;

// Characters as a terminal counts them: UTF-8's continuation bytes have no width.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void print_table(std::ostream& out, const std::vector<Row>& rows, bool colour) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  bool header = colour;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - width(row[i]) + 2, ' ');
    }
    out << (header ? "\033[1m" : "") << line << (header ? "\033[0m" : "") << '\n';
    header = false;
  }
}

template <typename Values, typename Print>
std::string join(const Values& values, const std::string& separator, Print print) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : separator) + print(value);
  return text;
}

const auto as_text = [](const auto& value) {
  using core::to_string;
  return std::string(to_string(value));
};
const auto port_text = [](const core::MappingPort& port) { return to_string(port); };

std::string sources(const core::Mapping& mapping, const std::string& separator) {
  return mapping.allowed_sources.empty() ? "any"
                                         : join(mapping.allowed_sources, separator, as_text);
}

std::string affinity(const core::Mapping& mapping, const std::string& otherwise) {
  if (!mapping.affinity) return otherwise;
  return *mapping.affinity == core::Affinity::client_ip ? "ClientIP" : "None";
}

std::string client_ip(const core::Mapping& mapping, const std::string& otherwise) {
  if (!mapping.preserve_client_ip) return otherwise;
  return *mapping.preserve_client_ip ? "preserved" : "masqueraded";
}

std::string limit(std::uint32_t value) { return value == 0 ? "-" : std::to_string(value); }

}  // namespace

void print_mappings(std::ostream& out, std::span<const kube::StoredMapping> mappings,
                    const std::string& format, bool colour) {
  if (format == "json") {
    std::vector<core::Mapping> values;
    for (const auto& stored : mappings) values.push_back(stored.mapping);
    out << kube::mapping_list_json(values);
  } else if (format == "yaml") {
    const char* separator = "";
    for (const auto& stored : mappings) {
      out << separator << kube::mapping_yaml(stored.mapping);
      separator = "---\n";
    }
  } else if (format == "name") {
    for (const auto& stored : mappings) out << core::to_string(stored.mapping.name) << '\n';
  } else {
    const bool wide = format == "wide";
    std::vector<Row> rows = {{"NAME", "ADDRESSES", "PORTS", "SERVICE", "SOURCES"}};
    if (wide) {
      for (const auto* title : {"AFFINITY", "CLIENT-IP", "CONNS/SRC", "NEW/S", "FILE"}) {
        rows.front().emplace_back(title);
      }
    }
    for (const auto& stored : mappings) {
      const core::Mapping& mapping = stored.mapping;
      rows.push_back({core::to_string(mapping.name), join(mapping.addresses, ",", as_text),
                      join(mapping.ports, ",", port_text), mapping.service, sources(mapping, ",")});
      if (!wide) continue;
      Row& row = rows.back();
      row.push_back(affinity(mapping, "-"));
      row.push_back(client_ip(mapping, "-"));
      row.push_back(limit(mapping.max_connections_per_source));
      row.push_back(limit(mapping.new_connections_per_second));
      row.push_back(stored.where);
    }
    print_table(out, rows, colour);
  }
}

void print_mapping(std::ostream& out, const kube::StoredMapping& stored,
                   const kube::StoredObjects& objects, const std::string& format, bool colour) {
  const core::Mapping& mapping = stored.mapping;
  if (format == "yaml") {
    out << kube::mapping_yaml(mapping);
    return;
  }
  if (format == "json") {
    out << kube::mapping_json(mapping);
    return;
  }
  if (!format.empty()) {
    print_mappings(out, std::span(&stored, 1), format, colour);
    return;
  }
  const std::string indent = "\n" + std::string(17, ' ');
  const auto line = [&](const std::string& title, const std::string& value) {
    out << (colour ? "\033[1m" : "") << title << ':' << (colour ? "\033[0m" : "")
        << std::string(16 - title.size(), ' ') << value << '\n';
  };
  const core::ObjectName service{mapping.name.ns, mapping.service};
  line("Name", core::to_string(mapping.name));
  line("Addresses", join(mapping.addresses, indent, as_text));
  line("Ports", join(mapping.ports, indent, port_text));
  line("Service", core::to_string(service) +
                      (objects.services.contains(service) ? "" : " (not in the directory)"));
  line("Allowed sources", sources(mapping, indent));
  line("Affinity", affinity(mapping, "as the Service says"));
  line("Client address", client_ip(mapping, "as the appliance is set"));
  const auto limited = [](std::uint32_t value) {
    return value == 0 ? std::string("no limit") : std::to_string(value) + " per source";
  };
  line("Connections", limited(mapping.max_connections_per_source));
  line("New per second", limited(mapping.new_connections_per_second));
  line("File", stored.where);
  std::vector<std::string> problems;
  if (const auto conflict = find_conflict(mapping, objects.mappings)) problems.push_back(*conflict);
  const std::string own = core::to_string(core::ObjectId{core::Kind::mapping, mapping.name}) + ": ";
  for (const kube::Problem& problem : objects.problems) {
    if (problem.reason.starts_with(own)) {
      problems.push_back(problem.where + ": " + problem.reason.substr(own.size()));
    }
  }
  line("Problems",
       problems.empty() ? "none" : join(problems, indent, [](const auto& text) { return text; }));
}

}  // namespace cmd
