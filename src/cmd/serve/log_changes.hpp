// What a loop did to the kernel, and what it complains about, as log lines.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cmd/serve/log.hpp"
#include "core/state/state.hpp"

namespace cmd {

// Each change as ip(8) and nft(8) would say it; a great many are counted. `table` is the name of
// the nftables tables that they are about.
void log_changes(const core::Changes& changes, std::chrono::steady_clock::duration took,
                 std::string_view table);

// Logs what is new and what is over in a set of complaints.
template <typename Set, typename Text>
void log_difference(Set& logged, const Set& current, Text text, const char* over) {
  if (logged == current) return;
  for (const auto& entry : current) {
    if (!logged.contains(entry)) log::warning(text(entry));
  }
  for (const auto& entry : logged) {
    if (!current.contains(entry)) log::info(std::string(over) + ": " + text(entry));
  }
  logged = current;
}

}  // namespace cmd
