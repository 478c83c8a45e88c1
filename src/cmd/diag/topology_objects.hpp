// What a running edge and a running agent say, as a part of a topology. Where none runs, nothing is
// added; where one does not answer, or is in no namespace of the picture, a note says so.
#pragma once

#include <string>

#include "cmd/diag/topology_world.hpp"

namespace cmd {

void add_edge(TopologyWorld& world, const std::string& socket);
void add_agent(TopologyWorld& world, const std::string& socket);

}  // namespace cmd
