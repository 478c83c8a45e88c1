#include "cmd/mapping/print.hpp"

#include <initializer_list>
#include <string>
#include <vector>

#include "cmd/mapping/conflict.hpp"
#include "cmd/mapping/options.hpp"
#include "cmd/mapping/status_words.hpp"
#include "cmd/print.hpp"
#include "cmd/serve/text_table.hpp"
#include "core/printable.hpp"
#include "kube/decode/object_text.hpp"
#include "kube/mapping/text.hpp"

namespace cmd {
namespace {

template <typename Values, typename Print>
std::string join(const Values& values, const std::string& separator, Print print) {
  std::string text;
  for (const auto& value : values) {
    text += (text.empty() ? "" : separator) + core::printable(print(value));
  }
  return text;
}

const auto as_text = [](const auto& value) {
  using core::to_string;
  return std::string(to_string(value));
};
const auto as_is = [](const std::string& text) { return text; };
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

std::string manifest_yaml(const kube::StoredMapping& stored) {
  return stored.live ? kube::object_yaml(stored.live->json) : kube::mapping_yaml(stored.mapping);
}

std::string age(const core::Mapping& mapping, std::int64_t now) {
  return mapping.created ? age_text(std::max<std::int64_t>(now - *mapping.created, 0)) : "-";
}

// A store is all of a cluster or all of files.
void print_json_list(std::ostream& out, std::span<const kube::StoredMapping> mappings) {
  std::vector<core::Mapping> values;
  std::vector<std::string> objects;
  for (const auto& stored : mappings) {
    if (stored.live) {
      objects.push_back(stored.live->json);
    } else {
      values.push_back(stored.mapping);
    }
  }
  out << (objects.empty() ? kube::mapping_list_json(values) : kube::object_list_json(objects));
}

void print_rows(std::ostream& out, std::span<const kube::StoredMapping> mappings, bool wide,
                bool colour, std::int64_t now) {
  const bool live = !mappings.empty() && mappings.front().live;
  std::vector<TableRow> rows = {{"NAME", "ADDRESSES", "PORTS", "SERVICE", "SOURCES"}};
  const auto add_titles = [&](std::initializer_list<const char*> titles) {
    for (const char* title : titles) rows.front().emplace_back(title);
  };
  if (live) add_titles({"STATE", "INSTANCES", "AGE"});
  if (wide) add_titles({"AFFINITY", "CLIENT-IP", "CONNS/SRC", "NEW/S", live ? "EDGES" : "FILE"});
  for (const auto& stored : mappings) {
    const core::Mapping& mapping = stored.mapping;
    TableRow row = {core::to_string(mapping.name), join(mapping.addresses, ",", as_text),
                    join(mapping.ports, ",", port_text), mapping.service, sources(mapping, ",")};
    if (stored.live) {
      row.push_back(state_of(*stored.live).word);
      row.push_back(instances_text(*stored.live, now));
      row.push_back(age(mapping, now));
    }
    if (wide) {
      row.push_back(affinity(mapping, "-"));
      row.push_back(client_ip(mapping, "-"));
      row.push_back(limit(mapping.max_connections_per_source));
      row.push_back(limit(mapping.new_connections_per_second));
      row.push_back(stored.live ? instance_states(*stored.live, now) : stored.where);
    }
    rows.push_back(std::move(row));
  }
  print_table(out, rows, colour);
}

}  // namespace

void print_mappings(std::ostream& out, std::span<const kube::StoredMapping> mappings,
                    const std::string& format, bool colour, std::int64_t now) {
  if (format == "json") {
    print_json_list(out, mappings);
  } else if (format == "yaml") {
    const char* separator = "";
    for (const auto& stored : mappings) {
      out << separator << manifest_yaml(stored);
      separator = "---\n";
    }
  } else if (format == "name") {
    for (const auto& stored : mappings) {
      // As kubectl takes it: there the namespace goes with -n.
      print_line(out, stored.live ? "mapping.smartnat.aureacentral.com/" + stored.mapping.name.name
                                  : core::to_string(stored.mapping.name));
    }
  } else {
    print_rows(out, mappings, format == "wide", colour, now);
  }
}

void print_json(std::ostream& out, const kube::StoredMapping& stored) {
  out << (stored.live ? kube::object_json(stored.live->json) : kube::mapping_json(stored.mapping));
}

void print_mapping(std::ostream& out, const kube::StoredMapping& stored,
                   const kube::StoredObjects& objects, const std::string& service_note, bool colour,
                   std::int64_t now) {
  const core::Mapping& mapping = stored.mapping;
  const std::string indent = "\n" + std::string(17, ' ');
  // What is joined is printable already, and goes over several lines.
  const auto block = [&](const std::string& title, const std::string& value) {
    out << (colour ? "\033[1m" : "") << title << ':' << (colour ? "\033[0m" : "")
        << std::string(16 - title.size(), ' ') << value << '\n';
  };
  const auto line = [&](const std::string& title, const std::string& value) {
    block(title, core::printable(value));
  };
  const core::ObjectName service{mapping.name.ns, mapping.service};
  line("Name", core::to_string(mapping.name));
  block("Addresses", join(mapping.addresses, indent, as_text));
  block("Ports", join(mapping.ports, indent, port_text));
  line("Service", core::to_string(service) + service_note);
  block("Allowed sources", sources(mapping, indent));
  line("Affinity", affinity(mapping, "as the Service says"));
  line("Client address", client_ip(mapping, "as the appliance is set"));
  const auto limited = [](std::uint32_t value) {
    return value == 0 ? std::string("no limit") : std::to_string(value) + " per source";
  };
  line("Connections", limited(mapping.max_connections_per_source));
  line("New per second", limited(mapping.new_connections_per_second));
  std::vector<std::string> problems;
  if (stored.live) {
    const auto lines = [&](const char* title, const std::vector<std::string>& values) {
      block(title, values.empty() ? "none" : join(values, indent, as_is));
    };
    line("Context", stored.where);
    line("Age", age(mapping, now));
    const MappingState state = state_of(*stored.live);
    line("State", state.word + (state.reason.empty() ? "" : ": " + state.reason));
    lines("Conditions", condition_lines(*stored.live, now));
    lines("Edges", instance_lines(*stored.live, now));
  } else {
    line("File", stored.where);
    if (const auto conflict = find_conflict(mapping, objects.mappings)) {
      problems.push_back(*conflict);
    }
  }
  const std::string own = core::to_string(core::ObjectId{core::Kind::mapping, mapping.name}) + ": ";
  for (const kube::Problem& problem : objects.problems) {
    if (problem.reason.starts_with(own)) {
      problems.push_back(problem.where + ": " + problem.reason.substr(own.size()));
    }
  }
  block("Problems", problems.empty() ? "none" : join(problems, indent, as_is));
}

}  // namespace cmd
