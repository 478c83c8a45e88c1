// The command line of `pona diag trace`, and what its codes mean.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <string>

#include "cmd/command_line.hpp"
#include "cmd/diag/explain.hpp"
#include "cmd/diag/trace.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "core/packet/packet.hpp"

namespace cmd {
namespace {

constexpr std::size_t page_width = 80;

}  // namespace

int explain_code(const std::string& text) {
  if (text == "all") {
    for (const core::packet::Code& one : core::packet::codes()) {
      if (&one != core::packet::codes().data()) print_line(std::cout, "");
      for (const std::string& line : core::packet::explain(one.number, page_width)) {
        print_line(std::cout, line);
      }
    }
    return 0;
  }
  const core::packet::Code* const code = core::packet::find_code(text);
  if (code == nullptr) {
    throw core::Error(
        core::Error::Kind::usage,
        "there is no code \"" + text + "\": say one as PONA-D104 or policy-drop, or all");
  }
  for (const std::string& line : core::packet::explain(code->number, page_width)) {
    print_line(std::cout, line);
  }
  return 0;
}

std::vector<std::string> words_of(const TraceOptions& options) {
  std::vector<std::string> words;
  const auto flag = [&](bool set, const char* word) {
    if (set) words.emplace_back(word);
  };
  const auto value = [&](bool set, const char* word, const std::string& text) {
    if (set) words.insert(words.end(), {word, text});
  };
  flag(options.protocol == core::packet::udp, "--udp");
  flag(options.protocol == core::packet::icmp, "--icmp");
  flag(options.protocol == core::packet::sctp, "--sctp");
  flag(options.reply, "--reply");
  flag(options.all_endpoints, "--all-endpoints");
  flag(options.evaluated, "--rules");
  flag(!options.live, "--no-live");
  flag(options.watch, "--watch");
  value(options.mark != 0, "--mark", std::to_string(options.mark));
  value(options.source_port != 0, "--source-port", std::to_string(options.source_port));
  value(options.ttl != TraceOptions().ttl, "--ttl-limit", std::to_string(options.ttl));
  value(options.timeout > 0, "--timeout", std::to_string(options.timeout));
  value(!options.in.empty(), "--in", options.in);
  value(!options.netns.empty(), "--from-netns", options.netns);
  value(!options.manifests.empty(), "--manifests", options.manifests);
  words.insert(words.end(), options.words.begin(), options.words.end());
  return words;
}

CLI::App* add_trace(CLI::App& app, TraceOptions& options) {
  CLI::App* const command =
      app.add_subcommand("trace", "Follow a packet step by step, and its answer");
  command->footer(
      "SOURCE is pod/NAMESPACE/NAME of a pod on this node, or an address: of this\n"
      "host, or of a client that is not here, whose packet comes in from outside.\n"
      "Without it the packet begins on this host. An arrow (->) in place of \"to\" has\n"
      "to be quoted: shells take it for a redirection.\n\n"
      "With --bundle FILE it is told from what \"pona diag bundle\" has collected,\n"
      "on any machine and without root; --from-netns is then a name in the bundle.\n\n"
      "Rules and routes are read, then one real packet is sent to compare. Nothing is\n"
      "changed. It needs root.\n\n"
      "Exit status: 0 delivered, 1 it fails, 2 usage, 3 not known to the end,\n"
      "4 the model and the real packet differ, 5 privileges are missing.\n\n"
      "Examples:\n"
      "  pona diag trace pod/shop/web-1 to 198.51.100.10:443\n"
      "  pona diag trace 192.0.2.77 to 203.0.113.5:443\n"
      "  pona diag trace --context production pod/shop/web-1 to 198.51.100.10:443\n"
      "  pona diag trace --from-netns blue 198.51.100.10:53 --udp\n"
      "  pona diag trace --bundle node-1.tar.gz pod/shop/web-1 to 198.51.100.10:443\n"
      "  pona diag trace --explain PONA-D104");
  command->add_option("flow", options.words, "[SOURCE to] ADDRESS:PORT")->type_name("");
  command
      ->add_option("--from-netns", options.netns,
                   "Network namespace to begin in, by path or name (default: this one)")
      ->type_name("PATH");
  CLI::Option* const manifests = command->add_option(
      "--manifests", options.manifests,
      "Directory of objects that say what is promised, and which address a pod has, "
      "in place of the edge or agent of this host");
  manifests->type_name("DIR");
  command->add_option("--in", options.in, "Interface that a client from outside comes in by")
      ->type_name("INTERFACE");
  const auto sends = [&](const char* flag, std::uint8_t protocol, const char* help) {
    return command->add_flag_callback(
        flag, [&options, protocol] { options.protocol = protocol; }, help);
  };
  CLI::Option* const udp = sends("--udp", core::packet::udp, "UDP in place of TCP");
  CLI::Option* const icmp = sends("--icmp", core::packet::icmp, "An ICMP echo request");
  icmp->excludes(udp);
  sends("--sctp", core::packet::sctp, "SCTP in place of TCP")->excludes(udp)->excludes(icmp);
  command->add_flag("--reply", options.reply, "Show the answer's steps, too");
  command->add_flag("--all-endpoints", options.all_endpoints,
                    "Each way that load balancing may choose");
  command->add_flag("--rules", options.evaluated, "Show each rule that was looked at");
  command->add_flag_callback(
      "--no-live", [&options] { options.live = false; },
      "Send no packet: say what rules and routes would do");
  CLI::Option* const watch = command->add_flag(
      "--watch", options.watch, "Send nothing: follow the next real packet of this flow");
  CLI::Option* const bundle = command->add_option(
      "--bundle", options.bundle, "Ask this bundle in place of this machine; no packet is sent");
  bundle->excludes(watch)->excludes(manifests)->type_name("FILE");
  command
      ->add_option("--cookie", options.cookie,
                   "What the packet is known by on each host; with --watch who sends it is another "
                   "one")
      ->type_name("NUMBERS");
  CLI::Option* const stop =
      command->add_flag("--stop-on-input", options.stop_on_input,
                        "With --watch: wait no longer once standard input has a line, or ends");
  stop->needs(watch);
  command
      ->add_option("--kubeconfig", options.kubeconfig,
                   "Run it where the pod is, in this file's cluster (default: on this host)")
      ->excludes(bundle)
      ->excludes(manifests)
      ->type_name("FILE");
  command->add_option("--context", options.context, "Likewise: the context of the kubeconfig")
      ->type_name("NAME");
  command
      ->add_option("-n,--namespace", options.ns,
                   "Where pona's agents run in that cluster (default: pona-system)")
      ->type_name("NAMESPACE");
  command->add_option("--mark", options.mark, "Packet mark that the sender sets")
      ->type_name("NUMBER");
  command
      ->add_option("--source-port", options.source_port,
                   "Port that it comes from (default: a free one)")
      ->type_name("PORT");
  command->add_option("--ttl-limit", options.ttl, "Routers that it may pass (default 64)")
      ->check(CLI::Range(1, 255))
      ->type_name("HOPS");
  command
      ->add_option("--timeout", options.timeout,
                   "How long to wait for the packet (default: 0.4, with --watch 30)")
      ->check(CLI::Range(0.05, 60.0))
      ->type_name("SECONDS");
  command
      ->add_option("--explain", options.explain,
                   "Say what a code means (all: each one), and trace nothing")
      ->type_name("CODE");
  add_daemon_places(*command, options);
  add_output(*command, options.format, {"text", "json", "jsonl", "mermaid", "dot"});
  return command;
}

}  // namespace cmd
