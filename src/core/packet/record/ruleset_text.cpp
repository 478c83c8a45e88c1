#include "core/packet/record/ruleset_text.hpp"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/packet/rules/rule_text.hpp"

namespace core::packet {
namespace {

constexpr std::uint32_t anonymous = 1;  // NFT_SET_ANONYMOUS: rules have it in their texts

std::string_view type_text(BaseChain::Type type) {
  return type == BaseChain::Type::nat ? "nat" : type == BaseChain::Type::route ? "route" : "filter";
}

std::string key_text(const Element& element, const Set& set) {
  if (element.catch_all) return "*";
  std::string text = value_text(element.key, set.key_type);
  if (element.key_end) text += " - " + value_text(*element.key_end, set.key_type);
  if (element.interval_end) text += " (end)";
  return text;
}

std::string set_text(const ChainId& id, const HeldRuleset::HeldSet& held, std::size_t most) {
  const bool map = held.set.data_type != 0 || held.set.data_length != 0;
  std::string text = std::string(map ? "  map " : "  set ") + id.name + " {\n";
  std::size_t count = 0;
  for (const Element& element : held.elements) {
    if (++count > most) {
      text += "    # and " + std::to_string(held.elements.size() - most) + " more\n";
      break;
    }
    text += "    " + key_text(element, held.set);
    if (!element.data.empty()) text += " : " + value_text(element.data, held.set.data_type);
    if (element.verdict) text += " : " + to_text(*element.verdict);
    if (!element.object.empty()) text += " : " + element.object;
    if (!element.comment.empty()) text += " comment \"" + element.comment + '"';
    if (element.expired) text += " # expired";
    text += '\n';
  }
  return text + "  }\n";
}

std::string base_text(const BaseChain& base) {
  std::string text = "    type " + std::string(type_text(base.type)) + " hook " +
                     std::string(to_string(base.hook));
  for (const std::string& device : base.devices) text += " device \"" + device + '"';
  return text + " priority " + std::to_string(base.priority) + "; policy " +
         (base.drops ? "drop" : "accept") + ";\n";
}

}  // namespace

std::string ruleset_text(HeldRuleset& ruleset, std::size_t most_elements) {
  using Table = std::pair<TableFamily, std::string>;
  std::set<Table> tables;
  std::map<ChainId, const BaseChain*> base;
  for (const BaseChain& chain : ruleset.base_chains()) base[chain.id] = &chain;
  for (const auto& [id, rules] : ruleset.all_rules()) tables.emplace(id.family, id.table);
  const auto sets = ruleset.all_sets();
  for (const auto& [id, held] : sets) tables.emplace(id.family, id.table);
  std::string text;
  if (!ruleset.readable()) text = "# the rules could not be read\n";
  for (const Table& table : tables) {
    const auto in_table = [&](const ChainId& id) {
      return id.family == table.first && id.table == table.second;
    };
    text += "table " + std::string(to_string(table.first)) + ' ' + table.second + " {\n";
    for (const auto& [id, held] : sets) {
      if (in_table(id) && (held->set.flags & anonymous) == 0) {
        text += set_text(id, *held, most_elements);
      }
    }
    for (const auto& [id, rules] : ruleset.all_rules()) {
      if (!in_table(id)) continue;
      text += "  chain " + id.name + " {\n";
      if (const auto found = base.find(id); found != base.end()) text += base_text(*found->second);
      for (const Rule& rule : rules) {
        text += "    " + to_text(rule, id, ruleset);
        text += " # handle " + std::to_string(rule.handle) + '\n';
      }
      text += "  }\n";
    }
    text += "}\n";
  }
  return text;
}

}  // namespace core::packet
