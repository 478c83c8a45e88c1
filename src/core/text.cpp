#include "core/text.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/constants.hpp"
#include "core/set_shape.hpp"
#include "core/words.hpp"

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

std::string hook_text(const nft::Hook& hook) {
  constexpr std::string_view types[] = {"filter", "nat", "route"};
  constexpr std::string_view points[] = {"prerouting", "input", "forward", "output", "postrouting"};
  return "type " + std::string(types[static_cast<std::size_t>(hook.type)]) + " hook " +
         std::string(points[static_cast<std::size_t>(hook.at)]) + " priority " +
         priority_text(hook) + "; policy accept;";
}

constexpr std::uint32_t main_table = 254;  // RT_TABLE_MAIN

std::string table_name(std::uint32_t table) {
  return table == main_table ? "main" : std::to_string(table);
}

std::string ip_command(Family family) { return family == Family::ipv4 ? "ip " : "ip -6 "; }

std::string owner_text(const char* word) {
  return std::string(" ") + word + " " + std::to_string(constants::edge_protocol);
}

// The tables that changes name themselves; a change of an element says only its family.
std::string table_text(Family family) {
  return std::string(to_string(family)) + " " + std::string(constants::edge_table);
}

class ChangeText {
 public:
  explicit ChangeText(std::size_t elements_per_line) : elements_per_line_(elements_per_line) {}

  std::vector<std::string> print(const Changes& changes) {
    for (const Change& change : changes) std::visit(*this, change);
    flush();
    return std::move(lines_);
  }

  void operator()(const AddElement& change) {
    collect(true, change.element.key, change.element.value);
  }
  void operator()(const DeleteElement& change) { collect(false, change.key, change.was); }

  void operator()(const AddTable& change) {
    line("add table " + named(change.family, change.name));
  }
  void operator()(const DeleteTable& change) {
    line("delete table " + named(change.family, change.name));
  }
  void operator()(const AddSet& change) {
    std::string body;
    for (const std::string& part : body_of(change.set, change.family)) body += part + "; ";
    line("add " + std::string(word_of(change.set)) + " " + table_text(change.family) + " " +
         change.set.name + " { " + body + "}");
  }
  void operator()(const DeleteSet& change) {
    const auto id = parse_set(change.name);
    const bool map = id && !shape_of(*id).data.empty();
    line((map ? "delete map " : "delete set ") + table_text(change.family) + " " + change.name);
  }
  void operator()(const AddChain& change) {
    line("add chain " + table_text(change.family) + " " + change.name +
         (change.hook ? " { " + hook_text(*change.hook) + " }" : ""));
  }
  void operator()(const ReplaceRules& change) {
    const std::string chain = table_text(change.family) + " " + change.chain.name;
    line("flush chain " + chain);
    for (const nft::Rule& rule : change.chain.rules) {
      line("add rule " + chain + " " + to_text(rule, change.family));
    }
  }
  void operator()(const DeleteChain& change) {
    line("delete chain " + table_text(change.family) + " " + change.name);
  }
  void operator()(const AddRoute& change) { line(route("add", change.route)); }
  void operator()(const DeleteRoute& change) { line(route("del", change.route)); }
  void operator()(const AddRule& change) { line(rule("add", change.rule)); }
  void operator()(const DeleteRule& change) { line(rule("del", change.rule)); }
  void operator()(const SetSysctl& change) {
    line("sysctl -w " + change.sysctl.key + "=" + change.sysctl.value +
         (change.was.empty() ? "" : " (was " + change.was + ")"));
  }

 private:
  static std::string named(Family family, const std::string& name) {
    return std::string(to_string(family)) + " " + name;
  }
  static std::string route(const char* verb, const Route& route) {
    return ip_command(route.destination.family()) + "route " + verb + " " + to_text(route);
  }
  static std::string rule(const char* verb, const PolicyRule& rule) {
    return ip_command(rule.family) + "rule " + verb + " " + to_text(rule);
  }

  void line(std::string text) {
    flush();
    lines_.push_back(std::move(text));
  }

  // Elements may be told in another order than they are changed in, as long as additions and
  // deletions keep theirs.
  void collect(bool add, const ElementKey& key, const ElementValue& value) {
    if (add != adding_) flush();
    adding_ = add;
    Run& run = runs_[{key.family, key.set}];
    ++run.size;
    if (elements_per_line_ == 0) return;
    // The key alone says what is deleted, and nft would not take more of a set.
    run.elements.push_back(add ? to_text(Element{key, value}) : to_text(Element{key, {}}));
  }
  void flush() {
    const std::string verb = adding_ ? "add" : "delete";
    for (const auto& [which, run] : runs_) {
      const std::string set = table_text(which.first) + " " + std::string(to_string(which.second));
      if (elements_per_line_ == 0) {
        lines_.push_back(verb + " " + std::to_string(run.size) +
                         (run.size == 1 ? " element" : " elements") +
                         (adding_ ? " to " : " from ") + set);
        continue;
      }
      for (std::size_t i = 0; i < run.elements.size(); i += elements_per_line_) {
        std::string elements;
        for (std::size_t k = i; k < std::min(run.elements.size(), i + elements_per_line_); ++k) {
          elements.append(elements.empty() ? "" : ", ").append(run.elements[k]);
        }
        lines_.push_back(verb + " element " + set + " { " + elements + " }");
      }
    }
    runs_.clear();
  }

  struct Run {
    std::size_t size = 0;
    std::vector<std::string> elements;
  };

  std::size_t elements_per_line_;
  std::vector<std::string> lines_;
  bool adding_ = true;
  std::map<std::pair<Family, SetId>, Run> runs_;
};

}  // namespace

std::string to_text(const Route& route) {
  const bool all = route.destination.length == 0;
  return (all ? "default" : to_string(route.destination)) +
         (route.gateway ? " via " + to_string(*route.gateway) : "") + " dev " + route.device +
         " table " + table_name(route.table) + owner_text("proto");
}

std::string to_text(const PolicyRule& rule) {
  std::string text = "pref " + std::to_string(rule.priority);
  if (rule.mask != 0) text += " fwmark " + mark_text(rule.mark);
  if (rule.mask != 0 && rule.mask != 0xffffffff) text += "/" + mark_text(rule.mask);
  text += " table " + table_name(rule.table);
  if (rule.suppress_default) text += " suppress_prefixlength 0";
  return text + owner_text("protocol");
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

std::vector<std::string> to_text(const Changes& changes, std::size_t elements_per_line) {
  return ChangeText(elements_per_line).print(changes);
}

std::string to_text(const State& state) {
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::string text;
  for (const auto& [family, table] : state.tables) {
    nft::Table sorted = table;
    std::ranges::sort(sorted.sets, by_name);
    std::ranges::sort(sorted.chains, by_name);
    text += to_text(sorted);
  }
  std::vector<const Elements::value_type*> elements;
  elements.reserve(state.elements.size());
  for (const auto& element : state.elements) elements.push_back(&element);
  std::ranges::sort(elements, [](const auto* a, const auto* b) { return a->first < b->first; });
  Changes rest;
  for (const auto* const element : elements) {
    rest.push_back(AddElement{{element->first, element->second}});
  }
  for (const Route& route : state.routes) rest.push_back(AddRoute{route});
  for (const PolicyRule& rule : state.rules) rest.push_back(AddRule{rule});
  for (const auto& [key, value] : state.sysctls) rest.push_back(SetSysctl{{key, value}, ""});
  for (const std::string& line : to_text(rest, 1)) text += line + "\n";
  return text;
}

}  // namespace core
