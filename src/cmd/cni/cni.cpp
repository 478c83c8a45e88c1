// pona cni, also called as pona-cni: the CNI plugin. Every pod of the node waits for it, so it
// starts nothing that it does not need: no CLI11, no logger, no HTTP.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/cni/plugin.hpp"
#include "cmd/node/call_agent.hpp"
#include "cmd/node/sandbox_record.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

constexpr int usage = 2;

constexpr std::string_view help =
    "The CNI plugin: records pods for pona's agent, and has it prepare those that use an Egress\n"
    "\n"
    "Usage: pona cni < NETCONF\n"
    "\n"
    "Called by container runtimes, as the last of a chain, with CNI_COMMAND (ADD, DEL, CHECK, GC,\n"
    "STATUS, VERSION) and CNI's other variables in the environment; the answer is JSON. Versions\n"
    "0.3.0 to 1.1.0 of the specification. Keys of the netconf: socket, stateDir, timeoutSeconds;\n"
    "see pona-cni(8).\n"
    "\n"
    "Options:\n"
    "  -h,--help                   Print this help message and exit\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage.\n";

std::string read_input() {
  std::string text;
  std::vector<char> buffer(std::size_t{64} << 10);
  for (;;) {
    const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    // Nobody gives VERSION a standard input by hand; without one the text is no JSON, and told so.
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

Environment read_environment() {
  constexpr std::string_view prefix = "CNI_";
  Environment found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (text.starts_with(prefix) && equals != std::string_view::npos) {
      found.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return found;
}

}  // namespace

int cni(int argc, char** argv) {
  if (argc > 1) {
    const std::string_view word = argv[1];
    if (argc == 2 && (word == "--help" || word == "-h")) {
      std::cout << help;
      return 0;
    }
    print_line(std::cerr, "pona cni: \"" + std::string(word) +
                              "\" is not understood; \"pona cni --help\" tells more");
    return usage;
  }
  const CniEffects effects = {
      [](const std::string& path) { return netns_cookie_inside(net::Namespace::open(path)); },
      call_agent,
  };
  const Environment environment = read_environment();
  // By hand, without the variable, nobody is going to type a netconf.
  const std::string input = environment.contains("CNI_COMMAND") ? read_input() : std::string();
  const CniReply reply = answer_cni(environment, input, effects);
  print_lines(std::cerr, reply.note);
  std::cout << reply.output;
  return reply.status;
}

}  // namespace cmd
