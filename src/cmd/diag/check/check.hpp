// `pona diag check`: what on a host keeps pona from its work, or soon will.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/diag/daemon_places.hpp"
#include "core/check/report.hpp"

namespace CLI {
class App;
}

namespace cmd {

struct CheckOptions : DaemonPlaces {
  std::vector<std::string> words;  // the role, and the pod's name
  bool all = false;
  bool fix_script = false;
  std::string fail_on = "error";
  std::string explain;
  std::string format = "text";
  std::string kubeconfig, context, manifests, state;
};

// The subcommand; the options are filled when `app` is parsed, and must outlive that.
CLI::App* add_check(CLI::App& app, CheckOptions& options);
// What was found; `progress` is told what is looked at. Throws core::Error.
core::check::Report check_report(const CheckOptions& options,
                                 const std::function<void(std::string_view)>& progress);
// The exit status. Throws core::Error.
int check(const CheckOptions& options);

}  // namespace cmd
