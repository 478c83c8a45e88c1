#include "core/state/build_in_parts.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace core {
namespace {

const EachElement no_elements = [](const std::function<void(const Element&)>&) {};

bool has_hook(const nft::Chain& chain) { return chain.hook.has_value(); }

}  // namespace

bool inert(const State& observed) {
  return std::ranges::none_of(observed.tables, [](const auto& table) {
    return std::ranges::any_of(table.second.chains, has_hook);
  });
}

void build(const State& observed, const State& desired, const EachElement& desired_elements,
           const std::function<void(const Changes&)>& commit, std::size_t at_once) {
  State nothing;
  nothing.routes = observed.routes;
  nothing.rules = observed.rules;
  nothing.sysctls = observed.sysctls;
  State silent = nothing;
  silent.tables = desired.tables;
  for (auto& [family, table] : silent.tables) std::erase_if(table.chains, has_hook);

  Changes changes;
  for (const auto& [family, table] : observed.tables) {
    changes.push_back(DeleteTable{family, table.name});
  }
  Changes tables = diff(nothing, silent, no_elements);
  std::ranges::move(tables, std::back_inserter(changes));
  commit(changes);

  changes.clear();
  changes.reserve(at_once);
  desired_elements([&](const Element& element) {
    changes.push_back(AddElement{element});
    if (changes.size() < at_once) return;
    commit(changes);
    changes.clear();
  });
  Changes rest = diff(silent, desired, no_elements);
  if (changes.size() + rest.size() > at_once) commit(std::exchange(changes, {}));
  std::ranges::move(rest, std::back_inserter(changes));
  commit(changes);
}

}  // namespace core
