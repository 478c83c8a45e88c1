// What every kind of kernel object says of itself, so that diff, text, fakes and the kernel need
// not know the kinds one by one. Not here: the kinds (a file each), their table (kinds.hpp). Rule:
// a kind tells what is so of it; in which order kinds come is the table's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <type_traits>

namespace core {

struct State;

// --- changes ---------------------------------------------------------------------------------
template <typename T>
struct Add {
  T what;
};
template <typename T>
struct Replace {  // at once: nobody meets neither of them
  T what;
  T was;
};
template <typename T>
struct Delete {
  T what;
};

template <typename... T>
struct Types {};
template <typename T, typename List>
inline constexpr bool is_in = false;
template <typename T, typename... All>
inline constexpr bool is_in<T, Types<All...>> = (std::is_same_v<T, All> || ...);

template <typename Change, typename T>
concept ChangeOf = is_in<Change, Types<Add<T>, Replace<T>, Delete<T>>>;

// --- kinds -----------------------------------------------------------------------------------
// How one that is there and is wanted as it is fares when links are made anew under their names.
enum class Fate {
  stays,
  reduced,  // it is there, but no longer as it was
  goes,     // the link took it along
};

// The part of State that holds them: struct Held<T> { CONTAINER NAME; }, with all() for both.
template <typename T>
struct Held;

// Of each kind, in its own file:
//   using Changes = Types<…>     which of Add, Replace, Delete there are
//   key(T)                       of two with one key the kernel keeps one, or takes the first
//   replaces(was, now)           the kernel can turn one into the other at once
//   make, replace, remove(T)     the text of the change: a command of ip(8) or its like
// and where it is other than here, what follows; with HeldInSet or HeldByKey as a base for how it
// is held.
template <typename T>
struct KindOf;

template <typename T>
struct AnyKind {
  static bool comes_late(const T&) { return false; }  // after the others of its kind
  static bool goes_early(const T&) { return false; }  // before them
  static Fate fate(const T&, const std::set<std::string>& /*renewed links*/, const State&) {
    return Fate::stays;
  }
  // It has no owner: what is held is never let go.
  static constexpr bool setting = false;
};

template <typename T>
struct HeldInSet : AnyKind<T> {
  using Container = std::set<T>;
  static const T& value(const T& entry) { return entry; }
  static bool holds(const Container& all, const T& it) { return all.contains(it); }
  static void put(Container& all, const T& it) { all.insert(it); }
  static void drop(Container& all, const T& it) { all.erase(it); }
};

template <typename Key, typename T>
struct HeldByKey : AnyKind<T> {
  using Container = std::map<Key, T>;
  static const T& value(const typename Container::value_type& entry) { return entry.second; }
  static bool holds(const Container& all, const T& it) {
    const auto found = all.find(KindOf<T>::key(it));
    return found != all.end() && found->second == it;
  }
  static void put(Container& all, const T& it) { all.insert_or_assign(KindOf<T>::key(it), it); }
  static void drop(Container& all, const T& it) { all.erase(KindOf<T>::key(it)); }
};

}  // namespace core
