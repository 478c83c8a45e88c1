// A bundle of `pona diag bundle` as a world that can be asked. Rule: it is anybody's file; nothing
// in it is taken for granted.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "cmd/diag/promise.hpp"
#include "core/objects.hpp"
#include "core/packet/walk/held_network.hpp"

namespace cmd {

inline constexpr std::string_view bundle_schema = "pona.diag.bundle/v1";

inline constexpr std::string_view model_file = "model.json";

struct Bundle {
  std::string host;  // where it was made
  std::string made;  // when
  std::string version;
  bool redacted = false;
  std::size_t here = 0;  // the place where it was made
  std::unique_ptr<core::packet::HeldWorld> world = std::make_unique<core::packet::HeldWorld>();
  StatusOfDaemons daemons;
  std::string model;  // evidence of a network model, as it came; empty: it has none

  // A namespace by its name or path; empty: where the bundle was made. Both throw core::Error
  // (usage) where it has none.
  [[nodiscard]] std::size_t place(const std::string& name) const;
  [[nodiscard]] std::size_t pod(const core::ObjectName& name) const;
};

// Throw core::Error: it cannot be read, is none, is damaged.
std::unique_ptr<Bundle> open_bundle(const std::string& path);
std::unique_ptr<Bundle> read_bundle(std::string_view bytes);

}  // namespace cmd
