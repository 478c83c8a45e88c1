#include "cmd/edge/source.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "cmd/version.hpp"
#include "kube/edge/cluster_source.hpp"
#include "kube/source/joined_source.hpp"
#include "kube/source/manifest_source.hpp"
#include "kube/source/persistent_source.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

constexpr auto read_limit = 15s;

kube::ClientConfig load(const EdgeOptions& options) {
  const kube::Environment environment = kube::process_environment();
  if (options.kubeconfig == "in-cluster") return kube::load_in_cluster(environment);
  const std::string file = options.kubeconfig == "auto" ? std::string() : options.kubeconfig;
  return kube::load_config({file, options.context}, environment);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') return "edge";
  return name.data();
}

std::unique_ptr<kube::Source> open_cluster(const EdgeOptions& options, Purpose purpose,
                                           const std::function<void(const std::string&)>& warn) {
  kube::ClusterOptions cluster;
  cluster.config = load(options);
  cluster.user_agent = user_agent("edge");
  cluster.max_ports_per_mapping = options.max_ports_per_mapping;
  cluster.node = options.node_name;
  cluster.ns = options.lease_namespace;
  cluster.max_addresses_per_service = options.max_addresses_per_service;
  if (purpose == Purpose::serve && options.report) {
    cluster.instance = options.instance_name.empty() ? host_name() : options.instance_name;
  }
  for (const std::string& warning : cluster.config.warnings) warn(warning);
  kube::Memory memory;
  memory.file = saved_objects_file(options);
  memory.source = kube::to_string(cluster.config.cluster.server);
  memory.max_ports_per_mapping = options.max_ports_per_mapping;
  memory.read_only = purpose == Purpose::look;
  cluster.config.trust = options.trust;
  if (memory.file.empty()) return kube::open_cluster(cluster);
  return kube::remember(
      [&](const kube::Recalled& recalled) {
        // Another one is meant: what it lacks is no loss, and goes with its first list.
        const std::string& wanted = cluster.config.trust.cluster_uid;
        if (wanted.empty() || recalled.cluster.empty() || wanted == recalled.cluster) {
          cluster.known = recalled.objects;
          cluster.config.trust.known_uid = recalled.cluster;
        }
        return kube::open_cluster(cluster);
      },
      std::move(memory));
}

}  // namespace

std::filesystem::path saved_objects_file(const EdgeOptions& options) {
  const std::filesystem::path directory = options.state_dir;
  return directory.empty() ? directory : directory / "edge-objects.journal";
}

std::unique_ptr<kube::Source> open_source(const EdgeOptions& options, Purpose purpose,
                                          const std::function<void(const std::string&)>& warn) {
  std::unique_ptr<kube::Source> manifests;
  if (!options.manifests.empty()) {
    manifests = kube::open_manifests({.directory = options.manifests,
                                      .max_ports_per_mapping = options.max_ports_per_mapping,
                                      .watch = purpose == Purpose::serve});
  }
  if (options.kubeconfig.empty()) return manifests;
  auto cluster = open_cluster(options, purpose, warn);
  if (!manifests) return cluster;
  return kube::join(std::move(manifests), "the manifests", std::move(cluster));
}

core::ObjectChanges take_all(kube::Source& source, const EdgeOptions& options) {
  core::ObjectChanges all = source.take();
  const auto give_up = std::chrono::steady_clock::now() + read_limit;
  while (!options.kubeconfig.empty() && (!source.synced() || source.stale_since())) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    pollfd fd{source.wake_fd(), POLLIN, 0};
    poll(&fd, 1, static_cast<int>(left.count()));
    for (auto& [id, object] : source.take()) all.insert_or_assign(id, std::move(object));
  }
  return all;
}

std::string describe_source(const EdgeOptions& options) {
  if (options.kubeconfig.empty()) return options.manifests;
  const std::string context = options.context.empty() ? "" : ", context " + options.context;
  const std::string cluster = options.kubeconfig == "auto" ? "the cluster that kubectl takes"
                              : options.kubeconfig == "in-cluster"
                                  ? "this pod's cluster"
                                  : "the cluster of " + options.kubeconfig;
  return (options.manifests.empty() ? "" : options.manifests + " and ") + cluster + context;
}

std::string source_origin(const ResolvedOptions& resolved) {
  const std::string_view name = resolved.options.kubeconfig.empty() ? "manifests" : "kubeconfig";
  return std::ranges::find(resolved.effective, name, &EffectiveOption::name)->origin;
}

}  // namespace cmd
