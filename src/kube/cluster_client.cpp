#include "kube/cluster_client.hpp"

#include <algorithm>
#include <utility>

namespace kube {
namespace {

std::vector<Resource> resources() {
  return {
      {"smartnat.aureacentral.com", "v1alpha1", "mappings", "", "", "", false},
      {"", "v1", "services", "", "", "", false},
      // Slices that belong to no Service lead nowhere.
      {"discovery.k8s.io", "v1", "endpointslices", "kubernetes.io/service-name", "", "", false},
      {"pona.dev", "v1alpha1", "addresspools", "", "", "", true},
  };
}

}  // namespace

ClusterClient::ClusterClient(Transport& transport, Clock clock, ClusterClientOptions options)
    : transport_(transport), prefix_(options.context + "/") {
  const DecodeOptions decoding{options.max_ports_per_mapping, true, std::move(options.node)};
  const auto reduce = [decoding](const Node& node) { return decode(node, decoding); };
  for (Resource& resource : resources()) {
    reflectors_.push_back(
        std::make_unique<Reflector>(std::move(resource), transport_, clock, reduce));
  }
}

void ClusterClient::step() {
  for (const Arrival& arrival : transport_.take()) {
    for (const auto& reflector : reflectors_) {
      if (reflector->take(arrival)) break;
    }
  }
  for (const auto& reflector : reflectors_) reflector->step();
}

Time ClusterClient::due() const {
  Time due = Time::max();
  for (const auto& reflector : reflectors_) due = std::min(due, reflector->due());
  return due;
}

bool ClusterClient::synced() const {
  return std::all_of(reflectors_.begin(), reflectors_.end(),
                     [](const auto& reflector) { return reflector->settled(); });
}

bool ClusterClient::move_changes(core::ObjectChanges& into) {
  bool any = false;
  for (const auto& reflector : reflectors_) {
    for (auto& [id, object] : reflector->cache().take()) {
      into.insert_or_assign(id, std::move(object));
      any = true;
    }
  }
  return any;
}

std::optional<std::vector<Problem>> ClusterClient::new_problems(
    const std::vector<std::string>& credentials) {
  std::vector<std::string> state = credentials;
  for (const auto& reflector : reflectors_) {
    state.push_back(reflector->trouble());
    state.push_back(std::to_string(reflector->cache().problems_revision()));
  }
  if (state == told_) return std::nullopt;
  told_ = std::move(state);
  std::vector<Problem> problems;
  for (const std::string& problem : credentials) {
    problems.push_back({prefix_ + "credentials", problem});
  }
  for (const auto& reflector : reflectors_) {
    if (!reflector->trouble().empty()) {
      problems.push_back(
          {prefix_ + reflector->resource().plural,
           reflector->trouble() + (reflector->synced() ? "; what is known stays in effect" : "")});
    }
    reflector->cache().add_problems(prefix_, problems);
  }
  std::sort(problems.begin(), problems.end());
  return problems;
}

}  // namespace kube
