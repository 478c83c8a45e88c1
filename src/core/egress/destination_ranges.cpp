#include "core/egress/destination_ranges.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace core {
namespace {

// Walks over prefixes that are sorted by their first address, wider ones first: those that hold
// the place where it stands are on a stack, and the innermost decides.
class Walk {
 public:
  void enter(const Prefix& prefix, bool taken) {
    leave([&](const Prefix& open) { return !open.contains(prefix.address); });
    if (!stack_.empty() && next_ != prefix.address) note(prefix.address.plus(-1));
    next_ = prefix.address;
    stack_.emplace_back(prefix, taken);
  }

  std::vector<AddressRange> finish() {
    leave([](const Prefix&) { return true; });
    return std::move(ranges_);
  }

 private:
  template <typename Over>
  void leave(Over over) {
    for (; !stack_.empty() && over(stack_.back().first); stack_.pop_back()) {
      const Address last = stack_.back().first.last();
      if (!ended_at_ || *ended_at_ < last) note(last);
      next_ = last.plus(1);
    }
  }

  // From where it stands up to `last` the innermost prefix decides.
  void note(const Address& last) {
    ended_at_ = last;
    if (!stack_.back().second) return;
    if (!ranges_.empty() && ranges_.back().last.plus(1) == next_ && ranges_.back().last < next_) {
      ranges_.back().last = last;
    } else {
      ranges_.push_back({next_, last});
    }
  }

  std::vector<std::pair<Prefix, bool>> stack_;
  Address next_;                     // the first address of which nothing is said yet
  std::optional<Address> ended_at_;  // the last one of which something is
  std::vector<AddressRange> ranges_;
};

}  // namespace

std::vector<AddressRange> destination_ranges(const Egress& egress, std::span<const Prefix> kept) {
  // By address, and wider ones first; of one prefix, what comes first counts.
  std::map<Prefix, bool> prefixes;
  for (const Prefix& prefix : egress.destinations) prefixes.try_emplace(prefix.masked(), true);
  for (const Prefix& prefix : egress.excluded) prefixes.try_emplace(prefix.masked(), false);
  for (const Prefix& prefix : kept) prefixes.try_emplace(prefix.masked(), false);
  Walk walk;
  for (const auto& [prefix, taken] : prefixes) walk.enter(prefix, taken);
  return walk.finish();
}

}  // namespace core
