// Replacing a file so that every reader sees the old one or the new one, and a crash leaves one of
// them.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace os {

// Written beside and renamed; mode and owner stay what they were, a new file gets `mode`. Throws
// core::Error.
void write_file(const std::filesystem::path& path, std::string_view text, mode_t mode = 0644);

// Makes a rename or removal in it last through a crash.
void sync_directory(const std::filesystem::path& path);

}  // namespace os
