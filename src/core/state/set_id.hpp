// Which set an element is of, in four bytes: there are hundreds of thousands of elements. The sets
// are the planners': each has a catalogue of its own, an enum of at most 64 names and the
// declarations in the same order, and a line in the table of set_id.cpp. Of one declaration there
// may be several sets, told apart by a number. Not here: elements.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/ruleset.hpp"

namespace core {

// Specialized for each catalogue's enum: its line in the table.
template <typename Enum>
inline constexpr int catalogue_of = -1;

class SetId {
 public:
  static constexpr int catalogue_size = 64;

  constexpr SetId() = default;
  constexpr explicit SetId(std::uint8_t number) : number_(number) {}
  // By intention not explicit: EdgeSet::services names the set.
  template <typename Enum>
  requires(catalogue_of<Enum> >=
           0) constexpr SetId(Enum set)  // NOLINT(google-explicit-constructor)
      : number_(static_cast<std::uint8_t>(catalogue_of<Enum> * catalogue_size +
                                          static_cast<int>(set))) {}

  // Empty: it is of another catalogue.
  template <typename Enum>
  [[nodiscard]] constexpr std::optional<Enum> as() const {
    if (number_ / catalogue_size != catalogue_of<Enum>) return std::nullopt;
    return static_cast<Enum>(number_ % catalogue_size);
  }
  [[nodiscard]] constexpr std::uint8_t number() const { return number_; }

  // Another set of the same declaration: from 1 to most_instances; 0 is the one without a number.
  static constexpr std::uint32_t most_instances = 0xffffff;
  [[nodiscard]] constexpr SetId instance(std::uint32_t instance) const {
    SetId other = *this;
    other.instance_ = {static_cast<std::uint8_t>(instance >> 16),
                       static_cast<std::uint8_t>(instance >> 8),
                       static_cast<std::uint8_t>(instance)};
    return other;
  }
  [[nodiscard]] constexpr std::uint32_t instance() const {
    return std::uint32_t{instance_[0]} << 16 | std::uint32_t{instance_[1]} << 8 | instance_[2];
  }
  friend constexpr auto operator<=>(const SetId&, const SetId&) = default;

 private:
  std::uint8_t number_ = 0;
  std::array<std::uint8_t, 3> instance_{};  // bytes, so that keys of elements have no gaps
};

// How the planner makes it, with the types of its keys and data.
const nft::Set& declaration_of(SetId set);
// The nft name: "range-services", or, of a numbered one, "allowed-00002a".
std::string to_string(SetId set);
// No two sets of pona have one name.
std::optional<SetId> parse_set(std::string_view name);
// All of all catalogues.
std::vector<SetId> all_sets();

}  // namespace core
