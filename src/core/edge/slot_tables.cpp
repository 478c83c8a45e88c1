#include "core/edge/slot_tables.hpp"

#include <algorithm>

namespace core {

// Where a client is to meet the same pod on all ports, an endpoint is its pod: the port does not
// count. A pod that has a Service's port twice, as slices by hand may say, needs it again. By the
// first layout pods have the names that they have on the first of the ports, as versions before
// knew them there.
std::vector<std::string> SlotTables::names(std::span<const Backend> backends) {
  std::vector<std::string> names;
  std::vector<Address> pods;
  names.reserve(backends.size());
  for (const Backend& backend : backends) {
    names.push_back(to_string(backend));
    pods.push_back(backend.address);
  }
  if (!one_pod_ || std::ranges::adjacent_find(pods) != pods.end()) return names;
  if (layout_ == SlotLayout::first) {
    return first_names_.try_emplace(std::move(pods), std::move(names)).first->second;
  }
  std::ranges::transform(pods, names.begin(), [](const Address& pod) { return to_string(pod); });
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
