// How every daemon begins.
#pragma once

#include <string_view>
#include <vector>

#include "cmd/serve/log.hpp"
#include "cmd/serve/service_options.hpp"
#include "os/fd.hpp"

namespace cmd {

// "pona NAME starts", with what runs; from here on it may have all descriptors that it is allowed.
void log_start(std::string_view name, const log::Fields& fields);

// The sockets of health and metrics; one where both ports are the same. Throws core::Error.
std::vector<os::Fd> listen(const ServiceOptions& options);

}  // namespace cmd
