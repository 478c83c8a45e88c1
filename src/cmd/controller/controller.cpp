// The command line of `pona controller`.
#include <CLI/CLI.hpp>
#include <string>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/controller/run.hpp"

namespace cmd {

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
      "Exit status: 0 stopped by a signal, 1 failed, 2 usage.");
  ControllerRunOptions options;
  app.add_option("--image", options.workload.image,
                 "Image of NAT pods, where an Egress's template names none")
      ->type_name("IMAGE")
      ->required();
  app.add_option("--image-pull-policy", options.workload.image_pull_policy,
                 "Of that image: Always, IfNotPresent or Never (default: as the cluster takes it)")
      ->type_name("POLICY")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
  app.add_option_function<std::string>(
         "--template-policy",
         [&options](const std::string& word) { options.workload.any_template = word == "any"; },
         "What templates of Egresses may ask of NAT pods: baseline (the default), which is what\n"
         "Pod Security's policy of that name lets pass, or any")
      ->type_name("POLICY")
      ->check(CLI::IsMember({"baseline", "any"}));
  add_cluster_options(app, options.service);
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
  add_listen_options(app, options.service, {}, 8080, 8081);
  add_log_options(app, options.service);
  if (const auto done = parse_words(app, argc, argv)) return *done;
  if (!*agents) options.workload.agent_ns = options.lease_ns;
  return run_controller(options);
}

}  // namespace cmd
