#include "core/diff.hpp"

#include <algorithm>
#include <iterator>

namespace core {
namespace {

template <typename Named>
const Named* find_named(const std::vector<Named>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &Named::name);
  return found == all.end() ? nullptr : &*found;
}

const nft::Table* find_table(const State& state, Family family) {
  const auto found = state.tables.find(family);
  return found == state.tables.end() ? nullptr : &found->second;
}

// The kernel alters neither a set's declaration nor a chain's hook: that takes a new table.
bool can_become(const nft::Table& observed, const nft::Table& desired) {
  if (observed.name != desired.name) return false;
  for (const nft::Set& set : desired.sets) {
    const nft::Set* const before = find_named(observed.sets, set.name);
    if (before != nullptr && *before != set) return false;
  }
  for (const nft::Chain& chain : desired.chains) {
    const nft::Chain* const before = find_named(observed.chains, chain.name);
    if (before != nullptr && before->hook != chain.hook) return false;
  }
  return true;
}

class Diff {
 public:
  Diff(const State& observed, const State& desired) : observed_(observed), desired_(desired) {
    for (const auto& [family, table] : desired.tables) {
      const nft::Table* const before = find_table(observed, family);
      if (before != nullptr && can_become(*before, table)) kept_.insert(family);
    }
  }

  Changes changes(const EachElement& each_desired) {
    sysctls();
    add_routes();
    add_rules();
    for (const Family family : {Family::ipv4, Family::ipv6}) extend_table(family);
    elements(each_desired);
    for (const Family family : kept_) shrink_table(family);
    delete_rules();
    delete_routes();
    return std::move(changes_);
  }

 private:
  void sysctls() {
    for (const auto& [key, value] : desired_.sysctls) {
      const auto was = observed_.sysctls.find(key);
      if (was != observed_.sysctls.end() && was->second == value) continue;
      changes_.push_back(
          SetSysctl{{key, value}, was == observed_.sysctls.end() ? "" : was->second});
    }
  }

  // A table holds one route to a destination: what is there goes before another one comes.
  void add_routes() {
    for (const Route& route : desired_.routes) {
      if (observed_.routes.contains(route)) continue;
      auto old = observed_.routes.lower_bound(Route{route.table, route.destination, {}, ""});
      for (; old != observed_.routes.end() && old->table == route.table &&
             old->destination == route.destination;
           ++old) {
        changes_.push_back(DeleteRoute{*old});
        replaced_.insert(*old);
      }
      changes_.push_back(AddRoute{route});
    }
  }
  void delete_routes() {
    for (const Route& route : observed_.routes) {
      if (!desired_.routes.contains(route) && !replaced_.contains(route)) {
        changes_.push_back(DeleteRoute{route});
      }
    }
  }
  void add_rules() {
    for (const PolicyRule& rule : desired_.rules) {
      if (!observed_.rules.contains(rule)) changes_.push_back(AddRule{rule});
    }
  }
  void delete_rules() {
    for (const PolicyRule& rule : observed_.rules) {
      if (!desired_.rules.contains(rule)) changes_.push_back(DeleteRule{rule});
    }
  }

  void extend_table(Family family) {
    const nft::Table* before = find_table(observed_, family);
    const nft::Table* const after = find_table(desired_, family);
    if (!kept_.contains(family)) {
      if (before != nullptr) changes_.push_back(DeleteTable{family, before->name});
      if (after != nullptr) changes_.push_back(AddTable{family, after->name});
      before = nullptr;
    }
    if (after == nullptr) return;
    for (const nft::Set& set : after->sets) {
      if (before == nullptr || find_named(before->sets, set.name) == nullptr) {
        changes_.push_back(AddSet{family, set});
      }
    }
    for (const nft::Chain& chain : after->chains) {
      if (before == nullptr || find_named(before->chains, chain.name) == nullptr) {
        changes_.push_back(AddChain{family, chain.name, chain.hook});
      }
    }
    for (const nft::Chain& chain : after->chains) {
      const nft::Chain* const old =
          before == nullptr ? nullptr : find_named(before->chains, chain.name);
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
    std::vector<const nft::Chain*> gone;
    for (const nft::Chain& chain : before.chains) {
      if (find_named(after.chains, chain.name) == nullptr) gone.push_back(&chain);
    }
    // They may lead to each other.
    for (const nft::Chain* const chain : gone) {
      if (!chain->rules.empty()) {
        changes_.push_back(ReplaceRules{family, {chain->name, chain->hook, {}}});
      }
    }
    for (const nft::Chain* const chain : gone) {
      changes_.push_back(DeleteChain{family, chain->name});
    }
    for (const nft::Set& set : before.sets) {
      if (find_named(after.sets, set.name) == nullptr) {
        changes_.push_back(DeleteSet{family, set.name});
      }
    }
  }

  const State& observed_;
  const State& desired_;
  std::set<Family> kept_;  // tables that are altered in place
  std::set<Route> replaced_;
  Changes changes_;
};

class Application {
 public:
  explicit Application(State& state) : state_(state) {}

