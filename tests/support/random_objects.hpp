// Objects with every field in every form that decoding can give, for property tests.
#pragma once

#include <random>

#include "core/objects.hpp"

namespace support {

core::Object random_object(std::mt19937& chance);

}  // namespace support
