// Numbers that nobody can guess.
#pragma once

#include <cstdint>

namespace os {

// From the kernel's generator. Does not fail once the machine has booted.
std::uint64_t unguessable();

}  // namespace os
