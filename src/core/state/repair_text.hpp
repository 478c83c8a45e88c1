// What somebody else changed in the kernel and is put back, as an operator would say it. The same
// changes as commands: text.hpp.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/meddler.hpp"
#include "core/state/state.hpp"

namespace core {

struct Meddlers {
  std::optional<Meddler> routing;  // routes, rules, links; empty: nobody was seen
  std::optional<Meddler> tables;   // of nftables
};

// As pona left it. Elements are not in it: where nothing else changed them, each that is put back
// or taken away was changed by somebody.
struct Intact {
  State frame;
  bool elements = false;
  std::set<Family> remade = {};  // whose table was put back, and all in it with that
};

struct Repairs {
  // One for each route, rule and the like, and for each table, set and chain; elements are counted.
  std::vector<std::string> lines;
  Changes others;  // that were to come anyway
};

// What of `changes` leads back to what was; `table` is the name of the nftables tables. Changes may
// come in parts, in order.
Repairs repairs_in(const Changes& changes, Intact& before, const Meddlers& meddlers,
                   std::string_view table);

}  // namespace core
