// Directories that pona makes for itself. Not for what belongs to a user: there the umask decides.
#pragma once

#include <filesystem>
#include <system_error>

namespace os {

// Makes what is missing of the path, each with mode 0755 whatever the umask is: container runtimes
// call plugins with umask 0, and what is written there must not be everybody's to change.
void make_directories(const std::filesystem::path& path, std::error_code& error);

}  // namespace os
