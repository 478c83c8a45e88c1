#include "cmd/mapping/request.hpp"

#include <charconv>
#include <iostream>

#include "cmd/print.hpp"
#include "cmd/version.hpp"
#include "core/error.hpp"
#include "kube/api/kubeconfig.hpp"

namespace cmd {
namespace {

using core::Error;

[[noreturn]] void refuse(const std::string& why) { throw Error(Error::Kind::usage, why); }

}  // namespace

kube::DecodeOptions decode_options(const MappingRequest& request) {
  kube::DecodeOptions options;
  options.max_ports_per_mapping = request.max_ports;
  return options;
}

bool wants_cluster(const MappingRequest& request) {
  const bool named = !request.kubeconfig.empty() || !request.context.empty();
  if (request.manifests_given && named) {
    refuse(
        "--manifests is for files, --kubeconfig and --context are for a cluster: give one of them");
  }
  const bool cluster = named || (!request.manifests_given && !request.manifests_by_environment &&
                                 !kube::usual_config(kube::process_environment()).empty());
  const auto expect = [&](bool given, const char* option, const char* why) {
    if (!given) return;
    refuse(std::string(option) + ": " + why);
  };
  if (cluster) {
    expect(!request.file.empty(), "--file", "names a manifest, but this is for a cluster");
  } else {
    const auto* const why = "needs a cluster, but this is for manifests";
    expect(request.dry_run == "server", "--dry-run=server", why);
    expect(!request.wait.empty(), "--wait", why);
    expect(request.force_conflicts, "--force-conflicts", why);
  }
  expect(!request.wait.empty() && !request.dry_run.empty(), "--wait",
         "there is nothing to wait for in a dry run");
  return cluster;
}

OpenStore open_store(const MappingRequest& request) {
  if (!wants_cluster(request)) {
    return {kube::open_manifest_store({request.manifests, request.file, decode_options(request)}),
            false};
  }
  kube::ClusterStoreOptions options;
  options.config =
      kube::load_config({request.kubeconfig, request.context}, kube::process_environment());
  for (const std::string& warning : options.config.warnings) {
    print_line(std::cerr, "pona mapping: warning: " + warning);
  }
  options.user_agent = user_agent("mapping");
  options.force_conflicts = request.force_conflicts;
  options.dry_run_server = request.dry_run == "server";
  return {kube::open_cluster_store(std::move(options)), true};
}

std::chrono::seconds parse_wait(const std::string& text) {
  constexpr int longest = 24 * 60 * 60;
  std::string_view digits = text;
  const int unit = digits.ends_with('m') ? 60 : 1;
  if (digits.ends_with('m') || digits.ends_with('s')) digits.remove_suffix(1);
  int number = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < 1 || number > longest / unit) {
    refuse("--wait \"" + text + "\": seconds are wanted, like 60, 60s or 2m, at most a day");
  }
  return std::chrono::seconds(number * unit);
}

}  // namespace cmd
