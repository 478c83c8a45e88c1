#include "cmd/diag/planned_promise.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "cmd/diag/promise.hpp"
#include "cmd/edge/collect_status.hpp"
#include "cmd/edge/options/options.hpp"
#include "core/error.hpp"
#include "kube/source/manifest_source.hpp"
#include "net/kernel.hpp"

namespace cmd {
namespace {

using core::packet::Promise;

constexpr kube::Kinds traced_kinds = {core::Kind::mapping,        core::Kind::service,
                                      core::Kind::endpoint_slice, core::Kind::address_pool,
                                      core::Kind::egress,         core::Kind::pod};

std::unique_ptr<kube::Source> open(const std::string& manifests) {
  return kube::open_manifests({.directory = manifests, .kinds = traced_kinds, .watch = false});
}

}  // namespace

PlannedPromise::PlannedPromise(const std::string& manifests) : manifests_(manifests) {
  const auto source = open(manifests);
  objects_ = source->take();
  egresses_.take(objects_);
  const std::vector<kube::Problem> problems = source->problems();
  if (objects_.empty() && !problems.empty()) {
    throw core::Error(core::Error::Kind::usage,
                      problems.front().where + ": " + problems.front().reason);
  }
  for (const kube::Problem& problem : problems) {
    complaint_ += (complaint_.empty() ? "" : "; ") + problem.where + ": " + problem.reason;
  }
}

EdgeStatus PlannedPromise::edge_status(const net::Namespace& where) const {
  // As it would serve them: with the settings of this host's file and environment.
  const ResolvedOptions resolved = resolve_options({{"manifests", manifests_}});
  const core::EdgeSettings& settings = resolved.options.settings;
  const auto source = open(manifests_);
  EdgeStatus status;
  where.run([&] {
    const auto kernel = net::open_kernel(core::edge_scope(), false);
    kernel->follow_routes(core::external_names(settings));
    core::EdgePlan plan(settings);
    plan.update(kernel->host());
    plan.update(objects_);
    status = collect(plan, *source, *kernel);
  });
  return status;
}

std::vector<core::Address> PlannedPromise::addresses(const core::ObjectName& name) const {
  const core::Pod* const pod = egresses_.pod(name);
  return pod == nullptr ? std::vector<core::Address>() : pod->addresses;
}

std::optional<Promise> PlannedPromise::egress(const core::ObjectName& name,
                                              const core::Address& address) const {
  const core::Pod* const pod = egresses_.pod(name);
  if (pod == nullptr) return std::nullopt;
  core::ClientInput input;
  input.addresses = pod->addresses;
  for (const core::ObjectName& one : pod->egresses) {
    const core::Egress* const egress = egresses_.egress(one);
    if (egress != nullptr) input.egresses.push_back({*egress, egresses_.gateways(one), {}});
  }
  core::ClientSettings settings;
  settings.kept = core::private_ranges();
  const core::ClientPlan plan = core::plan_client(settings, input);
  const core::ClientDestination* best = nullptr;
  for (const core::ClientDestination& one : plan.destinations) {
    if (!one.destination.contains(address)) continue;
    if (best == nullptr || best->destination.length < one.destination.length) best = &one;
  }
  using Way = core::ClientDestination::Way;
  if (best == nullptr || best->way == Way::excluded || best->way == Way::pod) return std::nullopt;
  if (is_kept(settings.kept, address, best->destination)) return std::nullopt;
  const std::vector<core::Gateway> nat_pods = egresses_.gateways(best->egress);
  Promise promise;
  promise.kind = Promise::Kind::egress;
  promise.object = "Egress " + to_string(best->egress);
  promise.closed = nat_pods.empty();
  for (const core::Gateway& nat_pod : nat_pods) promise.sources.push_back(nat_pod.address);
  promise.draining = !nat_pods.empty() && std::ranges::all_of(nat_pods, &core::Gateway::draining);
  return promise;
}

}  // namespace cmd
