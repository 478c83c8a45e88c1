#include "cmd/lab/manifests.hpp"

#include <fstream>

#include "core/error.hpp"

namespace cmd {

void write_manifests(const std::filesystem::path& directory, const Manifests& manifests) {
  for (const auto& [name, text] : manifests) {
    const std::filesystem::path beside = directory / ("." + name + ".new");
    std::ofstream file(beside);
    std::error_code error;
    if (!(file << text << std::flush) ||
        (std::filesystem::rename(beside, directory / name, error), error)) {
      throw core::Error(core::Error::Kind::permanent,
                        "cannot write " + (directory / name).string());
    }
  }
}

}  // namespace cmd
