#include "core/state/diff_tables.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <unordered_map>

namespace core {
namespace {

// There are as many sets and chains as lists of sources: none is looked for by walking through all.
template <typename Named>
class ByName {
 public:
  // `all` outlives this; null: there are none.
  explicit ByName(const std::vector<Named>* all) {
    if (all == nullptr) return;
    named_.reserve(all->size());
    for (const Named& one : *all) named_.emplace(one.name, &one);
  }
  [[nodiscard]] const Named* find(const std::string& name) const {
    const auto found = named_.find(name);
    return found == named_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::string_view, const Named*> named_;
};

const nft::Table* find_table(const State& state, Family family) {
  const auto found = state.tables.find(family);
  return found == state.tables.end() ? nullptr : &found->second;
}

// The kernel alters neither a set's declaration nor a chain's hook: that takes a new table.
bool can_become(const nft::Table& observed, const nft::Table& desired) {
  if (observed.name != desired.name) return false;
  const ByName sets(&observed.sets);
  const ByName chains(&observed.chains);
  for (const nft::Set& set : desired.sets) {
    const nft::Set* const before = sets.find(set.name);
    if (before != nullptr && *before != set) return false;
  }
  for (const nft::Chain& chain : desired.chains) {
    const nft::Chain* const before = chains.find(chain.name);
    if (before != nullptr && before->hook != chain.hook) return false;
  }
  return true;
}

class TableDiff {
 public:
  TableDiff(const State& observed, const State& desired, Changes& changes)
      : observed_(observed), desired_(desired), changes_(changes) {
    for (const auto& [family, table] : desired.tables) {
      const nft::Table* const before = find_table(observed, family);
      if (before != nullptr && can_become(*before, table)) kept_.insert(family);
    }
  }

  void run(const EachElement& each_desired) {
    for (const Family family : {Family::ipv4, Family::ipv6}) extend_table(family);
    elements(each_desired);
    for (const Family family : kept_) shrink_table(family);
  }

 private:
  void extend_table(Family family) {
    const nft::Table* before = find_table(observed_, family);
    const nft::Table* const after = find_table(desired_, family);
    if (!kept_.contains(family)) {
      if (before != nullptr) changes_.push_back(DeleteTable{family, before->name});
      if (after != nullptr) changes_.push_back(AddTable{family, after->name});
      before = nullptr;
    }
    if (after == nullptr) return;
    const ByName sets(before == nullptr ? nullptr : &before->sets);
    const ByName chains(before == nullptr ? nullptr : &before->chains);
    for (const nft::Set& set : after->sets) {
      if (sets.find(set.name) == nullptr) {
        changes_.push_back(AddSet{family, set});
      }
    }
    for (const nft::Chain& chain : after->chains) {
      if (chains.find(chain.name) == nullptr) {
        changes_.push_back(AddChain{family, chain.name, chain.hook});
      }
    }
    for (const nft::Chain& chain : after->chains) {
      const nft::Chain* const old = chains.find(chain.name);
      if (old == nullptr ? !chain.rules.empty() : old->rules != chain.rules) {
        changes_.push_back(ReplaceRules{family, chain});
      }
    }
  }

  void elements(const EachElement& each_desired) {
    const std::size_t start = changes_.size();
    if (observed_.elements.empty()) {
      // A vector that grows holds its elements twice; for a large plan that is what memory peaks
      // at.
      std::size_t count = 0;
      each_desired([&count](const Element&) { ++count; });
      changes_.reserve(start + count);
    }
    Changes deletions;  // go before the additions: a new interval may lie where an old one was
    std::vector<const ElementKey*> seen;
    each_desired([&](const Element& element) {
      if (kept_.contains(element.key.family)) {
        const auto found = observed_.elements.find(element.key);
        if (found != observed_.elements.end()) {
          seen.push_back(&found->first);
          if (found->second == element.value) return;
          deletions.push_back(DeleteElement{found->first, found->second});
        }
      }
      changes_.push_back(AddElement{element});
    });
    if (seen.size() < observed_.elements.size()) delete_unseen(std::move(seen), deletions);
    changes_.insert(changes_.begin() + static_cast<std::ptrdiff_t>(start),
                    std::make_move_iterator(deletions.begin()),
                    std::make_move_iterator(deletions.end()));
  }

  void delete_unseen(std::vector<const ElementKey*> seen, Changes& deletions) const {
    std::ranges::sort(seen, std::less<>());
    std::vector<const Elements::value_type*> unseen;
    for (const auto& element : observed_.elements) {
      if (!kept_.contains(element.first.family)) continue;  // gone with its table
      if (!std::ranges::binary_search(seen, &element.first, std::less<>())) {
        unseen.push_back(&element);
      }
    }
    std::ranges::sort(unseen, [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* const element : unseen) {
      deletions.push_back(DeleteElement{element->first, element->second});
    }
  }

  void shrink_table(Family family) {
    const nft::Table& before = *find_table(observed_, family);
    const nft::Table& after = *find_table(desired_, family);
    const ByName chains(&after.chains);
    const ByName sets(&after.sets);
    std::vector<const nft::Chain*> gone;
    for (const nft::Chain& chain : before.chains) {
      if (chains.find(chain.name) == nullptr) gone.push_back(&chain);
    }
    // They may lead to each other.
    for (const nft::Chain* const chain : gone) {
      if (!chain->rules.empty()) {
        changes_.push_back(ReplaceRules{family, {chain->name, chain->hook, {}}});
      }
    }
    // Sets of a version that has others: elements of theirs may lead to chains, and go along.
    for (const nft::Set& set : before.sets) {
      if (sets.find(set.name) == nullptr) {
        changes_.push_back(DeleteSet{family, set.name});
      }
    }
    for (const nft::Chain* const chain : gone) {
      changes_.push_back(DeleteChain{family, chain->name});
    }
  }

  const State& observed_;
  const State& desired_;
  Changes& changes_;
  std::set<Family> kept_;  // tables that are altered in place
};

}  // namespace

void diff_tables(const State& observed, const State& desired, const EachElement& each_desired,
                 Changes& changes) {
  TableDiff(observed, desired, changes).run(each_desired);
}

bool keeps_tables(const State& observed, const State& desired) {
  return std::ranges::all_of(observed.tables, [&](const auto& table) {
    const nft::Table* const after = find_table(desired, table.first);
    return after != nullptr && can_become(table.second, *after);
  });
}

Changes diff(const std::vector<Element>& before, const std::vector<Element>& after) {
  std::unordered_map<ElementKey, const Element*, ElementKeyHash> remaining;
  remaining.reserve(before.size());
  for (const Element& element : before) remaining.emplace(element.key, &element);
  std::vector<const Element*> added;
  for (const Element& element : after) {
    const auto found = remaining.find(element.key);
    if (found != remaining.end() && found->second->value == element.value) {
      remaining.erase(found);
    } else {
      added.push_back(&element);
    }
  }
  Changes changes;
  changes.reserve(remaining.size() + added.size());
  for (const Element& element : before) {
    if (remaining.contains(element.key)) {
      changes.push_back(DeleteElement{element.key, element.value});
    }
  }
  for (const Element* const element : added) changes.push_back(AddElement{*element});
  return changes;
}

}  // namespace core
