// As read_file, for files whose size is not their writer's to choose.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace os {

// Throws core::Error as read_file() does, also where the file has more bytes.
std::string read_file_of_at_most(std::size_t most, const std::filesystem::path& path);

}  // namespace os
