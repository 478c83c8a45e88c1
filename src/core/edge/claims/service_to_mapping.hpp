// Services of type LoadBalancer as what they come to: Mappings of the addresses that they have.
#pragma once

#include <optional>

#include "core/objects.hpp"

namespace core {

// What external traffic is to reach the Service as; named as the Service. Empty when it is not
// ours, or has no address yet.
std::optional<Mapping> mapping_of(const Service& service);

}  // namespace core
