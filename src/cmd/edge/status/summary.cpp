#include "cmd/edge/status/summary.hpp"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "cmd/edge/status/filter.hpp"
#include "cmd/edge/status/mapping_table.hpp"
#include "cmd/serve/text_table.hpp"

namespace cmd {
namespace {

constexpr std::size_t title_width = 10;

std::string listed(const std::vector<std::pair<std::uint64_t, std::string>>& amounts) {
  std::string text;
  for (const auto& [number, what] : amounts) {
    if (number != 0) text += (text.empty() ? "" : ", ") + grouped(number) + ' ' + what;
  }
  return text;
}

std::string of(std::uint64_t number, const std::string& one, const std::string& several) {
  return number == 1 ? one : several;
}

using Lines = std::vector<std::pair<std::string, std::string>>;

void add_kinds(Lines& lines, const EdgeStatus& status) {
  // States in the order from good to bad, not of the alphabet.
  const std::vector<std::string> states = {"active", "inactive", "degraded", "rejected"};
  std::map<std::string, std::map<std::string, std::uint64_t>> kinds;
  for (const MappingStatus& mapping : status.mappings) ++kinds[mapping.kind][mapping.state];
  for (auto& [kind, counts] : kinds) {
    std::uint64_t all = 0;
    for (const auto& [state, number] : counts) all += number;
    std::vector<std::pair<std::uint64_t, std::string>> amounts;
    amounts.reserve(states.size());
    for (const std::string& state : states) amounts.emplace_back(counts[state], state);
    lines.emplace_back(kind + 's', grouped(all) + ": " + listed(amounts));
  }
}

void add_ports(Lines& lines, const EdgeStatus& status) {
  std::set<std::string> addresses;
  std::uint64_t all = 0, in_effect = 0, without = 0, elsewhere = 0;
  for (const MappingStatus& mapping : status.mappings) {
    for (const PortStatus& port : mapping.ports) {
      addresses.insert(port.address);
      ++all;
      ++(!port.active ? elsewhere : lacks_endpoints(port) ? without : in_effect);
    }
  }
  if (all == 0) return;
  lines.emplace_back("Ports", grouped(all) + " on " + grouped(addresses.size()) +
                                  of(addresses.size(), " address: ", " addresses: ") +
                                  listed({{in_effect, "in effect"},
                                          {without, "without endpoints"},
                                          {elsewhere, "not on this host"}}));
}

void add_problems(Lines& lines, const EdgeStatus& status) {
  std::set<std::string> objects;
  for (const auto& [object, reason] : status.rejections) objects.insert(object);
  for (const MappingStatus& mapping : status.mappings) {
    if (has_problem(mapping)) objects.insert(object_text(mapping));
  }
  const std::uint64_t manifests = status.problems.size(), warnings = status.warnings.size();
  const std::string text =
      listed({{objects.size(), of(objects.size(), "object", "objects") + " not fully in effect"},
              {manifests, "in manifests"},
              {warnings, of(warnings, "warning", "warnings")}});
  lines.emplace_back("Problems", text.empty() ? "none" : text);
}

}  // namespace

std::string summary(const EdgeStatus& status, const StatusLayout& layout) {
  Lines lines;
  add_kinds(lines, status);
  add_ports(lines, status);
  std::string text;
  if (status.mappings.empty()) {
    text = layout.selection.empty() ? "No mappings.\n" : "";
    if (status.rejections.empty() && status.problems.empty() && status.warnings.empty()) {
      return text;
    }
  }
  add_problems(lines, status);
  for (const auto& [title, what] : lines) {
    const std::string line =
        title + std::string(title.size() < title_width ? title_width - title.size() : 1, ' ') +
        what;
    if (!layout.width) {
      text += line + '\n';
      continue;
    }
    for (const std::string& part : wrapped(line, *layout.width, title_width)) text += part + '\n';
  }
  return text;
}

}  // namespace cmd
