#include "support/fake_tables.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "core/state/text.hpp"

namespace support {
namespace {

using namespace core;

template <typename Named>
auto find_named(std::vector<Named>& all, const std::string& name) {
  return std::ranges::find(all, name, &Named::name);
}

// What a rule refers to.
struct References {
  std::set<std::string> sets;
  std::set<std::string> chains;
};

void collect(const nft::Key& key, References& to) {
  for (const nft::Part& part : key) {
    if (const auto* const mapped = std::get_if<nft::Mapped>(&part)) to.sets.insert(mapped->map);
  }
}

References references_of(const nft::Rule& rule) {
  References result;
  for (const nft::Statement& statement : rule.statements) {
    if (const auto* const in = std::get_if<nft::InSet>(&statement)) {
      collect(in->key, result);
      result.sets.insert(in->set);
    } else if (const auto* const map = std::get_if<nft::VerdictMap>(&statement)) {
      collect(map->key, result);
      result.sets.insert(map->map);
    } else if (const auto* const nat = std::get_if<nft::Nat>(&statement)) {
      collect(nat->key, result);
      if (!nat->map.empty()) result.sets.insert(nat->map);
      if (nat->port_map) {
        collect(nat->port_map->first, result);
        result.sets.insert(nat->port_map->second);
      }
    } else if (const auto* const limit = std::get_if<nft::OverLimit>(&statement)) {
      collect(limit->key, result);
      result.sets.insert(limit->set);
    } else if (const auto* const verdict = std::get_if<nft::Verdict>(&statement)) {
      if (!verdict->chain.empty()) result.chains.insert(verdict->chain);
    }
  }
  return result;
}

std::string chain_of(const ElementValue& value) {
  return {value.chain.view().begin(), value.chain.view().end()};
}

bool is_verdict_map(const nft::Set& set) {
  return set.data.size() == 1 && set.data.front() == nft::Type::verdict;
}

// Do two keys of one interval set have a value in common? They may differ in their last field only.
bool overlap(const ElementKey& a, const ElementKey& b) {
  if (a.family != b.family || a.set != b.set || a.key.size != b.key.size) return false;
  // In a concatenation the last field is padded, in a key of its own it is not.
  const std::size_t padded = (a.end.size + std::size_t{3}) / 4 * 4;
  const std::size_t head = a.key.size > padded ? a.key.size - padded : 0;
  const auto* const a_first = a.key.data.data() + head;
  const auto* const b_first = b.key.data.data() + head;
  return std::memcmp(a.key.data.data(), b.key.data.data(), head) == 0 &&
         std::memcmp(a_first, b.end.data.data(), a.end.size) <= 0 &&
         std::memcmp(b_first, a.end.data.data(), a.end.size) <= 0;
}

}  // namespace

class FakeTables::Step {
 public:
  Step(FakeTables& tables, const Change& change) : tables_(tables), change_(change) {}

  void operator()(const AddTable& change) const {
    check_owner(change.family);
    const auto [there, added] =
        tables_.tables_.try_emplace(change.family, nft::Table{change.family, change.name, {}, {}});
    // The model has room for one table per family; the kernel would just add another.
    if (!added && there->second.name != change.name) refuse(EEXIST, change_);
  }
  void operator()(const DeleteTable& change) const {
    const nft::Table& table = table_of(change.family);
    if (table.name != change.name) refuse(ENOENT, change_);
    tables_.tables_.erase(change.family);
    std::erase_if(tables_.elements_,
                  [&](const auto& element) { return element.first.family == change.family; });
    tables_.index();
  }
  void operator()(const AddSet& change) const {
    nft::Table& table = table_of(change.family);
    const auto there = find_named(table.sets, change.set.name);
    if (there == table.sets.end()) {
      table.sets.push_back(change.set);
    } else if (*there != change.set) {
      refuse(EEXIST, change_);
    }
  }
  void operator()(const DeleteSet& change) const {
    nft::Table& table = table_of(change.family);
    const auto there = find_named(table.sets, change.name);
    if (there == table.sets.end()) refuse(ENOENT, change_);
    for (const nft::Chain& chain : table.chains) {
      for (const nft::Rule& rule : chain.rules) {
        if (references_of(rule).sets.contains(change.name)) refuse(EBUSY, change_);
      }
    }
    table.sets.erase(there);
    std::erase_if(tables_.elements_, [&](const auto& element) {
      return element.first.family == change.family && to_string(element.first.set) == change.name;
    });
    tables_.index();
  }
  void operator()(const AddChain& change) const {
    nft::Table& table = table_of(change.family);
    const auto there = find_named(table.chains, change.name);
    if (there == table.chains.end()) {
      table.chains.push_back({change.name, change.hook, {}});
    } else if (there->hook != change.hook) {
      refuse(EEXIST, change_);
    }
  }
  void operator()(const ReplaceRules& change) const {
    nft::Table& table = table_of(change.family);
    const auto chain = find_named(table.chains, change.chain.name);
    if (chain == table.chains.end()) refuse(ENOENT, change_);
    for (const nft::Rule& rule : change.chain.rules) check(table, rule);
    chain->rules = change.chain.rules;
  }
  void operator()(const DeleteChain& change) const {
    nft::Table& table = table_of(change.family);
    const auto there = find_named(table.chains, change.name);
    if (there == table.chains.end()) refuse(ENOENT, change_);
    for (const nft::Chain& chain : table.chains) {
      if (chain.name == change.name) continue;
      for (const nft::Rule& rule : chain.rules) {
        if (references_of(rule).chains.contains(change.name)) refuse(EBUSY, change_);
      }
    }
    for (const auto& [key, value] : tables_.elements_) {
      if (key.family == change.family && chain_of(value) == change.name) refuse(EBUSY, change_);
    }
    table.chains.erase(there);
  }
  void operator()(const AddElement& change) const {
    const auto& [key, value] = change.element;
    nft::Table& table = table_of(key.family);
    const nft::Set& set = set_of(table, key);
    if (key.key.size != nft::key_size(set.key, key.family)) refuse(EINVAL, change_);
    const std::size_t end = set.interval ? nft::size_of(set.key.back(), key.family) : 0;
    if (key.end.size != end) refuse(EINVAL, change_);
    if (is_verdict_map(set)) {
      if (find_named(table.chains, chain_of(value)) == table.chains.end()) refuse(ENOENT, change_);
    } else if (value.chain.size != 0 || value.data.size < nft::key_size(set.data, key.family)) {
      refuse(EINVAL, change_);
    }
    const auto [there, added] = tables_.elements_.try_emplace(key, value);
    if (!added) {
      if (there->second != value) refuse(EEXIST, change_);
      return;
    }
    if (set.interval) add_interval(key);
  }
  void operator()(const DeleteElement& change) const {
    (void)set_of(table_of(change.key.family), change.key);
    if (tables_.elements_.erase(change.key) == 0) refuse(ENOENT, change_);
    tables_.intervals_.erase(change.key);
  }
  template <typename Other>
  void operator()(const Other&) const {}

