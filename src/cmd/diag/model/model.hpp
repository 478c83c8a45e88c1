// `pona diag model`: which network model a cluster is, by which gateways traffic passes its edge,
// and what that costs.
#pragma once

#include <string>

#include "cmd/diag/model/evidence_document.hpp"

namespace CLI {
class App;
}

namespace cmd {

struct ModelOptions : ModelSources {
  std::string
      bundle;  // a file whose evidence is judged; empty: this host and cluster are looked at
  std::string explain;
  std::string format = "text";
};

// The subcommand and its options; `options` must outlive the parsing.
CLI::App* add_model(CLI::App& app, ModelOptions& options);
// The exit status. Throws core::Error.
int diag_model(const ModelOptions& options);

}  // namespace cmd
