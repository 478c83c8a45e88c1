#include "core/watch/filter.hpp"

#include <algorithm>

namespace core::watch {
namespace {

bool fits_tuples(const Filter& filter, const packet::FlowTuple& one,
                 const packet::FlowTuple& other) {
  const auto any_address = [&](const auto& wanted) {
    return wanted(one.source) || wanted(one.destination) || wanted(other.source) ||
           wanted(other.destination);
  };
  if (filter.address &&
      !any_address([&](const Address& one) { return filter.address->contains(one); })) {
    return false;
  }
  if (filter.port && one.source_port != *filter.port && one.destination_port != *filter.port &&
      other.source_port != *filter.port && other.destination_port != *filter.port) {
    return false;
  }
  return filter.pod.empty() || any_address([&](const Address& one) {
           return std::ranges::find(filter.pod, one) != filter.pod.end();
         });
}

bool fits_owner(const Filter& filter, const std::string* owner) {
  return filter.objects.empty() ||
         (owner != nullptr && std::ranges::find(filter.objects, *owner) != filter.objects.end());
}

}  // namespace

bool Filter::fits(const Flow& flow, const std::string* owner) const {
  return fits_owner(*this, owner) && fits_tuples(*this, flow.before, flow.after);
}

bool Filter::fits(const Drop& drop, const std::string* owner) const {
  return fits_owner(*this, owner) && fits_tuples(*this, drop.packet, drop.packet);
}

}  // namespace core::watch
