// What pona owns in one network namespace, and the changes that lead from one such state to
// another. Desired and observed state have this one type. No effects here: net/kernel observes and
// applies.
#pragma once

#include <map>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/ip.hpp"
#include "core/state/elements.hpp"
#include "core/state/kinds.hpp"
#include "core/state/ruleset.hpp"
#include "core/state/table_changes.hpp"

namespace core {

// With routes, rules, sysctls, …: what the table of kinds has.
struct State : HeldKinds {
  std::map<Family, nft::Table> tables = {};
  Elements elements = {};

  friend bool operator==(const State&, const State&) = default;
};

// AddTable, …, and AddRoute, …: the changes of nftables and those of each kind.
using Change = JoinedChanges<TableChanges, Kinds>::Variant;

inline bool is_nftables(const Change& change) {
  return std::visit([](const auto& what) { return NftablesChange<std::decay_t<decltype(what)>>; },
                    change);
}

// Changes are kept in the order in which they may be applied: what is referred to comes before what
// refers to it, and a traffic path exists before traffic is sent there. All nftables changes of one
// vector are one transaction.
using Changes = std::vector<Change>;

}  // namespace core
