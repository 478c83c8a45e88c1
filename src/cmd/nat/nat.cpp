// The command line of `pona nat`.
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/nat/run.hpp"
#include "cmd/serve/service_options.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw core::Error(core::Error::Kind::usage, text);
}

}  // namespace

int nat(int argc, char** argv) {
  CLI::App app{
      "Run in a NAT pod: take the traffic of an Egress's clients out of their tunnels and send it "
      "on with this pod's address.",
      "pona nat"};
  app.footer(
      "In a NAT pod that the controller made, no option is needed.\n\n"
      "Examples:\n"
      "  pona nat --egress internet/egress --address 10.64.0.5 --kubeconfig in-cluster\n"
      "  pona nat --egress internet/egress --address 10.64.0.5 --manifests /etc/pona/egress\n"
      "  pona nat ... --dry-run\n\n"
      "SIGTERM: no longer ready; ends when the clients' connections have, or drainSeconds of the\n"
      "Egress are over. Once more: ends at once. SIGHUP: compares everything with the kernel.");
  NatOptions options;
  std::string egress;
  std::vector<std::string> own, snat, excluded;
  unsigned drain = 0;
  app.add_option("--egress", egress,
                 "Its Egress, NAMESPACE/NAME (default: PONA_POD_NAMESPACE and PONA_EGRESS_NAME)")
      ->type_name("NAMESPACE/NAME");
  app.add_option("--address", own, "The pod's addresses, one of each family")
      ->type_name("ADDRESS,...")
      ->delimiter(',')
      ->envname("PONA_POD_ADDRESSES");
  app.add_option("--snat", snat,
                 "Clients leave with these instead of the outgoing interface's address")
      ->type_name("ADDRESS,...")
      ->delimiter(',');
  app.add_option(
         "--exclude", excluded,
         "The cluster's own ranges (pods, Services, nodes), in addition to private ones: clients\n"
         "reach of them only what the Egress's destinations name more exactly")
      ->type_name("CIDR,...")
      ->delimiter(',');
  add_source_options(app, options.service);
  add_listen_options(app, options.service, {}, 8080, 8081);
  options.probe_port = core::constants::probe_port;
  app.add_option("--probe-port", options.probe_port,
                 "UDP port where agents ask whether a client is known; 0: none (default 5556)")
      ->type_name("PORT");
  add_fou_options(app, options.settings.fou_port, options.settings.checksum);
  auto* drain_option =
      app.add_option("--drain-seconds", drain, "Instead of what the Egress says")->type_name("N");
  app.add_flag("--nat-log", options.nat_log,
               "Print a line of JSON for each new connection: pod, addresses, ports");
  app.add_flag("--dry-run", options.dry_run, "Print the changes that would be made; make none");
  add_log_options(app, options.service);
  if (const auto done = parse_words(app, argc, argv)) return *done;
  options.settings.egress = egress_name(egress);
  options.settings.addresses = parse_addresses("--address", own);
  options.settings.snat = parse_addresses("--snat", snat);
  for (const core::Prefix& prefix : parse_prefixes("--exclude", excluded)) {
    options.settings.kept.push_back(prefix.masked());
  }
  for (std::size_t i = 0; i < options.settings.addresses.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (options.settings.addresses[i].family() == options.settings.addresses[k].family()) {
        refuse("--address: at most one of each family");
      }
    }
  }
  if (options.settings.addresses.empty()) {
    refuse("--address or PONA_POD_ADDRESSES: the pod's addresses are needed");
  }
  if (*drain_option) options.drain = std::chrono::seconds(drain);
  return run_nat(options);
}

}  // namespace cmd
