#include "os/directories.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace os {

void make_directories(const std::filesystem::path& path, std::error_code& error) {
  error.clear();
  std::filesystem::path part;
  for (const std::filesystem::path& name : path) {
    part /= name;
    if (name.empty() || mkdir(part.c_str(), 0755) == 0) continue;
    const int reason = errno;
    std::error_code ignored;
    // Where the way to it must not be written to, it is enough that it is there.
    if (std::filesystem::is_directory(part, ignored)) continue;
    error.assign(reason, std::generic_category());
    return;
  }
}

}  // namespace os
