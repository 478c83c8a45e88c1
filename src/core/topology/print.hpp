// A topology for people and for other programs' drawings. JSON is not core's business.
#pragma once

#include <string>
#include <vector>

#include "core/topology/graph.hpp"

namespace core::topology {

// A tree for each node, each line without its end; then what fails.
std::vector<std::string> to_lines(const Graph& graph);
// Pictures, in which what is alike is one box: https://mermaid.js.org, graphviz(7), and an SVG that
// needs nothing else.
std::string to_mermaid(const Graph& graph);
std::string to_dot(const Graph& graph);
std::string to_svg(const Graph& graph);

}  // namespace core::topology
