#include "cmd/diag/model/model.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "cmd/command_line.hpp"
#include "cmd/diag/bundle/read_bundle.hpp"
#include "cmd/diag/model/report_json.hpp"
#include "cmd/print.hpp"
#include "core/cluster_model/report.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

// Nothing is known, and who knows is said.
constexpr int not_known = 3;

std::size_t page_columns() {
  winsize size{};
  const bool known = isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
                     size.ws_col > 40;
  return known ? size.ws_col : 100;
}

int explain_model(const std::string& name) {
  std::string names;
  for (const std::string_view one : core::cluster_model::topic_names()) {
    const core::cluster_model::Topic* const topic = core::cluster_model::find_topic(one);
    names += (names.empty() ? "" : ", ") + std::string(one);
    if (name != "all") continue;
    for (const std::string& line : to_lines(*topic, 80)) print_line(std::cout, line);
    print_line(std::cout, "");
  }
  if (name == "all") return 0;
  const core::cluster_model::Topic* const topic = core::cluster_model::find_topic(name);
  if (topic == nullptr) {
    throw core::Error(core::Error::Kind::usage,
                      "\"" + name + "\" is none of the words to explain: " + names + ", all");
  }
  for (const std::string& line : to_lines(*topic, 80)) print_line(std::cout, line);
  return 0;
}

core::cluster_model::Evidence evidence_of_bundle(const std::string& path) {
  const auto bundle = open_bundle(path);
  if (bundle->model.empty()) {
    throw core::Error(core::Error::Kind::usage,
                      path + ": it has no " + std::string(model_file) +
                          "; its manifest says what was left out, and why");
  }
  try {
    return parse_model_evidence(bundle->model);
  } catch (const core::Error& error) {
    throw core::Error(error.kind(), path + ": " + std::string(model_file) + ": " + error.what());
  }
}

}  // namespace

CLI::App* add_model(CLI::App& app, ModelOptions& options) {
  CLI::App* const model_app = app.add_subcommand(
      "model", "Say which network model a cluster is, and where addresses are lost");
  model_app->footer(
      "Flat, isolated, island or archipelago, from what can be seen: the cluster's objects\n"
      "(of the usual kubeconfig), this host's routes, rules and CNI configuration. It only\n"
      "reads, and says what it cannot know. On a node, as root, it sees most.\n\n"
      "Exit status: 0 a model was found, 2 usage, 3 it is not known.\n\n"
      "Examples:\n"
      "  sudo pona diag model\n"
      "  pona diag model --manifests dump.yaml\n"
      "  pona diag model --bundle node-1.tar.gz\n"
      "  pona diag model --other-pods 10.245.0.0/16 --network 10.0.0.0/8\n"
      "  pona diag model --explain island");
  model_app
      ->add_option("--manifests", options.manifests,
                   "Objects from files (kubectl get … -o yaml), not the API server")
      ->type_name("PATH");
  model_app->add_flag("--here", options.here, "With --manifests: look at this host, too");
  model_app
      ->add_option("--bundle", options.bundle,
                   "Ask a file of pona diag bundle, in place of cluster and host")
      ->excludes(model_app->get_option("--manifests"))
      ->excludes(model_app->get_option("--here"))
      ->type_name("FILE");
  model_app
      ->add_option("--other-manifests", options.other_manifests,
                   "Objects of another cluster (its Nodes do)")
      ->type_name("PATH");
  model_app->add_option("--other-pods", options.other_pods, "Pod range of another cluster")
      ->type_name("RANGE");
  model_app
      ->add_option("--network", options.networks,
                   "Range of the network around (default: this host's subnet)")
      ->type_name("RANGE");
  model_app
      ->add_option("--from-netns", options.netns,
                   "Network namespace to take for the host (default: this one)")
      ->type_name("PATH");
  model_app->add_option("--kubeconfig", options.kubeconfig, "How to reach the API server")
      ->type_name("FILE");
  model_app->add_option("--context", options.context, "Of the kubeconfig")->type_name("NAME");
  model_app->add_option("--cni", options.cni, "Where the CNI configuration is")
      ->type_name("DIRECTORY");
  model_app->add_option("--explain", options.explain, "Say what a word means (all: each)")
      ->type_name("WORD");
  add_daemon_places(*model_app, options);
  add_output(*model_app, options.format, {"text", "json"});
  return model_app;
}

int diag_model(const ModelOptions& options) {
  if (!options.explain.empty()) return explain_model(options.explain);
  const core::cluster_model::Evidence evidence =
      options.bundle.empty() ? gather_model_evidence(options) : evidence_of_bundle(options.bundle);
  const core::cluster_model::Report report = core::cluster_model::judge(evidence);
  if (options.format == "json") {
    print_lines(std::cout, model_json(report, evidence));
  } else {
    for (const std::string& line : to_lines(report, evidence, page_columns()))
      print_line(std::cout, line);
  }
  const bool known = std::ranges::any_of(report.verdicts, [](const auto& one) {
    return one.model != core::cluster_model::Model::unknown;
  });
  return known ? 0 : not_known;
}

}  // namespace cmd
