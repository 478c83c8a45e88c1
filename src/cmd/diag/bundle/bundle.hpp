// `pona diag bundle`: all that support asks for, as one file.
#pragma once

#include <string>

#include "cmd/diag/daemon_places.hpp"

namespace CLI {
class App;
}

namespace cmd {

struct BundleOptions : DaemonPlaces {
  std::string output;  // a path, "-"; empty: a name with host and time
  std::string netns;   // which namespace is "here"; empty: where this process is
  bool redact = false;
  std::string kubeconfig, context;
};

// The subcommand; the options are filled when `app` is parsed, and must outlive that.
CLI::App* add_bundle(CLI::App& app, BundleOptions& options);
// The exit status. Throws core::Error.
int bundle(const BundleOptions& options);

}  // namespace cmd
