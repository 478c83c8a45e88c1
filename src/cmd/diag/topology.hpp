// `pona diag topology`: how this machine's network namespaces hang together, and what an edge and
// an agent make of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cmd/diag/daemon_places.hpp"
#include "core/topology/graph.hpp"

namespace CLI {
class App;
}

namespace cmd {

struct TopologyOptions : DaemonPlaces {
  std::string netns;                 // path or name; empty: where this process is
  bool all = false;                  // namespaces that nothing leads to, too
  std::optional<std::size_t> depth;  // cables from the beginning
  std::string format = "text";
};

// The subcommand and its options; `options` must outlive the parsing.
CLI::App* add_topology(CLI::App& app, TopologyOptions& options);
// Throws core::Error.
core::topology::Graph topology_graph(const TopologyOptions& options);
// The exit status. Throws core::Error.
int topology(const TopologyOptions& options);

}  // namespace cmd
