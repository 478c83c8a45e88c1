#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/install/text.hpp"

namespace cmd {
namespace {

using Part = InstallRequest::Part;

// What the command line said, beside the request itself.
struct Options {
  std::string format = "yaml";
  std::vector<std::string> node_selectors;
};

void add_monitor_address(CLI::App& app, InstallRequest& request, const std::string& when) {
  app.add_option_function<std::string>(
         "--monitor-address",
         [&request](const std::string& word) { request.node_monitor = word == "node"; },
         when +
             "where health and metrics are: loopback (the default), or node: on the node's "
             "address, for Prometheus to get them")
      ->check(CLI::IsMember({"loopback", "node"}))
      ->type_name("WHERE");
}

void add_image(CLI::App& app, InstallRequest& request, const std::string& help) {
  app.add_option("--image", request.image, help)->type_name("IMAGE");
}

void add_edge_options(CLI::App& app, InstallRequest& request, Options& options) {
  app.add_flag("--in-cluster", request.in_cluster,
               "A DaemonSet on nodes of the cluster; else credentials for edges outside");
  add_image(app, request, "The image with pona; wanted with --in-cluster");
  app.add_option("--node-selector", options.node_selectors,
                 "With --in-cluster: only nodes with this label; repeatable")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  app.add_option("--external-interfaces", request.external_interfaces,
                 "With --in-cluster: the edge's option of that name")
      ->type_name("REGEX");
  add_monitor_address(app, request, "With --in-cluster: ");
}

constexpr auto examples =
    "Examples:\n"
    "  pona install crds | kubectl apply -f -\n"
    "  pona install all | kubectl apply -f -\n"
    "  pona install all --in-cluster --image registry.example.com/pona:0.1.0 \\\n"
    "      --node-selector edge=yes | kubectl apply --server-side -f -\n"
    "  pona install edge --namespace edge | kubectl diff -f -\n"
    "  pona install controller --image registry.example.com/pona:0.1.0 | kubectl apply -f -\n"
    "  pona install agent --image registry.example.com/pona:0.1.0 | kubectl apply -f -\n"
    "  pona install rbac --smartnat-finalizers | kubectl apply -f -    # after SmartNat\n"
    "  pona install rbac -o json | jq '.items[].kind'\n"
    "\nExit status: 0 done, 1 failed, 2 usage.";

}  // namespace

int install(int argc, char** argv) {
  InstallRequest request;
  Options options;
  CLI::App app{"Print the manifests that a cluster needs, for kubectl apply -f -.", "pona install"};
  app.footer(examples);
  app.require_subcommand(1);

  CLI::App* const crds = app.add_subcommand("crds", "The kinds Mapping, AddressPool and Egress");
  CLI::App* const rbac = app.add_subcommand("rbac", "What an edge may do in the cluster");
  CLI::App* const edge = app.add_subcommand("edge", "The same, with the edge or its credentials");
  CLI::App* const controller = app.add_subcommand("controller", "The controller of Egresses");
  CLI::App* const agent =
      app.add_subcommand("agent", "The agents that lead pods to NAT pods, on each node");
  CLI::App* const all = app.add_subcommand("all", "All that edges need: crds and edge");
  for (CLI::App* const command : {crds, rbac, edge, controller, agent, all}) {
    add_output(*command, options.format, {"yaml", "json"})->capture_default_str();
    command->footer(examples);
  }
  for (CLI::App* const command : {rbac, edge, controller, agent, all}) {
    command
        ->add_option("-n,--namespace", request.ns, "The namespace of all that is not cluster-wide")
        ->type_name("NAMESPACE")
        ->capture_default_str();
  }
  for (CLI::App* const command : {rbac, all}) {
    command->add_flag("--smartnat-finalizers", request.smartnat_finalizers,
                      "Where SmartNat was: the edge may remove its finalizer from Mappings, too");
  }
  add_image(*controller, request, "The image with pona, of the controller and of NAT pods");
  add_image(*agent, request, "The image with pona, of the agents");
  add_monitor_address(*agent, request, "");
  for (CLI::App* const command : {edge, all}) add_edge_options(*command, request, options);
  if (const auto done = parse_words(app, argc, argv)) return *done;
  request.part = crds->parsed()         ? Part::crds
                 : rbac->parsed()       ? Part::rbac
                 : edge->parsed()       ? Part::edge
                 : controller->parsed() ? Part::controller
                 : agent->parsed()      ? Part::agent
                                        : Part::all;
  for (const std::string& text : options.node_selectors) add_node_selector(request, text);
  std::cout << (options.format == "json" ? install_json(request) : install_yaml(request));
  return 0;
}

}  // namespace cmd
