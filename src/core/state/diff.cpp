#include "core/state/diff.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "core/constants.hpp"

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
    // What comes out of a tunnel must meet the rules about it: they are there before it and, as
    // all of nftables is done at once, are not all gone before it. Elsewhere, what rules lead to is
    // there before them.
    const bool tunnels = !desired_.tunnels.empty() || !observed_.tunnels.empty();
    const bool rules_first = tunnels && !desired_.tables.empty();
    if (rules_first) nftables(each_desired);
    add_tunnels();
    add_nexthops();
    add_routes();
    add_rules();
    if (!tunnels) nftables(each_desired);
    delete_rules();
    delete_routes();
    delete_nexthops();
    delete_tunnels();
    if (tunnels && !rules_first) nftables(each_desired);
    return std::move(changes_);
  }

 private:
  void nftables(const EachElement& each_desired) {
    for (const Family family : {Family::ipv4, Family::ipv6}) extend_table(family);
    elements(each_desired);
    for (const Family family : kept_) shrink_table(family);
  }

  void sysctls() {
    for (const auto& [key, value] : desired_.sysctls) {
      const auto was = observed_.sysctls.find(key);
      if (was != observed_.sysctls.end() && was->second == value) continue;
      changes_.push_back(
          SetSysctl{{key, value}, was == observed_.sysctls.end() ? "" : was->second});
    }
  }

  // What closes a destination comes before what leads there, and deleting leaves it for the end.
  void add_routes() {
    for (const bool leads : {false, true}) add_routes(leads);
  }
  // A table holds one route of a metric to a destination: what is there makes room for another one.
  void add_routes(bool leads) {
    for (const Route& route : desired_.routes) {
      if ((route.type == Route::Type::unicast) != leads) continue;
      if (observed_.routes.contains(route)) continue;
      std::vector<Route> old;
      auto at = observed_.routes.lower_bound({route.table, route.destination});
      for (; at != observed_.routes.end() && at->table == route.table &&
             at->destination == route.destination;
           ++at) {
        if (at->metric == route.metric && !desired_.routes.contains(*at)) old.push_back(*at);
      }
      replaced_.insert(old.begin(), old.end());
      if (old.size() == 1 && is_egress(route)) {
        changes_.push_back(ReplaceRoute{route, old.front()});
        continue;
      }
      for (const Route& gone : old) changes_.push_back(DeleteRoute{gone});
      changes_.push_back(AddRoute{route});
    }
  }
  // The kernel replaces what comes first, whoever made it: only where all of a table is ours.
  static bool is_egress(const Route& route) {
    return route.table == constants::egress_table || route.table == constants::peers_table;
  }
  void delete_routes() {
    for (const Route& route : observed_.routes) {
      if (!desired_.routes.contains(route) && !replaced_.contains(route)) {
        changes_.push_back(DeleteRoute{route});
      }
    }
  }

  static bool alike(const Tunnel& a, const Tunnel& b) {
    return std::tie(a.kind, a.family, a.local, a.remote, a.port) ==
           std::tie(b.kind, b.family, b.local, b.remote, b.port);
  }
  void add_tunnels() {
    for (const FouPort& port : desired_.fou_ports) {
      if (!observed_.fou_ports.contains(port)) changes_.push_back(AddFouPort{port});
    }
    for (const auto& [name, tunnel] : desired_.tunnels) {
      const auto was = observed_.tunnels.find(name);
      if (was == observed_.tunnels.end()) {
        changes_.push_back(AddTunnel{tunnel});
      } else if (!alike(was->second, tunnel)) {
        changes_.push_back(DeleteTunnel{was->second});
        changes_.push_back(AddTunnel{tunnel});
        renewed_.insert(name);
      } else if (was->second != tunnel) {
        changes_.push_back(ChangeTunnel{tunnel, was->second});
      }
    }
  }
  void delete_tunnels() {
    for (const auto& [name, tunnel] : observed_.tunnels) {
      if (!desired_.tunnels.contains(name)) changes_.push_back(DeleteTunnel{tunnel});
    }
    for (const FouPort& port : observed_.fou_ports) {
      if (!desired_.fou_ports.contains(port)) changes_.push_back(DeleteFouPort{port});
    }
  }

  // Members before the groups that they are in. What went over a device that is made anew went with
  // it.
  void add_nexthops() {
    for (const bool group : {false, true}) {
      for (const auto& [id, nexthop] : desired_.nexthops) {
        if (nexthop.group() != group) continue;
        const auto was = observed_.nexthops.find(id);
        if (was == observed_.nexthops.end() || renewed_.contains(nexthop.device)) {
          changes_.push_back(AddNexthop{nexthop});
        } else if (was->second != nexthop || lost_members(nexthop)) {
          replace_nexthop(nexthop, was->second);
        }
      }
    }
  }
  [[nodiscard]] bool lost_members(const Nexthop& nexthop) const {
    return std::ranges::any_of(nexthop.members, [&](const Nexthop::Member& member) {
      const auto found = desired_.nexthops.find(member.id);
      return found != desired_.nexthops.end() && renewed_.contains(found->second.device);
    });
  }
  // The kernel turns neither a group into a next hop nor changes the number of its buckets.
  void replace_nexthop(const Nexthop& nexthop, const Nexthop& was) {
    if (nexthop.group() != was.group() || nexthop.buckets != was.buckets ||
        nexthop.family != was.family) {
      changes_.push_back(DeleteNexthop{was});
      changes_.push_back(AddNexthop{nexthop});
      return;
    }
    changes_.push_back(ReplaceNexthop{nexthop, was});
  }
  void delete_nexthops() {
    for (const bool group : {true, false}) {
      for (const auto& [id, nexthop] : observed_.nexthops) {
        if (nexthop.group() == group && !desired_.nexthops.contains(id)) {
          changes_.push_back(DeleteNexthop{nexthop});
        }
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
  std::set<std::string> renewed_;  // tunnels that are made anew under their old names
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
  void operator()(const ReplaceRoute& change) const {
    state_.routes.erase(change.was);
    state_.routes.insert(change.route);
  }
  void operator()(const DeleteRoute& change) const { state_.routes.erase(change.route); }
  void operator()(const AddRule& change) const { state_.rules.insert(change.rule); }
  void operator()(const DeleteRule& change) const { state_.rules.erase(change.rule); }
  void operator()(const SetSysctl& change) const {
    state_.sysctls[change.sysctl.key] = change.sysctl.value;
  }
  void operator()(const AddTunnel& change) const {
    state_.tunnels.try_emplace(change.tunnel.name, change.tunnel);
  }
  void operator()(const ChangeTunnel& change) const {
    state_.tunnels[change.tunnel.name] = change.tunnel;
  }
  void operator()(const DeleteTunnel& change) const { state_.tunnels.erase(change.tunnel.name); }
  void operator()(const AddFouPort& change) const { state_.fou_ports.insert(change.port); }
  void operator()(const DeleteFouPort& change) const { state_.fou_ports.erase(change.port); }
  void operator()(const AddNexthop& change) const {
    state_.nexthops.insert_or_assign(change.nexthop.id, change.nexthop);
  }
  void operator()(const ReplaceNexthop& change) const {
    state_.nexthops.insert_or_assign(change.nexthop.id, change.nexthop);
  }
  void operator()(const DeleteNexthop& change) const { state_.nexthops.erase(change.nexthop.id); }

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
