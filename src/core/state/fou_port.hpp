// A UDP port that receives FoU, ipip within IPv4 and ip6 within IPv6 (fou_nl.h, FOU_CMD_ADD).
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>

#include "core/ip.hpp"
#include "core/state/kind.hpp"

namespace core {

struct FouPort {
  Family family{};
  std::uint16_t port = 0;

  friend auto operator<=>(const FouPort&, const FouPort&) = default;
};

std::string to_text(const FouPort& port);  // without "ip fou add"

template <>
struct Held<FouPort> {
  std::set<FouPort> fou_ports = {};

  auto& all() { return fou_ports; }
  [[nodiscard]] const auto& all() const { return fou_ports; }
  friend bool operator==(const Held&, const Held&) = default;
};

template <>
struct KindOf<FouPort> : HeldInSet<FouPort> {
  using Changes = Types<Add<FouPort>, Delete<FouPort>>;

  static const FouPort& key(const FouPort& port) { return port; }

  static std::string make(const FouPort& port) { return "ip fou add " + to_text(port); }
  static std::string remove(const FouPort& port) { return "ip fou del " + to_text(port); }
};

using AddFouPort = Add<FouPort>;
using DeleteFouPort = Delete<FouPort>;

}  // namespace core
