#include "core/egress/prefix_ranges.hpp"

#include <optional>
#include <utility>

namespace core {
namespace {

// Goes once over all addresses, in their order, and remembers the prefixes that it is in.
class Sweep {
 public:
  void enter(const Prefix& prefix, bool taken) {
    leave_before(prefix.first());
    if (!inside_.empty() && next_ && *next_ < prefix.first()) {
      put(prefix.first().plus(-1), inside_.back().taken);
    }
    next_ = prefix.first();
    inside_.push_back({prefix.last(), taken});
  }

  std::vector<AddressRange> finish() {
    while (!inside_.empty()) leave();
    return std::move(ranges_);
  }

 private:
  struct Within {
    Address last;
    bool taken = false;
  };

  void leave_before(const Address& address) {
    while (!inside_.empty() && inside_.back().last < address) leave();
  }

  void leave() {
    const Within left = inside_.back();
    inside_.pop_back();
    if (next_ && *next_ <= left.last) put(left.last, left.taken);
  }

  // All from next_ to `last`.
  void put(const Address& last, bool taken) {
    if (taken) {
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

std::vector<AddressRange> taken_ranges(const std::map<Prefix, bool>& prefixes) {
  Sweep sweep;
  for (const auto& [prefix, taken] : prefixes) sweep.enter(prefix, taken);
  return sweep.finish();
}

}  // namespace core
