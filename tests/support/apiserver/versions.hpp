// The resourceVersion of a request, and the refusals that are about it.
#pragma once

#include <cstdint>
#include <string>

#include "support/apiserver/refusal.hpp"

namespace support::apiserver {

// 0 for "". Throws the 500 that the API server has for what is no number.
std::uint64_t read_version(const std::string& text);
// A version that has not happened yet.
Refusal too_large(std::uint64_t wanted, std::uint64_t current);

}  // namespace support::apiserver
