// A request's outcome as the kernel writes it.
#pragma once

#include <cstdint>

namespace net {

// The errno value of a status, which is 0 or negative; EPROTO for what is neither.
int error_of(std::int32_t status);

}  // namespace net
