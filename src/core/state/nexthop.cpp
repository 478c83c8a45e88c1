#include "core/state/nexthop.hpp"

#include <algorithm>

#include "core/state/state.hpp"
#include "core/state/text_words.hpp"

namespace core {

std::string to_text(const Nexthop& nexthop) {
  std::string text = "id " + std::to_string(nexthop.id);
  if (!nexthop.group()) {
    if (nexthop.gateway) text += " via " + to_string(*nexthop.gateway);
    if (nexthop.encapsulation) text += encapsulation_text(*nexthop.encapsulation);
    return text + " dev " + nexthop.device + owner_text("proto");
  }
  std::string members;
  for (const Nexthop::Member& member : nexthop.members) {
    members += (members.empty() ? "" : "/") + std::to_string(member.id);
    if (member.weight != 1) members += "," + std::to_string(member.weight);
  }
  return text + " group " + members + " type resilient buckets " + std::to_string(nexthop.buckets) +
         " idle_timer " + std::to_string(nexthop.idle_seconds) + owner_text("proto");
}

// The kernel turns neither a group into a next hop nor changes the number of its buckets.
bool KindOf<Nexthop>::replaces(const Nexthop& was, const Nexthop& now) {
  return now.group() == was.group() && now.buckets == was.buckets && now.family == was.family;
}

// What went over a device that is made anew went with it, and out of its groups.
Fate KindOf<Nexthop>::fate(const Nexthop& nexthop, const std::set<std::string>& renewed,
                           const State& desired) {
  if (renewed.contains(nexthop.device)) return Fate::goes;
  const bool reduced = std::ranges::any_of(nexthop.members, [&](const Nexthop::Member& member) {
    const auto found = desired.nexthops.find(member.id);
    return found != desired.nexthops.end() && renewed.contains(found->second.device);
  });
  return reduced ? Fate::reduced : Fate::stays;
}

}  // namespace core
