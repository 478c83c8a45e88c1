#include "core/egress/destination_ranges.hpp"

#include <map>

namespace core {

std::vector<AddressRange> destination_ranges(const Egress& egress, std::span<const Prefix> kept) {
  // By address, and wider ones first; of one prefix, what comes first counts.
  std::map<Prefix, bool> prefixes;
  for (const Prefix& prefix : egress.destinations) prefixes.try_emplace(prefix.masked(), true);
  for (const Prefix& prefix : egress.excluded) prefixes.try_emplace(prefix.masked(), false);
  for (const Prefix& prefix : kept) prefixes.try_emplace(prefix.masked(), false);
  return taken_ranges(prefixes);
}

}  // namespace core
