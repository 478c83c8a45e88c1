// `pona diag watch`: connections as they begin and end, with what becomes of them, packets that are
// dropped, and rates, until somebody stops it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cmd/diag/daemon_places.hpp"

namespace CLI {
class App;
}

namespace cmd {

struct WatchOptions : DaemonPlaces {
  std::vector<std::string> netns;  // paths or names; empty: where this process is
  std::string address;             // or a prefix
  std::optional<std::uint16_t> port;
  std::string mapping;  // NAMESPACE/NAME, as the following
  std::string egress;
  std::string pod;
  std::optional<double> interval;  // seconds
  std::uint64_t count = 0;         // of events; 0: no end
  double duration = 0;             // seconds; 0: no end
  std::string format = "text";
};

// The subcommand and its options; `options` must outlive the parsing.
CLI::App* add_watch(CLI::App& app, WatchOptions& options);
// The exit status. Throws core::Error.
int watch(const WatchOptions& options);

}  // namespace cmd
