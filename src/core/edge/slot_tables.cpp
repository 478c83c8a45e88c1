#include "core/edge/slot_tables.hpp"

#include <algorithm>

namespace core {

// Where a client is to meet the same pod on all ports, an endpoint is its pod: the port does not
// count. A pod that has a Service's port twice, as slices by hand may say, needs it again.
std::vector<std::string> SlotTables::names(std::span<const Backend> backends) const {
  const auto same_pod = [](const Backend& a, const Backend& b) { return a.address == b.address; };
  const bool pods =
      one_pod_ && std::adjacent_find(backends.begin(), backends.end(), same_pod) == backends.end();
  std::vector<std::string> names;
  names.reserve(backends.size());
  for (const Backend& backend : backends) {
    names.push_back(pods ? to_string(backend.address) : to_string(backend));
  }
  return names;
}

SharedVector<std::uint16_t> SlotTables::of(std::span<const Backend> backends, bool single_port) {
  if (backends.empty()) return {};
  const std::uint32_t slots = slot_count(backends.size(), classes(single_port));
  const auto [table, fresh] = tables_.try_emplace({slots, names(backends)});
  if (fresh) table->second = SharedVector(fill_slots(table->first.second, slots));
  return table->second;
}

}  // namespace core
