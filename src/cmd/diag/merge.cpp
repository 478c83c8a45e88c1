#include "cmd/diag/merge.hpp"

#include <CLI/CLI.hpp>
#include <utility>

#include "cmd/command_line.hpp"
#include "cmd/diag/print_trace.hpp"
#include "cmd/diag/trace_json.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/merge.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "os/read_file.hpp"

namespace cmd {

CLI::App* add_merge(CLI::App& app, MergeOptions& options) {
  CLI::App* const command =
      app.add_subcommand("merge", "Join what several hosts saw of one packet");
  command->footer(
      "On each host but the one that sends, wait for the packet first:\n"
      "  pona diag trace --watch 192.0.2.77 to 10.1.0.11:8080 --json > node.json\n\n"
      "Example:\n"
      "  pona diag merge client.json node.json");
  command->add_option("file", options.files, "What pona diag trace --json printed")
      ->type_name("FILE")
      ->required()
      ->expected(2, 64);
  command->add_flag("--reply", options.reply, "Show the answer's steps, too");
  add_output(*command, options.format, {"text", "json", "jsonl", "mermaid", "dot"});
  return command;
}

int merge(const MergeOptions& options) {
  std::vector<core::packet::Trace> traces;
  for (const std::string& file : options.files) {
    try {
      traces.push_back(parse_trace(os::read_file(file)));
    } catch (const core::Error& error) {
      throw core::Error(core::Error::Kind::usage, file + ": " + error.what());
    }
  }
  std::string complaint;
  const core::packet::Trace whole = core::packet::merge(std::move(traces), complaint);
  if (!complaint.empty()) {
    throw core::Error(core::Error::Kind::usage, "the traces cannot be joined: " + complaint);
  }
  core::packet::TextOptions text;
  text.reply = options.reply;
  print_traces({whole}, options.format, text);
  return core::packet::exit_status(whole.result);
}

}  // namespace cmd
