// How much of an edge one object, and all objects of one namespace, may take: who may write objects
// cannot take the memory that others' need. What came first stays; what is refused gets its turn
// when room is made. Not here: what objects come to (plan_edge). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "core/edge/edge_settings.hpp"
#include "core/edge/forward.hpp"
#include "core/objects.hpp"

namespace core {

class EdgeBudgets {
 public:
  explicit EdgeBudgets(const EdgeLimits& limits) : limits_(limits) {}

  struct Cost {
    std::uint64_t forwards = 0;  // external addresses times ports; a range counts once
    std::uint64_t elements = 0;  // of nftables' maps
    std::uint64_t sources = 0;   // prefixes that may connect
  };

  // What `claimant` costs from now on, in place of what it did. Why it may not, with the name of
  // the setting (then it costs nothing); empty: it may.
  std::string take(const ObjectId& claimant, const Cost& cost);
  void give_back(const ObjectId& claimant);  // it costs nothing any more

  // Refused before, and room was made since the last call: to be tried again.
  std::set<ObjectId> take_hopeful();

  // Objects refused at present, by the setting that refuses them; all settings are there.
  [[nodiscard]] std::map<std::string_view, std::uint64_t> refused() const;

 private:
  static constexpr std::size_t kinds = 3;
  using Amounts = std::array<std::uint64_t, kinds>;

  [[nodiscard]] std::string refusal(const ObjectId& claimant, const Amounts& wanted,
                                    std::string_view& setting) const;
  void set(const ObjectId& claimant, const Amounts& amounts);

  const EdgeLimits limits_;
  std::map<ObjectId, Amounts> taken_;
  std::map<std::string, Amounts> of_namespace_;
  std::map<ObjectId, std::string_view> refused_;  // the setting
  std::map<std::string, std::set<ObjectId>> waiting_;
  std::set<ObjectId> hopeful_;
};

EdgeBudgets::Cost cost_of(std::span<const Forward> forwards);

}  // namespace core
