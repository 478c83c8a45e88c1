#include "core/edge/allowed_sources.hpp"

#include <algorithm>
#include <utility>

namespace core {

AllowedSources::AllowedSources(std::vector<Prefix> prefixes) {
  for (Prefix& prefix : prefixes) prefix = prefix.masked();
  // A prefix comes right before all that it contains. Those of a Mapping are sorted already.
  if (!std::ranges::is_sorted(prefixes)) std::ranges::sort(prefixes);
  std::vector<Prefix> disjoint;
  for (const Prefix& prefix : prefixes) {
    if (disjoint.empty() || !disjoint.back().contains(prefix.address)) disjoint.push_back(prefix);
  }
  if (disjoint.empty() || disjoint.front().length == 0) return;
  std::uint64_t hash = disjoint.size();
  for (const Prefix& prefix : disjoint) {
    hash = (hash ^ std::hash<Address>{}(prefix.address)) * 0x9e3779b97f4a7c15;
    hash = (hash ^ (hash >> 29) ^ prefix.length) * 0xbf58476d1ce4e5b9;
  }
  disjoint.shrink_to_fit();
  list_ = std::make_shared<const List>(List{std::move(disjoint), hash});
}

std::span<const Prefix> AllowedSources::prefixes() const {
  return empty() ? std::span<const Prefix>() : std::span<const Prefix>(list_->prefixes);
}

bool AllowedSources::contains(const Address& address) const {
  const auto all = prefixes();
  const auto after = std::ranges::upper_bound(all, address, {}, &Prefix::address);
  return after != all.begin() && std::prev(after)->contains(address);
}

bool operator==(const AllowedSources& a, const AllowedSources& b) {
  if (a.list_ == b.list_) return true;
  return a.hash() == b.hash() && std::ranges::equal(a.prefixes(), b.prefixes());
}

SourcesOfFamily sources_of(std::span<const Prefix> prefixes, Family family) {
  std::vector<Prefix> own;
  std::ranges::copy_if(prefixes, std::back_inserter(own),
                       [&](const Prefix& prefix) { return prefix.family() == family; });
  const bool nobody = own.empty() && !prefixes.empty();
  return {AllowedSources(std::move(own)), nobody};
}

}  // namespace core
