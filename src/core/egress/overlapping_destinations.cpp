#include "core/egress/overlapping_destinations.hpp"

#include <algorithm>

#include "core/egress/plan_client.hpp"

namespace core {
namespace {

constexpr std::size_t most_told = 3;

bool within(const Prefix& inner, const Prefix& outer) {
  return inner.family() == outer.family() && inner.length >= outer.length &&
         outer.contains(inner.address);
}

bool takes(const Egress& egress, const Prefix& destination, const Prefix& range,
           std::span<const Prefix> kept) {
  if (!within(destination, range) && !within(range, destination)) return false;
  const Prefix& common = destination.length > range.length ? destination : range;
  if (std::ranges::any_of(egress.excluded, [&](const Prefix& p) { return within(common, p); })) {
    return false;
  }
  return std::ranges::none_of(
      kept, [&](const Prefix& p) { return within(range, p) && !within(destination, p); });
}

std::string to_string(const ClusterRange& range) {
  switch (range.of) {
    case ClusterRange::Of::pods:
      return "pods of node " + range.name + " (" + core::to_string(range.range) + ")";
    case ClusterRange::Of::services:
      return "Services (" + core::to_string(range.range) + ")";
    case ClusterRange::Of::node:
      break;
  }
  return "node " + range.name + " (" + core::to_string(range.range.address) + ")";
}

}  // namespace

std::vector<EgressOverlap> find_overlaps(const Egress& egress,
                                         std::span<const ClusterRange> ranges) {
  const std::vector<Prefix> kept = private_ranges();
  std::vector<EgressOverlap> overlaps;
  for (const Prefix& destination : egress.destinations) {
    for (const ClusterRange& range : ranges) {
      if (takes(egress, destination, range.range, kept)) overlaps.push_back({destination, range});
    }
  }
  std::ranges::sort(overlaps);
  return overlaps;
}

std::string to_string(std::span<const EgressOverlap> overlaps) {
  std::string text;
  for (const EgressOverlap& overlap : overlaps.first(std::min(overlaps.size(), most_told))) {
    text += (text.empty() ? "destination " : ", destination ") + to_string(overlap.destination) +
            " covers " + to_string(overlap.range);
  }
  if (overlaps.size() > most_told) {
    text += ", and " + std::to_string(overlaps.size() - most_told) + " more";
  }
  return text;
}

}  // namespace core
