// What a loop did to the kernel, and what it complains about, as log lines.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/serve/log.hpp"
#include "core/state/state.hpp"

namespace cmd {

// Of lines that say alike what was done, so many go to the log; more are only counted.
inline constexpr std::size_t most_log_lines = 50;

// The lines, or how many things they say if they are too many.
void log_lines(const std::vector<std::string>& lines, const std::string& many);

// Each change as ip(8) and nft(8) would say it, at level debug.
void log_details(const core::Changes& changes, std::string_view table);

// Each change as ip(8) and nft(8) would say it, but elements are counted, and so are a great many
// changes. With level debug all of them. `table` is the name of the nftables tables that they are
// about.
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
