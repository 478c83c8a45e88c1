// `pona diag trace`: what becomes of a packet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cmd/diag/daemon_places.hpp"

namespace CLI {
class App;
}

namespace cmd {

struct TraceOptions : DaemonPlaces {
  std::vector<std::string> words;
  std::string netns;      // path or name; empty: where this process is
  std::string manifests;  // directory of objects, asked in place of the daemons; empty: none
  std::string bundle;     // a file that is asked in place of this machine; empty: none
  std::string in;  // the interface that a client from outside comes in by; empty: as it seems
  std::uint8_t protocol = 6;
  bool reply = false;
  bool all_endpoints = false;
  bool live = true;
  bool watch = false;
  bool evaluated = false;
  std::uint32_t ttl = 64;
  std::uint32_t mark = 0;
  std::uint16_t source_port = 0;  // 0: one that is not in use
  double timeout = 0;             // seconds; 0: as long as needed
  std::string cookie;             // what the packet is known by; empty: a random one
  bool stop_on_input = false;     // waits no longer once something comes on standard input
  // Of a cluster in which it is to run; all empty: on this host.
  std::string kubeconfig;
  std::string context;
  std::string ns = "pona-system";  // where pona's pods are
  std::string explain;             // a code: says what it means, and traces nothing
  std::string format = "text";
};

// The subcommand; the options are filled when `app` is parsed, and must outlive that.
CLI::App* add_trace(CLI::App& app, TraceOptions& options);
// The same on a command line, but for the cookie and what is of this host: sockets, directories,
// clusters and the form of the output.
std::vector<std::string> words_of(const TraceOptions& options);
// The exit status. Throws core::Error.
int trace(const TraceOptions& options);

}  // namespace cmd
