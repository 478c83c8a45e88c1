#include "core/egress/closed_ranges.hpp"

#include <map>
#include <optional>

#include "core/constants.hpp"

namespace core {
namespace {

struct BestRoute {
  std::uint32_t metric = 0;
  bool closed = false;
};

// No router passes these on; neighbour discovery, DHCP and the reports of multicast listeners go
// to them.
constexpr const char* on_the_link[] = {"169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
                                       "fe80::/10", "ff00::/8"};

// Sorted by first address, wider prefixes before those within them.
std::map<Prefix, BestRoute> best_routes(const std::set<Route>& routes, Family family) {
  std::map<Prefix, BestRoute> best;
  for (const Route& route : routes) {
    if (route.table != constants::egress_table || route.destination.family() != family) continue;
    const BestRoute found{route.metric, route.type != Route::Type::throw_};
    const auto [known, first] = best.try_emplace(route.destination.masked(), found);
    if (!first && found.metric < known->second.metric) known->second = found;
  }
  for (const char* const text : on_the_link) {
    const Prefix prefix = *Prefix::parse(text);
    if (prefix.family() == family) best.try_emplace(prefix, BestRoute{});
  }
  return best;
}

// Goes once over all addresses, in their order, and remembers the prefixes that it is in.
class ClosedSweep {
 public:
  void enter(const Prefix& prefix, bool closed) {
    leave_before(prefix.first());
    if (!inside_.empty() && next_ && *next_ < prefix.first()) {
      put(prefix.first().plus(-1), inside_.back().closed);
    }
    next_ = prefix.first();
    inside_.push_back({prefix.last(), closed});
  }

  std::vector<AddressRange> finish() {
    while (!inside_.empty()) leave();
    return std::move(ranges_);
  }

 private:
  struct Within {
    Address last;
    bool closed = false;
  };

  void leave_before(const Address& address) {
    while (!inside_.empty() && inside_.back().last < address) leave();
  }

  void leave() {
    const Within left = inside_.back();
    inside_.pop_back();
    if (next_ && *next_ <= left.last) put(left.last, left.closed);
  }

  // All from next_ to `last`.
  void put(const Address& last, bool closed) {
    if (closed) {
      const bool joined = !ranges_.empty() && ranges_.back().last.plus(1) == *next_;
      if (joined) {
        ranges_.back().last = last;
      } else {
        ranges_.push_back({*next_, last});
      }
    }
    const Address after = last.plus(1);
    next_ = last < after ? std::optional(after) : std::nullopt;  // none follows the last of all
  }

  std::vector<Within> inside_;  // one within the other
  std::optional<Address> next_;
  std::vector<AddressRange> ranges_;
};

}  // namespace

std::vector<AddressRange> closed_ranges(const std::set<Route>& routes, Family family) {
  ClosedSweep sweep;
  for (const auto& [prefix, route] : best_routes(routes, family)) {
    sweep.enter(prefix, route.closed);
  }
  return sweep.finish();
}

}  // namespace core
