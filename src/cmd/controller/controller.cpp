// The command line of `pona controller`.
#include <CLI/CLI.hpp>
#include <string>

#include "cmd/applets.hpp"
#include "cmd/controller/run.hpp"

namespace cmd {
namespace {

constexpr int usage_error = 2;

}  // namespace

int controller(int argc, char** argv) {
  CLI::App app{
      "Make NAT pods, and all that they need, of the Egresses in a cluster, and write their "
      "status.",
      "pona controller"};
  app.footer(
      "Of several controllers one works, elected by a Lease.\n\n"
      "Examples:\n"
      "  pona install controller --image registry.example.com/pona:0.1.0 | kubectl apply -f -\n"
      "  pona controller --image registry.example.com/pona:0.1.0 --kubeconfig ~/.kube/config\n\n"
      "Exit status: 0 told to stop, 1 failed, 2 usage_error.");
  ControllerRunOptions options;
  app.add_option("--image", options.workload.image,
                 "Image of NAT pods, where an Egress's template names none")
      ->type_name("IMAGE")
      ->required();
  app.add_option("--image-pull-policy", options.workload.image_pull_policy,
                 "Of that image: Always, IfNotPresent or Never (default: as the cluster takes it)")
      ->type_name("POLICY")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
  app.add_option("--kubeconfig", options.service.kubeconfig,
                 "in-cluster (the default), or a file that says how to reach the API server")
      ->type_name("FILE");
  app.add_option("--context", options.service.context,
                 "Context of that file (default: its current one)")
      ->type_name("NAME");
  app.add_option("--instance-name", options.instance,
                 "Its name in Events and in the Lease (default: the host's)")
      ->type_name("NAME");
  app.add_option("--lease-namespace", options.lease_ns,
                 "Namespace of the Lease pona-controller (default pona-system)")
      ->type_name("NAMESPACE");
  auto* const agents =
      app.add_option("--agent-namespace", options.workload.agent_ns,
                     "Namespace of the agents' account pona-agent (default: that of the Lease)")
          ->type_name("NAMESPACE");
  add_listen_options(app, options.service, 8080, 8081);
  add_log_options(app, options.service);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  if (!*agents) options.workload.agent_ns = options.lease_ns;
  return run_controller(options);
}

}  // namespace cmd
