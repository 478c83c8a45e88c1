#include "core/state/diff.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "core/state/diff_tables.hpp"

namespace core {
namespace {

// Whatever the kinds are: the table has their order, KindOf<T> what is so of one.
class Diff {
 public:
  Diff(const State& observed, const State& desired) : observed_(observed), desired_(desired) {}

  Changes changes(const EachElement& each_desired) {
    const auto nftables = [&] { diff_tables(observed_, desired_, each_desired, changes_); };
    each_kind([this]<typename T>() {
      if (KindOf<T>::setting) add<T>();
    });
    // What comes out of a tunnel must meet the rules about it: they are there before it and, as
    // all of nftables is done at once, are not all gone before it. Elsewhere, what rules lead to is
    // there before them.
    const bool tunnels = !desired_.links.empty() || !observed_.links.empty();
    const bool rules_first = tunnels && !desired_.tables.empty();
    if (rules_first) nftables();
    each_kind([this]<typename T>() {
      if (!KindOf<T>::setting) add<T>();
    });
    if (!tunnels) nftables();
    each_kind_backwards([this]<typename T>() {
      if constexpr (!KindOf<T>::setting) remove<T>();
    });
    if (tunnels && !rules_first) nftables();
    return std::move(changes_);
  }

 private:
  template <typename T>
  void add() {
    using Kind = KindOf<T>;
    std::multimap<std::decay_t<decltype(Kind::key(std::declval<const T&>()))>, T> unwanted;
    for (const auto& entry : all<T>(observed_)) {
      const T& was = Kind::value(entry);
      if (!Kind::holds(all<T>(desired_), was)) unwanted.emplace(Kind::key(was), was);
    }
    for (const bool late : {false, true}) {
      for (const auto& entry : all<T>(desired_)) {
        const T& wanted = Kind::value(entry);
        if (Kind::comes_late(wanted) != late) continue;
        const auto [first, last] = unwanted.equal_range(Kind::key(wanted));
        add_one(wanted, first, last);
      }
    }
  }

  // Where others of its key make room for it: from `first` to `last`.
  template <typename T, typename Other>
  void add_one(const T& wanted, const Other first, const Other last) {
    using Kind = KindOf<T>;
    const Fate fate = Kind::fate(wanted, renewed_links_, desired_);
    const bool there = Kind::holds(all<T>(observed_), wanted);
    if (there && fate == Fate::stays) return;
    for (auto other = first; other != last; ++other) superseded<T>().insert(other->second);
    if constexpr (can_replace<T>) {
      const T* const was = there                             ? &wanted
                           : std::distance(first, last) == 1 ? &first->second
                                                             : nullptr;
      if (fate != Fate::goes && was != nullptr && Kind::replaces(*was, wanted)) {
        changes_.push_back(Replace<T>{wanted, *was});
        return;
      }
    }
    if constexpr (is_in<Delete<T>, typename Kind::Changes>) {
      for (auto it = first; it != last && fate != Fate::goes; ++it) {
        const T& other = it->second;
        changes_.push_back(Delete<T>{other});
        if constexpr (requires(const T& it) { Kind::link(it); }) {
          renewed_links_.insert(Kind::link(other));
        }
      }
    }
    changes_.push_back(Add<T>{wanted});
  }

  template <typename T>
  void remove() {
    using Kind = KindOf<T>;
    for (const bool early : {true, false}) {
      for (const auto& entry : all<T>(observed_)) {
        const T& was = Kind::value(entry);
        if (Kind::goes_early(was) == early && !Kind::holds(all<T>(desired_), was) &&
            !superseded<T>().contains(was)) {
          changes_.push_back(Delete<T>{was});
        }
      }
    }
  }

  template <typename List>
  struct SetsOf;
  template <typename... T>
  struct SetsOf<Types<T...>> {
    using Tuple = std::tuple<std::set<T>...>;
  };
  // Observed ones that others have taken the place of already.
  template <typename T>
  std::set<T>& superseded() {
    return std::get<std::set<T>>(superseded_);
  }

  const State& observed_;
  const State& desired_;
  SetsOf<Kinds>::Tuple superseded_;
  std::set<std::string> renewed_links_;  // made anew under their old names
  Changes changes_;
};

}  // namespace

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

}  // namespace core
