// What the kernel lets this process have.
#pragma once

#include <cstdint>

namespace os {

// Raises the soft limit of open descriptors to the hard one, which is what a service manager or a
// container runtime means to allow: the soft one, mostly 1024, is there for programs that use
// select(2). Returns what holds now; where it cannot be raised, that is what held before.
std::uint64_t raise_descriptor_limit();

}  // namespace os
