#include "cmd/edge/port_use_watch.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

namespace cmd {
namespace {

constexpr std::chrono::seconds port_use_pace{10};
constexpr std::uint32_t short_from = 90, short_until = 80;  // per cent

constexpr std::uint32_t ports_at(std::uint32_t per_cent) {
  return (core::source_ports * per_cent + 99) / 100;
}

// Without the number of ports, or each look would be news.
std::string text_of(const core::PortPair& pair) {
  const core::Backend endpoint{pair.endpoint, {pair.port, pair.port}};
  return "at least " + std::to_string(short_from) + "% of the " +
         std::to_string(core::source_ports) + " source ports that " + to_string(pair.source) +
         " has towards endpoint " + to_string(endpoint) + "/" +
         std::string(to_string(pair.protocol)) +
         " are in use: without a free one, new connections to it are dropped; more endpoints, "
         "preserveClientIP or --masquerade-addresses help";
}

}  // namespace

// One endpoint may be behind many ports of many claimants.
PortUseWatch::Owners PortUseWatch::owners_of(const core::EdgePlan& plan) const {
  using Place = std::tuple<core::Protocol, core::Address, std::uint16_t>;
  std::multimap<Place, core::PortPair> wanted;
  for (const core::PortUse& one : use_) {
    wanted.emplace(Place(one.pair.protocol, one.pair.endpoint, one.pair.port), one.pair);
  }
  Owners owners;
  const auto note = [&](const core::Forward& forward, const core::Backend& backend) {
    const core::Protocol protocol = forward.key.protocol;
    const auto end = wanted.upper_bound({protocol, backend.address, backend.ports.last});
    for (auto at = wanted.lower_bound({protocol, backend.address, backend.ports.first}); at != end;
         ++at) {
      owners[at->second].insert(forward.owner);
    }
  };
  for (const auto& forward : plan.forwards()) {
    if (wanted.empty() || !forward->active) continue;
    for (const core::Backend& backend : forward->backends) note(*forward, backend);
    for (const core::Backend& backend : forward->draining) note(*forward, backend);
  }
  return owners;
}

bool PortUseWatch::look(std::uint64_t tracked, const core::EdgePlan& plan, os::Time now) {
  if (now < due_) return false;
  due_ = now + port_use_pace;
  if (tracked < ports_at(short_until)) {
    use_.clear();
  } else if (auto found = ask_(ports_at(short_until))) {
    use_ = *std::move(found);
  } else {
    return false;
  }
  const Owners owners = owners_of(plan);
  std::erase_if(use_, [&](const core::PortUse& one) { return !owners.contains(one.pair); });
  std::set<core::PortPair> now_short;
  for (const core::PortUse& one : use_) {
    if (one.used >= ports_at(short_from) || short_.contains(one.pair)) now_short.insert(one.pair);
  }
  short_ = std::move(now_short);

  warnings_.clear();
  std::map<core::ObjectId, std::string> claimants;
  for (const core::PortPair& pair : short_) {
    const std::string text = text_of(pair);
    const std::set<core::ObjectId>& all = owners.at(pair);
    for (const core::ObjectId& id : all) claimants.emplace(id, text);
    warnings_.push_back(
        to_string(*all.begin()) +
        (all.size() > 1 ? " and " + std::to_string(all.size() - 1) + " more" : std::string()) +
        ": " + text);
  }
  const bool news = claimants != claimants_;
  claimants_ = std::move(claimants);
  return news;
}

}  // namespace cmd
