// Which ports the Mappings of manifests have in effect, in a file: manifests do not say how old
// they are, and after a start the one that carried traffic is to carry it again. The file is an
// advantage, never a need: without it the first by name has a port that two ask for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cmd/edge/options/options.hpp"
#include "core/edge/plan_edge.hpp"
#include "os/clock.hpp"

namespace cmd {

inline constexpr const char* claims_name = "edge-claims";  // below --state-dir
// Empty: nowhere.
std::filesystem::path claims_file(const EdgeOptions& options);

// Lines that cannot be read, or a file that cannot, are as if they were not there.
core::Claims::Held recall_claims(const std::filesystem::path& file);
std::string to_text(const core::Claims::Held& held);

class ClaimMemory {
 public:
  ClaimMemory(std::filesystem::path file, os::Clock clock);

  [[nodiscard]] core::Claims::Held recall() const { return recall_claims(file_); }
  // Writes what has changed, at most once a second; what cannot be written is logged, once. Returns
  // when it wants to be called again.
  os::Time save(const core::EdgePlan& plan);

 private:
  std::filesystem::path file_;
  os::Clock clock_;
  std::uint64_t revision_ = 0;
  std::string written_;
  os::Time not_before_{};
  bool failed_ = false;
};

}  // namespace cmd
