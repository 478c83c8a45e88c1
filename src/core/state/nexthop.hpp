// A nexthop object (ip nexthop), or a resilient group of such (nexthop.h, NHA_GROUP).
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/ip.hpp"
#include "core/state/encapsulation.hpp"
#include "core/state/kind.hpp"

namespace core {

struct Nexthop {
  struct Member {
    std::uint32_t id = 0;
    std::uint16_t weight = 1;  // 1 to 255; from Linux 6.12 on more

    friend auto operator<=>(const Member&, const Member&) = default;
  };

  std::uint32_t id = 0;
  Family family{};     // of a group: not told by the kernel, ipv4
  std::string device;  // empty: it is a group
  std::optional<Address> gateway;
  std::optional<Encapsulation> encapsulation;
  std::vector<Member> members;     // sorted by id; of a group, at least one
  std::uint16_t buckets = 0;       // of a group
  std::uint32_t idle_seconds = 0;  // of a group: a bucket without packets for so long may move

  [[nodiscard]] bool group() const { return device.empty(); }
  friend auto operator<=>(const Nexthop&, const Nexthop&) = default;
};

std::string to_text(const Nexthop& nexthop);  // without "ip nexthop add"

template <>
struct Held<Nexthop> {
  std::map<std::uint32_t, Nexthop> nexthops = {};  // by id

  auto& all() { return nexthops; }
  [[nodiscard]] const auto& all() const { return nexthops; }
  friend bool operator==(const Held&, const Held&) = default;
};

template <>
struct KindOf<Nexthop> : HeldByKey<std::uint32_t, Nexthop> {
  using Changes = Types<Add<Nexthop>, Replace<Nexthop>, Delete<Nexthop>>;

  static std::uint32_t key(const Nexthop& nexthop) { return nexthop.id; }
  static bool replaces(const Nexthop& was, const Nexthop& now);

  // Members are there before the groups that they are in, and as long as those are.
  static bool comes_late(const Nexthop& nexthop) { return nexthop.group(); }
  static bool goes_early(const Nexthop& nexthop) { return nexthop.group(); }
  static Fate fate(const Nexthop& nexthop, const std::set<std::string>& renewed,
                   const State& desired);

  static std::string make(const Nexthop& nexthop) { return "ip nexthop add " + to_text(nexthop); }
  static std::string replace(const Nexthop& now, const Nexthop&) {
    return "ip nexthop replace " + to_text(now);
  }
  static std::string remove(const Nexthop& nexthop) {
    return "ip nexthop del id " + std::to_string(nexthop.id);
  }
};

using AddNexthop = Add<Nexthop>;
using ReplaceNexthop = Replace<Nexthop>;
using DeleteNexthop = Delete<Nexthop>;

}  // namespace core