 private:
  void check_owner(Family family) const {
    if (tables_.owned_by_other_.contains(family)) refuse(EPERM, change_);
  }
  [[nodiscard]] nft::Table& table_of(Family family) const {
    check_owner(family);
    const auto found = tables_.tables_.find(family);
    if (found == tables_.tables_.end()) refuse(ENOENT, change_);
    return found->second;
  }
  [[nodiscard]] const nft::Set& set_of(nft::Table& table, const ElementKey& key) const {
    const auto set = find_named(table.sets, std::string(to_string(key.set)));
    if (set == table.sets.end()) refuse(ENOENT, change_);
    return *set;
  }

  void check(nft::Table& table, const nft::Rule& rule) const {
    const References references = references_of(rule);
    for (const std::string& name : references.sets) {
      if (find_named(table.sets, name) == table.sets.end()) refuse(ENOENT, change_);
    }
    for (const std::string& name : references.chains) {
      const auto chain = find_named(table.chains, name);
      if (chain == table.chains.end()) refuse(ENOENT, change_);
      if (chain->hook) refuse(EOPNOTSUPP, change_);
    }
    for (const nft::Statement& statement : rule.statements) {
      if (const auto* const map = std::get_if<nft::VerdictMap>(&statement)) {
        if (!is_verdict_map(*find_named(table.sets, map->map))) refuse(EINVAL, change_);
      } else if (const auto* const limit = std::get_if<nft::OverLimit>(&statement)) {
        if (!find_named(table.sets, limit->set)->dynamic) refuse(EOPNOTSUPP, change_);
      }
    }
  }

  // The intervals that are there do not overlap: only the neighbours can.
  void add_interval(const ElementKey& key) const {
    const auto [there, added] = tables_.intervals_.insert(key);
    const auto next = std::next(there);
    if ((there != tables_.intervals_.begin() && overlap(*std::prev(there), key)) ||
        (next != tables_.intervals_.end() && overlap(*next, key))) {
      refuse(EEXIST, change_);
    }
  }

  FakeTables& tables_;
  const Change& change_;
};

void FakeTables::apply(const Change& change) { std::visit(Step(*this, change), change); }

void FakeTables::commit() const {
  for (const auto& [family, table] : tables_) {
    std::map<std::string, std::set<std::string>> targets;  // of each verdict map
    for (const auto& [key, value] : elements_) {
      if (key.family == family && value.chain.size != 0) {
        targets[std::string(to_string(key.set))].insert(chain_of(value));
      }
    }
    std::map<std::string, std::set<std::string>> leads;  // chain to chains
    for (const nft::Chain& chain : table.chains) {
      for (const nft::Rule& rule : chain.rules) {
        leads[chain.name].merge(references_of(rule).chains);
        for (const nft::Statement& statement : rule.statements) {
          if (const auto* const map = std::get_if<nft::VerdictMap>(&statement)) {
            leads[chain.name].insert(targets[map->map].begin(), targets[map->map].end());
          }
        }
      }
    }
    // Chains that lead nowhere go, until none is left or the rest leads in circles.
    while (!leads.empty()) {
      const std::size_t before = leads.size();
      std::erase_if(leads, [&](const auto& chain) {
        return std::ranges::none_of(chain.second,
                                    [&](const auto& next) { return leads.contains(next); });
      });
      if (leads.size() == before) {
        throw Error(Error::Kind::permanent, "table " + std::string(to_string(family)) + " " +
                                                table.name + ": " + std::strerror(ELOOP));
      }
    }
  }
}

void FakeTables::set_owned_by_other(Family family, bool owned) {
  if (owned) {
    owned_by_other_.insert(family);
  } else {
    owned_by_other_.erase(family);
  }
}

void FakeTables::index() {
  intervals_.clear();
  for (const auto& [key, value] : elements_) {
    if (key.end.size != 0) intervals_.insert(key);
  }
}

void refuse(int error, const Change& change) {
  const bool transient = error == EBUSY || error == EAGAIN || error == EINTR;
  throw Error(transient ? Error::Kind::transient : Error::Kind::permanent,
              to_text(Changes{change}, 1).front() + ": " + std::strerror(error));
}

}  // namespace support
