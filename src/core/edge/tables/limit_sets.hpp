// The kernel's memory of who connects how often, for Mappings that limit that: sets and a chain of
// its own for each, so that nobody fills another one's. Made and taken away with the first and the
// last forward that needs them. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/edge/forward.hpp"
#include "core/edge/tables/edge_rules.hpp"
#include "core/state/state.hpp"

namespace core {

// Of a forward; empty: it has none.
std::optional<SourceLimit> source_limit_of(const Forward& forward);

class LimitSets {
 public:
  explicit LimitSets(bool refuse_when_full) : refuse_when_full_(refuse_when_full) {}

  // A forward is planned, or not any more. Those without limits are passed over.
  void acquire(const Forward& forward) { count(forward, 1); }
  void release(const Forward& forward) { count(forward, -1); }

  // Adds to `before` and `after` what goes and comes since the last call, and nothing else.
  void settle(std::map<Family, nft::Table>& before, std::map<Family, nft::Table>& after);

  // All as settled, into the tables of `state`.
  void add_to(State& state) const;

 private:
  using Limit = std::pair<Family, SourceLimit>;

  void count(const Forward& forward, int by);
  void add(std::map<Family, nft::Table>& tables, const Limit& limit) const;

  bool refuse_when_full_;
  std::map<Limit, int> users_;
  std::set<Limit> settled_;
  std::set<Limit> touched_;  // since the last settle()
};

}  // namespace core
