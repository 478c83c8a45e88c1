// A kernel parameter.
#pragma once

#include <compare>
#include <map>
#include <string>

#include "core/state/kind.hpp"

namespace core {

struct Sysctl {
  std::string key;  // "net/ipv4/conf/eth1.100/rp_filter": interface names may hold dots
  std::string value;

  friend auto operator<=>(const Sysctl&, const Sysctl&) = default;
};

template <>
struct Held<Sysctl> {
  std::map<std::string, std::string> sysctls = {};  // only those that pona must hold

  auto& all() { return sysctls; }
  [[nodiscard]] const auto& all() const { return sysctls; }
  friend bool operator==(const Held&, const Held&) = default;
};

template <>
struct KindOf<Sysctl> : AnyKind<Sysctl> {
  using Changes = Types<Add<Sysctl>, Replace<Sysctl>>;
  // cppcheck-suppress duplInheritedMember  ; that is how a kind says so
  static constexpr bool setting = true;

  static const std::string& key(const Sysctl& sysctl) { return sysctl.key; }
  static bool replaces(const Sysctl&, const Sysctl&) { return true; }

  static std::string make(const Sysctl& sysctl);
  static std::string replace(const Sysctl& now, const Sysctl& was);

  using Container = std::map<std::string, std::string>;
  static Sysctl value(const Container::value_type& entry) { return {entry.first, entry.second}; }
  static bool holds(const Container& all, const Sysctl& it) {
    const auto found = all.find(it.key);
    return found != all.end() && found->second == it.value;
  }
  static void put(Container& all, const Sysctl& it) { all.insert_or_assign(it.key, it.value); }
  static void drop(Container& all, const Sysctl& it) { all.erase(it.key); }
};

using AddSysctl = Add<Sysctl>;  // what it was is not known
using SetSysctl = Replace<Sysctl>;

}  // namespace core
