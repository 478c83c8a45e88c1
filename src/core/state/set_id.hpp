// Which set an element is of, in one byte: there are hundreds of thousands of elements. The sets
// are the planners': each has a catalogue of its own, an enum of at most 64 names and the
// declarations in the same order, and a line in the table of set_id.cpp. Not here: elements.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
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
  friend constexpr auto operator<=>(SetId, SetId) = default;

 private:
  std::uint8_t number_ = 0;
};

// How the planner makes it, with the types of its keys and data.
const nft::Set& declaration_of(SetId set);
std::string_view to_string(SetId set);  // the nft name: "range-services"
// No two sets of pona have one name.
std::optional<SetId> parse_set(std::string_view name);
// All of all catalogues.
std::vector<SetId> all_sets();

}  // namespace core
