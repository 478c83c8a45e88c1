#include "core/state/text_table.hpp"

#include <cstdlib>
#include <utility>

#include "core/state/text.hpp"

namespace core {
namespace {

std::string_view type_text(nft::Type type, Family family) {
  switch (type) {
    case nft::Type::address:
      return family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr";
    case nft::Type::inet_proto:
      return "inet_proto";
    case nft::Type::inet_service:
      return "inet_service";
    case nft::Type::mark:
      return "mark";
    case nft::Type::ifname:
      return "ifname";
    case nft::Type::ct_dir:
      return "ct_dir";
    case nft::Type::verdict:
      return "verdict";
  }
  return "?";
}

std::string types_text(const std::vector<nft::Type>& types, Family family) {
  std::string text;
  for (const nft::Type type : types) {
    text.append(text.empty() ? "" : " . ").append(type_text(type, family));
  }
  return text;
}

std::string duration_text(std::uint32_t seconds) {
  std::string text;
  for (const auto& [unit, name] : {std::pair{86400U, "d"}, {3600U, "h"}, {60U, "m"}, {1U, "s"}}) {
    if (seconds >= unit) text += std::to_string(seconds / unit) + name;
    seconds %= unit;
  }
  return text;
}

std::string priority_text(const nft::Hook& hook) {
  using At = nft::Hook::At;
  struct Named {
    std::string_view name;
    int value;
  };
  std::vector<Named> names = {{"raw", -300}, {"mangle", -150}, {"filter", 0}, {"security", 50}};
  if (hook.at == At::prerouting) names.push_back({"dstnat", -100});
  if (hook.at == At::postrouting) names.push_back({"srcnat", 100});
  for (const Named& named : names) {
    const int offset = hook.priority - named.value;
    if (offset < -10 || offset > 10) continue;
    std::string text(named.name);
    if (offset != 0) text += (offset < 0 ? " - " : " + ") + std::to_string(std::abs(offset));
    return text;
  }
  return std::to_string(hook.priority);
}

}  // namespace

std::string_view word_of(const nft::Set& set) { return set.data.empty() ? "set" : "map"; }

// What stands between the braces of a declaration, a line each.
std::vector<std::string> body_of(const nft::Set& set, Family family) {
  std::vector<std::string> lines;
  lines.push_back("type " + types_text(set.key, family) +
                  (set.data.empty() ? "" : " : " + types_text(set.data, family)));
  std::string flags;
  const auto flag = [&](bool on, const char* name) {
    if (on) flags.append(flags.empty() ? "flags " : ",").append(name);
  };
  flag(set.interval, "interval");
  flag(set.dynamic, "dynamic");
  flag(set.timeout != 0, "timeout");
  if (!flags.empty()) lines.push_back(flags);
  if (set.timeout != 0) lines.push_back("timeout " + duration_text(set.timeout));
  if (set.counter) lines.emplace_back("counter");
  if (!set.comment.empty()) lines.push_back("comment \"" + set.comment + "\"");
  return lines;
}

std::string hook_text(const nft::Hook& hook) {
  constexpr std::string_view types[] = {"filter", "nat", "route"};
  constexpr std::string_view points[] = {"prerouting", "input", "forward", "output", "postrouting"};
  return "type " + std::string(types[static_cast<std::size_t>(hook.type)]) + " hook " +
         std::string(points[static_cast<std::size_t>(hook.at)]) + " priority " +
         priority_text(hook) + "; policy accept;";
}

std::string to_text(const nft::Table& table) {
  std::string text = "table " + std::string(to_string(table.family)) + " " + table.name + " {\n";
  auto block = [&, first = true](const std::string& head,
                                 const std::vector<std::string>& lines) mutable {
    text += (first ? "\t" : "\n\t") + head + " {\n";
    for (const std::string& line : lines) text += "\t\t" + line + "\n";
    text += "\t}\n";
    first = false;
  };
  for (const nft::Set& set : table.sets) {
    block(std::string(word_of(set)) + " " + set.name, body_of(set, table.family));
  }
  for (const nft::Chain& chain : table.chains) {
    std::vector<std::string> lines;
    if (chain.hook) lines.push_back(hook_text(*chain.hook));
    for (const nft::Rule& rule : chain.rules) lines.push_back(to_text(rule, table.family));
    block("chain " + chain.name, lines);
  }
  return text + "}\n";
}

}  // namespace core
