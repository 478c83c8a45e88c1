// The command line of `pona agent`.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "cmd/agent/plugin_upkeep.hpp"
#include "cmd/agent/run.hpp"
#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"

namespace cmd {

int agent(int argc, char** argv) {
  CLI::App app{
      "Run on each node: route traffic of pods that use an Egress to its NAT pods, and tell these "
      "about them.",
      "pona agent"};
  app.footer(
      "Examples:\n"
      "  pona agent --node-name $(hostname) --kubeconfig /etc/kubernetes/agent.conf\n"
      "  pona agent --exclude 10.128.0.0/9,172.20.0.0/16\n"
      "  pona agent --install-cni --cni-conf-dir /etc/cni/net.d\n"
      "  pona agent --uninstall-cni\n\n"
      "SIGHUP: compares everything with the kernel.");
  AgentOptions options;
  std::vector<std::string> excluded;
  unsigned probe_interval = 300, acknowledge = 2000;
  options.probe_port = core::constants::probe_port;
  if (const char* node = std::getenv("NODE_NAME")) options.node = node;
  app.add_option("--node-name", options.node, "This node's name in the cluster")
      ->type_name("NAME")
      ->envname("NODE_NAME");
  add_source_options(app, options.service);
  app.add_option("--exclude", excluded,
                 "The cluster's own ranges (pods, Services, nodes), in addition to private ones: "
                 "an Egress\n"
                 "takes of them only what its destinations name more exactly")
      ->type_name("CIDR,...")
      ->delimiter(',');
  app.add_option("--socket", options.socket,
                 "Unix socket of the CNI plugin and of pona egress (default /run/pona/agent.sock)")
      ->type_name("PATH");
  app.add_option("--sandboxes", options.sandboxes,
                 "Where the CNI plugin leaves what it knows (default /run/pona/sandboxes)")
      ->type_name("DIR");
  add_fou_options(app, options.settings.client.fou_port, options.settings.client.checksum);
  app.add_option("--probe-port", options.probe_port,
                 "UDP port at which NAT pods answer (default 5556)")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  app.add_option("--probe-interval", probe_interval,
                 "Milliseconds between probes of a NAT pod; 0: no probes (default 300)")
      ->type_name("N")
      ->check(CLI::Range(0, 60000));
  app.add_option("--probe-misses", options.settings.paths.misses,
                 "Unanswered probes in a row before a NAT pod counts as dead (default 3)")
      ->type_name("N")
      ->check(CLI::Range(1, 100));
  app.add_option("--acknowledge", acknowledge,
                 "Milliseconds that a starting pod waits until its NAT pods know it (default 2000)")
      ->type_name("N")
      ->check(CLI::Range(0, 60000));
  auto* const install = app.add_flag(
      "--install-cni", options.install_cni,
      "Put the CNI plugin into the node's directories, and keep it in their configuration");
  app.add_flag("--cni-own-list", options.own_list,
               "Put a list of its own before that configuration instead of changing it, so that a\n"
               "program that rewrites it at boot does not remove the plugin")
      ->needs(install);
  app.add_flag("--uninstall-cni", options.uninstall_cni,
               "Only take it out of the configuration again; no agent may run with --install-cni")
      ->excludes(install);
  app.add_option("--cni-bin-dir", options.cni_bin,
                 "Where the runtime finds plugins (default /opt/cni/bin)")
      ->type_name("DIR");
  app.add_option("--cni-conf-dir", options.cni_conf,
                 "Where the runtime finds their configuration (default /etc/cni/net.d)")
      ->type_name("DIR");
  add_listen_options(app, options.service, core::Address::parse("127.0.0.1"), 9391, 9391);
  add_log_options(app, options.service);
  if (const auto done = parse_words(app, argc, argv)) return *done;
  if (options.uninstall_cni) return uninstall_cni(options.cni_conf);
  if (options.node.empty()) {
    throw core::Error(core::Error::Kind::usage, "--node-name or NODE_NAME is needed");
  }
  options.settings.client.kept = core::private_ranges();
  for (const core::Prefix& prefix : parse_prefixes("--exclude", excluded)) {
    options.settings.client.kept.push_back(prefix.masked());
  }
  options.settings.paths.enabled = probe_interval != 0;
  if (probe_interval != 0) {
    options.settings.paths.interval = std::chrono::milliseconds(probe_interval);
  }
  options.settings.acknowledge = options.settings.paths.grace =
      std::chrono::milliseconds(acknowledge);
  options.settings.node = options.node;
  options.settings.resync = options.service.resync;
  options.settings.client.probe_port = options.probe_port;
  return run_agent(options);
}

}  // namespace cmd
