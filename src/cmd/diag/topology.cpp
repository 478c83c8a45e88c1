#include "cmd/diag/topology.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <utility>

#include "cmd/command_line.hpp"
#include "cmd/diag/places.hpp"
#include "cmd/diag/topology_json.hpp"
#include "cmd/diag/topology_objects.hpp"
#include "cmd/diag/topology_world.hpp"
#include "cmd/print.hpp"
#include "core/topology/print.hpp"

namespace cmd {

CLI::App* add_topology(CLI::App& app, TopologyOptions& options) {
  CLI::App* const topology_app = app.add_subcommand(
      "topology", "Show namespaces, cables, tunnels, mappings and egresses as one picture");
  topology_app->footer(
      "Begins on this host, and follows veth cables. What fails is marked: links that\n"
      "are down, MTUs that differ, mappings without endpoints, NAT pods that are dead.\n\n"
      "Examples:\n"
      "  pona diag topology\n"
      "  pona diag topology -o svg >network.svg\n"
      "  pona diag topology --from-netns blue --depth 1 -o mermaid");
  topology_app
      ->add_option("--from-netns", options.netns,
                   "Network namespace to begin in (default: this one)")
      ->type_name("PATH");
  topology_app->add_flag("--all", options.all, "Namespaces that no cable leads to, too");
  topology_app->add_option("--depth", options.depth, "How many cables to follow (default: all)")
      ->check(CLI::Range(0, 1000))
      ->type_name("CABLES");
  add_daemon_places(*topology_app, options);
  add_output(*topology_app, options.format, {"text", "json", "mermaid", "dot", "svg"});
  return topology_app;
}

core::topology::Graph topology_graph(const TopologyOptions& options) {
  const Places places(options.sandboxes);
  TopologyWorld world(places);
  world.follow(Places::open(options.netns), options.depth);
  if (options.all) world.follow_all();
  world.connect();
  add_edge(world, options.edge_socket);
  add_agent(world, options.agent_socket);
  core::topology::Graph& graph = world.graph();
  core::topology::assign_roles(graph);
  core::topology::mark_faults(graph);
  return std::move(graph);
}

int topology(const TopologyOptions& options) {
  const core::topology::Graph graph = topology_graph(options);
  if (options.format == "json") {
    print_lines(std::cout, topology_json(graph));
  } else if (options.format == "mermaid") {
    print_lines(std::cout, core::topology::to_mermaid(graph));
  } else if (options.format == "dot") {
    print_lines(std::cout, core::topology::to_dot(graph));
  } else if (options.format == "svg") {
    print_lines(std::cout, core::topology::to_svg(graph));
  } else {
    for (const std::string& line : core::topology::to_lines(graph)) print_line(std::cout, line);
  }
  return 0;
}

}  // namespace cmd
