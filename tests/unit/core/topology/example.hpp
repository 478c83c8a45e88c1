// Topologies to look at: an edge with its surroundings, a node with Egresses, of any size.
#pragma once

#include <cstddef>

#include "core/topology/graph.hpp"

namespace unit::topology_example {

// A client, an edge, and `pods` pods behind a switch, each endpoint of a Mapping but the last one.
core::topology::Graph edge(std::size_t pods);
// The same with what can fail: a link is down, MTUs differ, a Mapping has no endpoints, one is
// rejected.
core::topology::Graph broken_edge();
// A node with `pods` pods of several workloads, the first two NAT pods of an Egress whose client is
// each third one; one NAT pod is on another node and drains, one is dead.
core::topology::Graph node(std::size_t pods);

}  // namespace unit::topology_example
