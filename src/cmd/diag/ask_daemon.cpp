#include "cmd/diag/ask_daemon.hpp"

#include <linux/capability.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cmd/edge/ask_running.hpp"
#include "cmd/node/call_agent.hpp"
#include "cmd/print.hpp"
#include "cmd/serve/diag_answers.hpp"
#include "core/error.hpp"
#include "os/read_small_file.hpp"

namespace cmd {
namespace {

// Longer than a daemon lets a trace run.
constexpr std::chrono::seconds daemon_patience{80};

std::optional<DiagAnswer> ask_agent(const std::string& socket, const std::string& question) {
  if (access(socket.c_str(), F_OK) != 0) return std::nullopt;
  try {
    return parse_diag_answer(call_agent(
        socket, R"({"version":1,"command":"DIAG","words":)" + question + "}", daemon_patience));
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

std::optional<DiagAnswer> ask_edge_for(const std::string& socket, const std::string& question) {
  try {
    const auto text = ask_edge(socket, "/diag?words=", question, daemon_patience);
    return text ? parse_diag_answer(*text) : std::nullopt;
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

int print_answer(const DiagAnswer& answer, const std::string& who) {
  if (!answer.refusal.empty()) {
    throw core::Error(core::Error::Kind::permanent,
                      "this process lacks the privileges for a trace, and the " + who +
                          " refuses: " + answer.refusal);
  }
  print_line(std::cerr,
             "pona diag: traced by the " + who + ", as this process lacks the privileges for that");
  print_lines(std::cout, answer.output);
  print_lines(std::cerr, answer.errors);
  return answer.status;
}

}  // namespace

bool may_trace() {
  const std::string status = os::read_file_of_at_most(1 << 16, "/proc/self/status");
  const std::size_t field = status.find("CapEff:");
  if (field == std::string::npos) return true;
  const auto rights = std::strtoull(status.c_str() + field + 7, nullptr, 16);
  constexpr std::uint64_t needed = 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW;
  return (rights & needed) == needed;
}

std::optional<int> trace_by_daemon(const TraceOptions& options) {
  std::vector<std::string> words = words_of(options);
  words.insert(words.end(), {"--output", options.format});
  if (!options.cookie.empty()) words.insert(words.end(), {"--cookie", options.cookie});
  const std::string question = diag_question(words);
  if (const auto answer = ask_agent(options.agent_socket, question)) {
    return print_answer(*answer, "agent at " + options.agent_socket);
  }
  if (const auto answer = ask_edge_for(options.edge_socket, question)) {
    return print_answer(*answer, "edge at " + options.edge_socket);
  }
  return std::nullopt;
}

}  // namespace cmd
