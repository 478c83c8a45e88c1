#include "core/edge/tables/limit_sets.hpp"

#include <utility>

#include "core/constants.hpp"

namespace core {

std::optional<SourceLimit> source_limit_of(const Forward& forward) {
  if (forward.max_connections == 0 && forward.new_per_second == 0) return std::nullopt;
  return SourceLimit{forward.limit_id, forward.max_connections, forward.new_per_second};
}

void LimitSets::count(const Forward& forward, int by) {
  const auto source_limit = source_limit_of(forward);
  if (!source_limit) return;
  const Limit limit{forward.key.address.family(), *source_limit};
  touched_.insert(limit);
  int& users = users_[limit];
  users += by;
  if (users == 0) users_.erase(limit);
}

void LimitSets::settle(std::map<Family, nft::Table>& before, std::map<Family, nft::Table>& after) {
  for (const Limit& limit : std::exchange(touched_, {})) {
    const bool is = users_.contains(limit);
    if (is == settled_.contains(limit)) continue;
    add(is ? after : before, limit);
    if (is) {
      settled_.insert(limit);
    } else {
      settled_.erase(limit);
    }
  }
}

void LimitSets::add(std::map<Family, nft::Table>& tables, const Limit& limit) const {
  nft::Table& table = tables[limit.first];
  table.family = limit.first;
  table.name = constants::edge_table;
  add_source_limit(table, limit.second, refuse_when_full_);
}

void LimitSets::add_to(State& state) const {
  for (const Limit& limit : settled_) {
    if (state.tables.contains(limit.first)) add(state.tables, limit);
  }
}

}  // namespace core
