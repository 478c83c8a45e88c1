// The table of the kinds of kernel objects, other than nftables'.
//
// A new kind is: one file here (its struct; Held<T>: the name that State has it under; KindOf<T>:
// key, changes, text), its line in this table, and one codec in net (Codec<T>, listed in
// net/codecs.hpp). Its place in the table is its order: what comes later refers to what comes
// before it, is added after it and deleted before it.
#pragma once

#include <variant>

#include "core/state/fou_port.hpp"
#include "core/state/link.hpp"
#include "core/state/nexthop.hpp"
#include "core/state/policy_rule.hpp"
#include "core/state/route.hpp"
#include "core/state/sysctl.hpp"

namespace core {

using Kinds = Types<  //
    Sysctl,           //
    FouPort,          //
    Link,             //
    Nexthop,          //
    Route,            //
    PolicyRule>;

// --- made of the table -------------------------------------------------------------------------
template <typename List>
struct HeldOf;
template <typename... T>
struct HeldOf<Types<T...>> : Held<T>... {
  friend bool operator==(const HeldOf&, const HeldOf&) = default;
};

// All of them that are in a namespace.
using HeldKinds = HeldOf<Kinds>;

template <typename T>
auto& all(HeldKinds& state) {
  return static_cast<Held<T>&>(state).all();
}
template <typename T>
const auto& all(const HeldKinds& state) {
  return static_cast<const Held<T>&>(state).all();
}

// Calls visit.operator()<T>() for each kind, in the order of the table and in the opposite one.
template <typename... T, typename Visit>
void each_kind(Types<T...>, const Visit& visit) {
  (visit.template operator()<T>(), ...);
}
template <typename Visit>
void each_kind(const Visit& visit) {
  each_kind(Kinds(), visit);
}
template <typename Visit>
void each_kind_backwards(Types<>, const Visit&) {}
template <typename First, typename... Rest, typename Visit>
void each_kind_backwards(Types<First, Rest...>, const Visit& visit) {
  each_kind_backwards(Types<Rest...>(), visit);
  visit.template operator()<First>();
}
template <typename Visit>
void each_kind_backwards(const Visit& visit) {
  each_kind_backwards(Kinds(), visit);
}

template <typename T>
inline constexpr bool can_replace = is_in<Replace<T>, typename KindOf<T>::Changes>;

// A variant of the changes of a group and of each kind.
template <typename... Lists>
struct Joined;
template <typename... All>
struct Joined<Types<All...>> {
  using Variant = std::variant<All...>;
};
template <typename... First, typename... Second, typename... Rest>
struct Joined<Types<First...>, Types<Second...>, Rest...>
    : Joined<Types<First..., Second...>, Rest...> {};
template <typename Group, typename List>
struct JoinedChanges;
template <typename Group, typename... T>
struct JoinedChanges<Group, Types<T...>> : Joined<Group, typename KindOf<T>::Changes...> {};

}  // namespace core
