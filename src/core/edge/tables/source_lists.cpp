#include "core/edge/tables/source_lists.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/constants.hpp"
#include "core/edge/tables/edge_rules.hpp"
#include "core/edge/tables/edge_sets.hpp"

namespace core {
namespace {

// The same in every edge and after every start, so that what the kernel holds is met again.
std::uint32_t preferred_number(const ForwardKey& key) {
  std::uint32_t hash = 0x811c9dc5;  // FNV-1a
  const auto add = [&](std::uint32_t byte) { hash = (hash ^ (byte & 0xff)) * 0x01000193; };
  for (const std::uint8_t byte : key.address.bytes()) add(byte);
  add(static_cast<std::uint32_t>(key.protocol));
  add(key.ports.first >> 8);
  add(key.ports.first);
  const std::uint32_t number = (hash ^ hash >> 24) & SetId::most_instances;
  return number == 0 ? 1 : number;
}

SetId set_of(std::uint32_t number) { return SetId(EdgeSet::allowed).instance(number); }

Element source_element(Family family, std::uint32_t number, const Prefix& source) {
  Element element;
  element.key.family = family;
  element.key.set = set_of(number);
  element.key.key.append(source.first().bytes());
  element.key.end.append(source.last().bytes());
  return element;
}

void add_table(std::map<Family, nft::Table>& tables, Family family, std::uint32_t number) {
  nft::Table& table = tables[family];
  table.family = family;
  table.name = constants::edge_table;
  add_source_list(table, number);
}

}  // namespace

void add_source_list(nft::Table& table, std::uint32_t number) {
  nft::Set set = declaration_of(EdgeSet::allowed);
  set.name = to_string(set_of(number));
  table.chains.push_back(allow_chain(number, set.name));
  table.sets.push_back(std::move(set));
}

std::optional<std::uint32_t> source_list_of(std::string_view chain) {
  const std::string plain = allow_chain_name(0);
  if (!chain.starts_with(plain)) return std::nullopt;
  const std::string set(to_string(SetId(EdgeSet::allowed)));
  const auto found = parse_set(set + std::string(chain.substr(plain.size())));
  return found && found->instance() != 0 ? std::optional(found->instance()) : std::nullopt;
}

void SourceLists::acquire(const Forward& forward) {
  if (!forward.active || forward.sources.empty()) return;
  touch(forward.sources);
  touch(forward.key);
  lists_[forward.sources].forwards.insert(forward.key);
  list_of_.insert_or_assign(forward.key, forward.sources);
}

void SourceLists::release(const Forward& forward) {
  if (!forward.active || forward.sources.empty()) return;
  touch(forward.sources);
  touch(forward.key);
  const auto list = lists_.find(forward.sources);
  if (list == lists_.end()) return;
  list->second.forwards.erase(forward.key);
  if (const auto own = list_of_.find(forward.key);
      own != list_of_.end() && own->second == forward.sources) {
    list_of_.erase(own);
  }
}

void SourceLists::touch(const AllowedSources& list) {
  if (touched_.contains(list)) return;
  const auto found = lists_.find(list);
  // Its forwards are noted one by one.
  Users was;
  if (found != lists_.end()) {
    was.number = found->second.number;
    was.named_after = found->second.named_after;
  }
  touched_.emplace(list, std::move(was));
}

void SourceLists::touch(const ForwardKey& forward) {
  touched_forwards_.try_emplace(forward, number_of(forward));
}

std::optional<SourceLists::Number> SourceLists::number_of(const ForwardKey& forward) const {
  const auto list = list_of_.find(forward);
  return list == list_of_.end() ? std::nullopt : lists_.at(list->second).number;
}

// The next one where two meet: 16 million numbers make that rare, and a restart may then give them
// the other way round.
SourceLists::Number SourceLists::take_number(const ForwardKey& forward) {
  Number number{forward.address.family(), preferred_number(forward)};
  while (numbered_.contains(number)) {
    number.second = number.second == SetId::most_instances ? 1 : number.second + 1;
  }
  return number;
}

SourceLists::Difference SourceLists::settle() {
  std::map<Number, AllowedSources> before;
  std::vector<std::pair<ForwardKey, AllowedSources>> unnumbered;
  for (const auto& [list, was] : touched_) {
    if (was.number) before.emplace(*was.number, list);
    const auto now = lists_.find(list);
    const bool used = now != lists_.end() && !now->second.forwards.empty();
    if (used && was.number && *now->second.forwards.begin() == was.named_after) continue;
    if (was.number) numbered_.erase(*was.number);
    if (used) {
      unnumbered.emplace_back(*now->second.forwards.begin(), list);
    } else if (now != lists_.end()) {
      lists_.erase(now);
    }
  }
  std::ranges::sort(unnumbered, {}, &std::pair<ForwardKey, AllowedSources>::first);
  for (const auto& [least, list] : unnumbered) {
    Users& users = lists_.at(list);
    for (const ForwardKey& forward : users.forwards) {
      touched_forwards_.try_emplace(forward, users.number);
    }
    users.number = take_number(least);
    users.named_after = least;
    numbered_.emplace(*users.number, list);
  }

  Difference difference;
  std::set<Number> changed;
  for (const auto& [number, list] : before) changed.insert(number);
  for (const auto& [least, list] : unnumbered) changed.insert(*lists_.at(list).number);
  for (const Number& number : changed) {
    const auto [family, instance] = number;
    const auto was = before.find(number);
    const auto is = numbered_.find(number);
    if (was == before.end()) add_table(difference.tables_after, family, instance);
    if (is == numbered_.end()) {
      add_table(difference.tables_before, family, instance);
      continue;
    }
    const auto old = was == before.end() ? std::span<const Prefix>() : was->second.prefixes();
    const auto add = [&, family = family, instance = instance](std::span<const Prefix> from,
                                                               std::span<const Prefix> without,
                                                               std::vector<Element>& to) {
      std::vector<Prefix> only;
      std::ranges::set_difference(from, without, std::back_inserter(only));
      for (const Prefix& source : only) to.push_back(source_element(family, instance, source));
    };
    if (was != before.end() && was->second == is->second) continue;
    add(old, is->second.prefixes(), difference.before);
    add(is->second.prefixes(), old, difference.after);
  }
  for (const auto& [forward, was] : touched_forwards_) {
    const std::optional<Number> is = number_of(forward);
    if (was == is) continue;
    if (was) difference.before.push_back(source_list_element(forward, was->second));
    if (is) difference.after.push_back(source_list_element(forward, is->second));
  }
  touched_.clear();
  touched_forwards_.clear();
  return difference;
}

void SourceLists::Difference::put_tables(const State& frame, State& observed,
                                         State& desired) const {
  const auto part = [](const std::map<Family, nft::Table>& tables, const nft::Table& whole) {
    const auto found = tables.find(whole.family);
    return found == tables.end() ? nft::Table{whole.family, whole.name, {}, {}} : found->second;
  };
  for (const auto& [family, table] : frame.tables) {
    observed.tables.insert_or_assign(family, part(tables_before, table));
    desired.tables.insert_or_assign(family, part(tables_after, table));
  }
}

void SourceLists::add_to(State& state) const {
  for (const auto& [number, list] : numbered_) {
    if (state.tables.contains(number.first)) add_table(state.tables, number.first, number.second);
  }
}

void SourceLists::each(const std::function<void(const Element&)>& visit) const {
  for (const auto& [number, list] : numbered_) {
    for (const Prefix& source : list.prefixes()) {
      visit(source_element(number.first, number.second, source));
    }
  }
  for (const auto& [forward, list] : list_of_) {
    visit(source_list_element(forward, lists_.at(list).number->second));
  }
}

}  // namespace core
