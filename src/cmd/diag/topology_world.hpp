// Namespaces and cables of this machine as a topology.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cmd/diag/places.hpp"
#include "core/ip.hpp"
#include "core/topology/graph.hpp"
#include "net/netns.hpp"
#include "net/view/live_world.hpp"

namespace cmd {

class TopologyWorld {
 public:
  // `places` must outlive this.
  explicit TopologyWorld(const Places& places);

  // Adds a namespace and, up to `depth` cables from it, what hangs on it. Throws core::Error where
  // it cannot be looked at.
  void follow(net::Namespace start, std::optional<std::size_t> depth);
  // All others that have a name or a process, each with what hangs on it.
  void follow_all();
  // The cables between all that are there, and to the network outside.
  void connect();

  [[nodiscard]] core::topology::Graph& graph() { return graph_; }
  // The node of a namespace, by its path. Nothing: it is not in the picture, or not there.
  std::optional<std::size_t> node_at(const std::string& path);
  // Who has an address; one elsewhere by its name where nobody here has it.
  std::size_t node_with(const core::Address& address, const std::string& name);
  std::size_t node_elsewhere(const std::string& name);

 private:
  bool add_node(std::size_t place);

  const Places& places_;
  net::view::LiveWorld world_;
  core::topology::Graph graph_;
  std::map<std::size_t, std::size_t> nodes_;                                 // by place
  std::map<std::pair<std::size_t, std::uint32_t>, std::size_t> interfaces_;  // by place and index
  std::map<core::Address, std::size_t> holders_;
  bool holders_known_ = false;
  std::map<std::string, std::size_t> elsewhere_;
};

}  // namespace cmd
