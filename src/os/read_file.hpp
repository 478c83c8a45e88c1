// The content of a file, as a whole.
#pragma once

#include <filesystem>
#include <string>

namespace os {

// Throws core::Error, transient, that says why but not which file: the caller knows how it is
// called. Never waits: a named pipe is an error, as is whatever else is not a regular file of at
// most 256 MiB.
std::string read_file(const std::filesystem::path& path);

}  // namespace os
