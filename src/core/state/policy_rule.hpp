// A policy rule (ip rule).
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>

#include "core/ip.hpp"
#include "core/state/kind.hpp"

namespace core {

struct PolicyRule {
  Family family{};
  std::uint32_t priority = 0;
  std::uint32_t mark = 0;
  std::uint32_t mask = 0;
  std::uint32_t table = 0;
  bool suppress_default =
      false;                   // suppress_prefixlength 0: the table's default routes do not count
  std::string iif = {};        // incoming interface; "lo": what is sent from here; empty: any
  std::uint16_t udp_port = 0;  // destination port of UDP; 0: anything
  bool inverted = false;       // for what the rest does not fit

  friend auto operator<=>(const PolicyRule&, const PolicyRule&) = default;
};

std::string to_text(const PolicyRule& rule);

template <>
struct Held<PolicyRule> {
  std::set<PolicyRule> rules = {};

  auto& all() { return rules; }
  [[nodiscard]] const auto& all() const { return rules; }
  friend bool operator==(const Held&, const Held&) = default;
};

template <>
struct KindOf<PolicyRule> : HeldInSet<PolicyRule> {
  using Changes = Types<Add<PolicyRule>, Delete<PolicyRule>>;

  static const PolicyRule& key(const PolicyRule& rule) { return rule; }

  static std::string make(const PolicyRule& rule);
  static std::string remove(const PolicyRule& rule);
};

using AddRule = Add<PolicyRule>;
using DeleteRule = Delete<PolicyRule>;

}  // namespace core
