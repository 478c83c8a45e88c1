#include "cmd/diag/merge.hpp"

#include <utility>

#include "cmd/diag/print_trace.hpp"
#include "cmd/diag/trace_json.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/merge.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "os/read_file.hpp"

namespace cmd {

int merge_traces(const std::vector<std::string>& files, const std::string& format, bool reply) {
  std::vector<core::packet::Trace> traces;
  for (const std::string& file : files) {
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
  text.reply = reply;
  print_traces({whole}, format, text);
  return core::packet::exit_status(whole.result);
}

}  // namespace cmd
