// The kernel's sets of sources that may connect: one set of intervals, and one chain that asks it,
// for each distinct list, however many ports and Mappings have it. A list that changes keeps its
// set, so that a prefix more or less is one element. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/edge/allowed_sources.hpp"
#include "core/edge/forward.hpp"
#include "core/state/state.hpp"

namespace core {

// The set and the chain of a list of sources, and the number of the list whose chain has this name.
void add_source_list(nft::Table& table, std::uint32_t number);
std::optional<std::uint32_t> source_list_of(std::string_view chain);

class SourceLists {
 public:
  // A forward begins, or ceases, to be in effect. Those without a list are passed over.
  void acquire(const Forward& forward);
  void release(const Forward& forward);

  // What the calls since the last settle() came to. Elements of sets that go are not listed: they
  // go along.
  struct Difference {
    std::vector<Element> before;
    std::vector<Element> after;
    std::map<Family, nft::Table> tables_before;  // their sets and chains that come or go, no others
    std::map<Family, nft::Table> tables_after;

    // Of the tables that `frame` has, what comes or goes: enough for diff().
    void put_tables(const State& frame, State& observed, State& desired) const;
  };
  Difference settle();

  // All as settled: sets and chains into the tables of `state`, and the elements.
  void add_to(State& state) const;
  void each(const std::function<void(const Element&)>& visit) const;

 private:
  struct Hash {
    std::size_t operator()(const AllowedSources& list) const { return list.hash(); }
  };
  using Number = std::pair<Family, std::uint32_t>;
  struct Users {
    std::set<ForwardKey> forwards;  // the least gives the list its number
    std::optional<Number> number;   // once settled
    ForwardKey named_after;
  };

  void touch(const AllowedSources& list);
  void touch(const ForwardKey& forward);
  [[nodiscard]] std::optional<Number> number_of(const ForwardKey& forward) const;
  Number take_number(const ForwardKey& forward);

  std::unordered_map<AllowedSources, Users, Hash> lists_;
  std::map<ForwardKey, AllowedSources> list_of_;
  std::map<Number, AllowedSources> numbered_;

  // Since the last settle():
  std::unordered_map<AllowedSources, Users, Hash> touched_;  // as they were
  std::map<ForwardKey, std::optional<Number>> touched_forwards_;
};

}  // namespace core
