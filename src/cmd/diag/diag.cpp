// `pona diag`: what happens to a packet, and why.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/diag/merge.hpp"
#include "cmd/diag/check/check.hpp"
#include "cmd/diag/topology.hpp"
#include "cmd/diag/trace.hpp"
#include "cmd/edge/ask_running.hpp"
#include "cmd/node/agent_protocol.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/text.hpp"

namespace cmd {
namespace {

constexpr std::size_t page_width = 80;

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

}  // namespace

int diag(int argc, char** argv) {
  CLI::App app("Say what happens to a packet, and why", "pona diag");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  pona diag trace pod/shop/web-1 to 198.51.100.10:443\n"
      "  pona diag trace 192.0.2.77 to 203.0.113.5:443\n"
      "  pona diag trace --explain PONA-D104\n"
      "  pona diag check");

  CheckOptions check_options;
  CLI::App* const check_app = add_check(app, check_options);
      "  pona diag topology -o svg");

  TraceOptions options;
  std::string code;
  bool udp = false, icmp = false, sctp = false, no_live = false;
  double timeout = 0;
  options.agent_sandboxes = default_sandbox_directory;
  options.agent_socket = default_agent_socket;
  options.edge_socket = default_edge_socket;
  CLI::App* const trace_app =
      app.add_subcommand("trace", "Follow a packet step by step, and its answer");
  trace_app->footer(
      "SOURCE is pod/NAMESPACE/NAME of a pod on this node, or an address: of this\n"
      "host, or of a client that is not here, whose packet comes in from outside.\n"
      "Without it the packet begins on this host. An arrow (->) in place of \"to\" has\n"
      "to be quoted: shells take it for a redirection.\n\n"
      "Rules and routes are read, then one real packet is sent to compare. Nothing is\n"
      "changed. It needs root.\n\n"
      "Exit status: 0 delivered, 1 it fails, 2 usage, 3 not known to the end,\n"
      "4 the model and the real packet differ, 5 privileges are missing.\n\n"
      "Examples:\n"
      "  pona diag trace pod/shop/web-1 to 198.51.100.10:443\n"
      "  pona diag trace 192.0.2.77 to 203.0.113.5:443\n"
      "  pona diag trace --from-netns blue 198.51.100.10:53 --udp\n"
      "  pona diag trace --explain PONA-D104");
  trace_app->add_option("flow", options.words, "[SOURCE to] ADDRESS:PORT")->type_name("");
  trace_app
      ->add_option("--from-netns", options.netns,
                   "Network namespace to begin in, by path or name (default: this one)")
      ->type_name("PATH");
  trace_app->add_option("--in", options.in, "Interface that a client from outside comes in by")
      ->type_name("INTERFACE");
  auto* const udp_flag = trace_app->add_flag("--udp", udp, "UDP in place of TCP");
  auto* const icmp_flag =
      trace_app->add_flag("--icmp", icmp, "An ICMP echo request")->excludes(udp_flag);
  trace_app->add_flag("--sctp", sctp, "SCTP in place of TCP; no packet is sent")
      ->excludes(udp_flag)
      ->excludes(icmp_flag);
  trace_app->add_flag("--reply", options.reply, "Show the answer's steps, too");
  trace_app->add_flag("--all-endpoints", options.all_endpoints,
                      "Each way that load balancing may choose");
  trace_app->add_flag("--rules", options.evaluated, "Show each rule that was looked at");
  trace_app->add_flag("--no-live", no_live, "Send no packet: say what rules and routes would do");
  trace_app->add_flag("--watch", options.watch,
                      "Send nothing: follow the next real packet of this flow");
  trace_app->add_option("--mark", options.mark, "Packet mark that the sender sets")
      ->type_name("NUMBER");
  trace_app
      ->add_option("--source-port", options.source_port,
                   "Port that it comes from (default: a free one)")
      ->type_name("PORT");
  trace_app->add_option("--ttl-limit", options.ttl, "Routers that it may pass (default 64)")
      ->check(CLI::Range(1, 255))
      ->type_name("HOPS");
  trace_app
      ->add_option("--timeout", timeout,
                   "How long to wait for the packet (default: 0.4, with --watch 30)")
      ->check(CLI::Range(0.05, 60.0))
      ->type_name("SECONDS");
  trace_app
      ->add_option("--explain", code, "Say what a code means (all: each one), and trace nothing")
      ->type_name("CODE");
  trace_app->add_option("--socket", options.edge_socket, "Unix socket of a running edge")
      ->type_name("PATH");
  trace_app->add_option("--agent-socket", options.agent_socket, "Unix socket of a running agent")
      ->type_name("PATH");
  trace_app
      ->add_option("--sandboxes", options.agent_sandboxes,
                   "Where the CNI plugin leaves its records")
      ->type_name("DIRECTORY");
  add_output(*trace_app, options.format, {"text", "json", "jsonl", "mermaid", "dot"});

  std::vector<std::string> files;
  CLI::App* const merge_app =
      app.add_subcommand("merge", "Join what several hosts saw of one packet");
  merge_app->footer(
      "On each host but the one that sends, wait for the packet first:\n"
      "  pona diag trace --watch 192.0.2.77 to 10.1.0.11:8080 --json > node.json\n\n"
      "Example:\n"
      "  pona diag merge client.json node.json");
  merge_app->add_option("file", files, "What pona diag trace --json printed")
      ->type_name("FILE")
      ->required()
      ->expected(2, 64);
  merge_app->add_flag("--reply", options.reply, "Show the answer's steps, too");
  add_output(*merge_app, options.format, {"text", "json", "jsonl", "mermaid", "dot"});
  TopologyOptions topology_options;
  CLI::App* const topology_app = add_topology(app, topology_options);

  // The parser takes an arrow for an option.
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    if (std::string_view(argv[i]) != "->") words.emplace_back(argv[i]);
  }
  if (const auto done = parse_words(app, std::move(words))) return *done;
  if (merge_app->parsed()) return merge_traces(files, options.format, options.reply);
  if (check_app->parsed()) return check(check_options);
  if (topology_app->parsed()) return topology(topology_options);
  if (!code.empty()) return explain_code(code);
  if (udp) options.protocol = core::packet::udp;
  if (icmp) options.protocol = core::packet::icmp;
  if (sctp) options.protocol = core::packet::sctp;
  options.live = !no_live;
  options.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(timeout * 1000));
  return trace(options);
}

}  // namespace cmd
