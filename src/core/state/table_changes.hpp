// Changes of nftables' tables, sets, chains, rules and elements: a group of their own, because all
// of one pass are one transaction. What becomes of one table of desired and observed is
// diff_tables'.
#pragma once

#include <optional>
#include <string>
#include <type_traits>

#include "core/state/elements.hpp"
#include "core/state/kind.hpp"
#include "core/state/ruleset.hpp"

namespace core {

struct AddTable {
  Family family{};
  std::string name;
};
struct DeleteTable {
  Family family{};
  std::string name;
};
struct AddSet {
  Family family{};
  nft::Set set;
};
struct DeleteSet {
  Family family{};
  std::string name;
};
struct AddChain {
  Family family{};
  std::string name;
  std::optional<nft::Hook> hook;
};
struct ReplaceRules {
  Family family{};
  nft::Chain chain;
};  // flush, then add: one batch
struct DeleteChain {
  Family family{};
  std::string name;
};
struct AddElement {
  Element element;
};
struct DeleteElement {
  ElementKey key;
  ElementValue was;
};

using TableChanges = Types<AddTable, DeleteTable, AddSet, DeleteSet, AddChain, ReplaceRules,
                           DeleteChain, AddElement, DeleteElement>;

template <typename Change>
concept NftablesChange = is_in<Change, TableChanges>;

}  // namespace core
