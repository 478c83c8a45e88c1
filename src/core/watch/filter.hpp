// Which flows and drops somebody wants to see. Pure. What is asked for must all be so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/ip.hpp"
#include "core/watch/flow.hpp"

namespace core::watch {

struct Filter {
  // Of either side, before or behind the translation.
  std::optional<Prefix> address;
  std::optional<std::uint16_t> port;
  std::vector<std::string> objects;  // one of them; empty: any, or none
  std::vector<Address> pod;          // one of its addresses; empty: any

  // `owner` may be null.
  [[nodiscard]] bool fits(const Flow& flow, const std::string* owner) const;
  [[nodiscard]] bool fits(const Drop& drop, const std::string* owner) const;
};

}  // namespace core::watch
