// `pona diag merge`: what several hosts saw of one packet, as one trace.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cmd {

struct MergeOptions {
  std::vector<std::string> files;
  std::string format = "text";
  bool reply = false;
};

// The subcommand; the options are filled when `app` is parsed, and must outlive that.
CLI::App* add_merge(CLI::App& app, MergeOptions& options);
// The exit status. Throws core::Error that names the file.
int merge(const MergeOptions& options);

}  // namespace cmd
