// Headers of tar archives (POSIX.1-1988 ustar): of plain files alone. Pure. Not here: compression,
// files on disk. Rule: a name in an archive is a text, and is never used as a path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace os {

inline constexpr std::size_t tar_block = 512;

// Of a file that belongs to nobody and is for its owner alone; `name` has at most 99 bytes, `time`
// is in Unix seconds.
std::string tar_header(std::string_view name, std::uint64_t size, std::int64_t time);
// What follows the content of a file, up to whole blocks.
std::size_t tar_padding(std::uint64_t size);

struct TarEntry {
  std::string name;
  std::uint64_t size = 0;  // bytes of its content
  bool plain = false;      // a file; else a directory, a link, an extension
  bool end = false;        // there are no more
};
// Of a block of 512 bytes; nothing where it is no header.
std::optional<TarEntry> read_tar_header(std::string_view block);

}  // namespace os
