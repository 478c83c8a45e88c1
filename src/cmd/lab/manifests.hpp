// Writing a lab's objects as an operator would: YAML, one file each, so that one can be changed
// alone.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace cmd {

using Manifests = std::map<std::string, std::string>;  // file name -> text

// Each file appears whole: it is written beside and renamed.
void write_manifests(const std::filesystem::path& directory, const Manifests& manifests);

}  // namespace cmd
