// A route of a routing table.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "core/ip.hpp"
#include "core/state/encapsulation.hpp"
#include "core/state/kind.hpp"

namespace core {

struct Route {
  enum class Type : std::uint8_t { unicast, unreachable, throw_ };

  std::uint32_t table = 0;
  Prefix destination;                   // 0.0.0.0/0 or ::/0: default
  std::optional<Address> gateway = {};  // empty: on link
  std::string device = {};              // empty: none is needed, or the next hop has it
  std::uint32_t metric = 0;             // 0: the kernel's default, which is 1024 in IPv6
  Type type = Type::unicast;
  std::uint32_t nexthop = 0;  // id of a Nexthop; 0: none
  std::optional<Encapsulation> encapsulation = {};
  // Whoever has none yet sends from this address of the host; empty: the kernel chooses.
  std::optional<Address> source = {};

  friend auto operator<=>(const Route&, const Route&) = default;
};

std::string to_text(const Route& route);  // without "ip route add"

template <>
struct Held<Route> {
  std::set<Route> routes = {};

  auto& all() { return routes; }
  [[nodiscard]] const auto& all() const { return routes; }
  friend bool operator==(const Held&, const Held&) = default;
};

template <>
struct KindOf<Route> : HeldInSet<Route> {
  using Changes = Types<Add<Route>, Replace<Route>, Delete<Route>>;

  // A table holds one route of a metric to a destination: what is there makes room for another one.
  static std::tuple<std::uint32_t, Prefix, std::uint32_t> key(const Route& route) {
    return {route.table, route.destination, route.metric};
  }
  static bool replaces(const Route& was, const Route& now);

  // What closes a destination comes before what leads there.
  static bool comes_late(const Route& route) { return route.type == Route::Type::unicast; }
  static Fate fate(const Route& route, const std::set<std::string>& renewed, const State& desired);

  static std::string make(const Route& route);
  static std::string replace(const Route& now, const Route& was);
  static std::string remove(const Route& route);
};

using AddRoute = Add<Route>;
using ReplaceRoute = Replace<Route>;
using DeleteRoute = Delete<Route>;

}  // namespace core