  void operator()(const AddTable& change) const {
    state_.tables.try_emplace(change.family, nft::Table{change.family, change.name, {}, {}});
  }
  void operator()(const DeleteTable& change) const {
    const auto found = state_.tables.find(change.family);
    if (found == state_.tables.end() || found->second.name != change.name) return;
    state_.tables.erase(found);
    std::erase_if(state_.elements,
                  [&](const auto& element) { return element.first.family == change.family; });
  }
  void operator()(const AddSet& change) const {
    nft::Table* const table = table_of(change.family);
    if (table != nullptr && find_named(table->sets, change.set.name) == nullptr) {
      table->sets.push_back(change.set);
    }
  }
  void operator()(const DeleteSet& change) const {
    nft::Table* const table = table_of(change.family);
    if (table == nullptr) return;
    std::erase_if(table->sets, [&](const nft::Set& set) { return set.name == change.name; });
    const auto id = parse_set(change.name);
    if (!id) return;
    std::erase_if(state_.elements, [&](const auto& element) {
      return element.first.family == change.family && element.first.set == *id;
    });
  }
  void operator()(const AddChain& change) const {
    nft::Table* const table = table_of(change.family);
    if (table != nullptr && find_named(table->chains, change.name) == nullptr) {
      table->chains.push_back({change.name, change.hook, {}});
    }
  }
  void operator()(const ReplaceRules& change) const {
    nft::Table* const table = table_of(change.family);
    if (table == nullptr) return;
    const auto chain = std::ranges::find(table->chains, change.chain.name, &nft::Chain::name);
    if (chain != table->chains.end()) chain->rules = change.chain.rules;
  }
  void operator()(const DeleteChain& change) const {
    nft::Table* const table = table_of(change.family);
    if (table == nullptr) return;
    std::erase_if(table->chains,
                  [&](const nft::Chain& chain) { return chain.name == change.name; });
  }
  void operator()(const AddElement& change) const {
    state_.elements.try_emplace(change.element.key, change.element.value);
  }
  void operator()(const DeleteElement& change) const { state_.elements.erase(change.key); }
  void operator()(const AddRoute& change) const { state_.routes.insert(change.route); }
  void operator()(const DeleteRoute& change) const { state_.routes.erase(change.route); }
  void operator()(const AddRule& change) const { state_.rules.insert(change.rule); }
  void operator()(const DeleteRule& change) const { state_.rules.erase(change.rule); }
  void operator()(const SetSysctl& change) const {
    state_.sysctls[change.sysctl.key] = change.sysctl.value;
  }

 private:
  [[nodiscard]] nft::Table* table_of(Family family) const {
    const auto found = state_.tables.find(family);
    return found == state_.tables.end() ? nullptr : &found->second;
  }

  State& state_;
};

}  // namespace

bool keeps_tables(const State& observed, const State& desired) {
  return std::ranges::all_of(observed.tables, [&](const auto& table) {
    const nft::Table* const after = find_table(desired, table.first);
    return after != nullptr && can_become(table.second, *after);
  });
}

Changes diff(const State& observed, const State& desired, const EachElement& desired_elements) {
  return Diff(observed, desired).changes(desired_elements);
}

Changes diff(const State& observed, const State& desired) {
  return diff(observed, desired, [&](const std::function<void(const Element&)>& visit) {
    std::vector<const Elements::value_type*> sorted;
    sorted.reserve(desired.elements.size());
    for (const auto& element : desired.elements) sorted.push_back(&element);
    std::ranges::sort(sorted, [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* const element : sorted) visit({element->first, element->second});
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

State apply(const Changes& changes, State state) {
  const Application application(state);
  for (const Change& change : changes) std::visit(application, change);
  return state;
}

}  // namespace core
