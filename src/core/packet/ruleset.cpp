#include "core/packet/ruleset.hpp"

#include <algorithm>
#include <compare>
#include <tuple>

#include "core/packet/kernel_numbers.hpp"

namespace core::packet {
namespace {

// As memcmp() of big endian bytes.
std::strong_ordering compare_bytes(ByteView left, ByteView right) {
  return std::lexicographical_compare_three_way(left.begin(), left.end(), right.begin(),
                                                right.end());
}

bool same_key(ByteView left, ByteView right) { return std::is_eq(compare_bytes(left, right)); }

// Intervals of nft_rbtree: an element begins one, which lasts until the next element.
bool has_open_intervals(const HeldRuleset::HeldSet& held) {
  if (held.set.field_lengths.size() > 1 || (held.set.flags & set_concat) != 0) return false;
  if ((held.set.flags & set_interval) != 0) return true;
  return std::any_of(held.elements.begin(), held.elements.end(),
                     [](const Element& element) { return element.interval_end; });
}

bool within(ByteView key, ByteView from, ByteView to) {
  return compare_bytes(from, key) <= 0 && compare_bytes(key, to) <= 0;
}

// Each field has its own range and begins at a multiple of 4.
bool within_fields(const std::vector<std::uint32_t>& lengths, ByteView key,
                   const Element& element) {
  const ByteView from = element.key;
  const ByteView to = *element.key_end;
  std::size_t at = 0;
  for (const std::size_t length : lengths) {
    if (at + length > key.size() || at + length > from.size() || at + length > to.size()) {
      return false;
    }
    if (!within(key.subspan(at, length), from.subspan(at, length), to.subspan(at, length))) {
      return false;
    }
    at += (length + 3) / 4 * 4;
  }
  return true;
}

bool in_range(const Set& set, ByteView key, const Element& element) {
  return set.field_lengths.size() > 1 ? within_fields(set.field_lengths, key, element)
                                      : within(key, element.key, *element.key_end);
}

Found found_in(const Element& element) {
  return {Found::Answer::yes, element.data, element.verdict, element.expressions, element.object};
}

}  // namespace

std::string_view to_string(TableFamily family) {
  switch (family) {
    case TableFamily::inet:
      return "inet";
    case TableFamily::ip:
      return "ip";
    case TableFamily::arp:
      return "arp";
    case TableFamily::netdev:
      return "netdev";
    case TableFamily::bridge:
      return "bridge";
    case TableFamily::ip6:
      return "ip6";
  }
  return "?";
}

std::string_view to_string(Hook hook) {
  switch (hook) {
    case Hook::prerouting:
      return "prerouting";
    case Hook::input:
      return "input";
    case Hook::forward:
      return "forward";
    case Hook::output:
      return "output";
    case Hook::postrouting:
      return "postrouting";
    case Hook::ingress:
      return "ingress";
    case Hook::egress:
      return "egress";
  }
  return "?";
}

std::string to_text(const ChainId& chain) {
  return std::string(to_string(chain.family)) + " " + chain.table + " " + chain.name;
}

void HeldRuleset::add(const BaseChain& chain) {
  const auto place =
      std::upper_bound(base_.begin(), base_.end(), chain, [](const auto& left, const auto& right) {
        return std::tie(left.hook, left.priority) < std::tie(right.hook, right.priority);
      });
  base_.insert(place, chain);
  add_chain(chain.id);
}

void HeldRuleset::add_last(const BaseChain& chain) {
  base_.push_back(chain);
  add_chain(chain.id);
}

void HeldRuleset::add_chain(const ChainId& id) { rules_.try_emplace(id); }

void HeldRuleset::add_rule(const ChainId& chain, Rule rule) {
  rules_[chain].push_back(std::move(rule));
}

void HeldRuleset::add_set(const ChainId& id, Set set) { sets_[id].set = std::move(set); }

void HeldRuleset::add_element(const ChainId& set, Element element) {
  Indexed& indexed = sets_[set];
  indexed.elements.push_back(std::move(element));
  indexed.sorted = false;
}

void HeldRuleset::add_object(const ChainId& id, std::uint32_t type, Expression what) {
  objects_.insert_or_assign({id, type}, std::move(what));
}

std::vector<std::pair<ChainId, const HeldRuleset::HeldSet*>> HeldRuleset::all_sets() const {
  std::vector<std::pair<ChainId, const HeldSet*>> result;
  for (const auto& [id, set] : sets_) result.emplace_back(id, &set);
  return result;
}

const std::vector<Rule>* HeldRuleset::rules(const ChainId& chain) {
  const auto found = rules_.find(chain);
  return found == rules_.end() ? nullptr : &found->second;
}

const Set* HeldRuleset::set(const ChainId& id) {
  const auto found = sets_.find(id);
  return found == sets_.end() ? nullptr : &found->second.set;
}

void HeldRuleset::Indexed::sort() {
  by_key.clear();
  ranges.clear();
  catch_all.clear();
  for (std::uint32_t i = 0; i < elements.size(); ++i) {
    const Element& element = elements[i];
    (element.catch_all ? catch_all : element.key_end ? ranges : by_key).push_back(i);
  }
  // Of equal keys the end is first: the interval that begins there counts.
  std::stable_sort(by_key.begin(), by_key.end(), [this](std::uint32_t left, std::uint32_t right) {
    const Element& a = elements[left];
    const Element& b = elements[right];
    const auto order = compare_bytes(a.key, b.key);
    return order < 0 || (order == 0 && a.interval_end && !b.interval_end);
  });
  open_intervals = has_open_intervals(*this);
  sorted = true;
}

const Element* HeldRuleset::Indexed::find(ByteView key) {
  if (!sorted) sort();
  const auto behind =
      std::upper_bound(by_key.begin(), by_key.end(), key, [this](ByteView wanted, std::uint32_t i) {
        return compare_bytes(wanted, elements[i].key) < 0;
      });
  if (behind != by_key.begin()) {
    const Element& element = elements[*std::prev(behind)];
    if (!element.interval_end && !element.expired &&
        (open_intervals || same_key(element.key, key))) {
      return &element;
    }
  }
  for (const std::uint32_t i : ranges) {
    if (!elements[i].expired && in_range(set, key, elements[i])) return &elements[i];
  }
  for (const std::uint32_t i : catch_all) {
    if (!elements[i].expired) return &elements[i];
  }
  return nullptr;
}

Found HeldRuleset::find(const ChainId& set, ByteView key) {
  const auto held = sets_.find(set);
  if (held == sets_.end()) return {};
  const Element* const element = held->second.find(key);
  if (element == nullptr) return {Found::Answer::no, {}, std::nullopt, {}};
  return found_in(*element);
}

std::vector<Element> HeldRuleset::elements(const ChainId& set, std::size_t most) {
  const auto held = sets_.find(set);
  if (held == sets_.end()) return {};
  const std::vector<Element>& all = held->second.elements;
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()))};
}

std::optional<Expression> HeldRuleset::object(const ChainId& id, std::uint32_t type) {
  const auto found = objects_.find({id, type});
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace core::packet
