// `pona diag`: what happens to a packet, and why. Each subcommand is a file.
#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/diag/bundle/bundle.hpp"
#include "cmd/diag/check/check.hpp"
#include "cmd/diag/explain.hpp"
#include "cmd/diag/merge.hpp"
#include "cmd/diag/model/model.hpp"
#include "cmd/diag/topology.hpp"
#include "cmd/diag/trace.hpp"
#include "cmd/diag/watch/watch.hpp"

namespace cmd {

int diag(int argc, char** argv) {
  CLI::App app("Say what happens to a packet, and why", "pona diag");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  pona diag trace pod/shop/web-1 to 198.51.100.10:443\n"
      "  pona diag trace 192.0.2.77 to 203.0.113.5:443\n"
      "  pona diag trace --explain PONA-D104\n"
      "  pona diag check\n"
      "  pona diag model\n"
      "  pona diag watch\n"
      "  pona diag bundle --redact");

  TraceOptions trace_options;
  MergeOptions merge_options;
  CheckOptions check_options;
  TopologyOptions topology_options;
  BundleOptions bundle_options;
  ModelOptions model_options;
  const CLI::App* const trace_app = add_trace(app, trace_options);
  const CLI::App* const merge_app = add_merge(app, merge_options);
  const CLI::App* const check_app = add_check(app, check_options);
  add_topology(app, topology_options);
  WatchOptions watch_options;
  const CLI::App* const watch_app = add_watch(app, watch_options);
  const CLI::App* const bundle_app = add_bundle(app, bundle_options);
  const CLI::App* const model_app = add_model(app, model_options);

  // The parser takes an arrow for an option.
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    if (std::string_view(argv[i]) != "->") words.emplace_back(argv[i]);
  }
  if (const auto done = parse_words(app, std::move(words))) return *done;
  if (merge_app->parsed()) return merge(merge_options);
  if (check_app->parsed()) return check(check_options);
  if (watch_app->parsed()) return watch(watch_options);
  if (bundle_app->parsed()) return bundle(bundle_options);
  if (model_app->parsed()) return diag_model(model_options);
  if (!trace_app->parsed()) return topology(topology_options);
  return trace_options.explain.empty() ? trace(trace_options) : explain_code(trace_options.explain);
}

}  // namespace cmd
