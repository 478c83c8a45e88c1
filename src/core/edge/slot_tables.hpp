// Which endpoint serves which slot, for the ports of one claimant: those that have the same
// endpoints share one table. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/endpoint_slots.hpp"
#include "core/edge/forward.hpp"
#include "core/shared_vector.hpp"

namespace core {

class SlotTables {
 public:
  // `by_source`: a client stays with its pod, so that on all ports with the same pods it is to meet
  // the same one. `ranges`: among the claimant's ports are ranges.
  SlotTables(SlotLayout layout, bool by_source, bool ranges)
      : layout_(layout), one_pod_(by_source), ranges_(ranges) {}

  // Indices into `backends`, which are sorted.
  SharedVector<std::uint16_t> of(std::span<const Backend> backends, bool single_port);

  // Of more backends, some have no slot.
  [[nodiscard]] std::size_t most_served(bool single_port) const {
    return classes(single_port).back().endpoints;
  }

 private:
  [[nodiscard]] std::span<const SlotClass> classes(bool single_port) const {
    // The hash must be taken modulo the same number on all ports.
    const bool as_range = !single_port || (one_pod_ && ranges_);
    return as_range ? range_slot_classes(layout_) : slot_classes(layout_);
  }
  std::vector<std::string> names(std::span<const Backend> backends);

  SlotLayout layout_;
  bool one_pod_;
  bool ranges_;
  std::map<std::vector<Address>, std::vector<std::string>> first_names_;  // by pods
  std::map<std::pair<std::uint32_t, std::vector<std::string>>, SharedVector<std::uint16_t>> tables_;
};

}  // namespace core
