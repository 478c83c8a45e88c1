#include "cmd/edge/collect_status.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "cmd/edge/read_elements.hpp"
#include "core/constants.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using core::EdgeSet;
using core::ForwardKey;

struct Counters {
  std::uint64_t arrived = 0;
  std::optional<std::uint64_t> admitted;  // of those, past the guards, where there are any
  std::optional<PortTraffic> traffic;
  std::uint64_t refused_source = 0;
  std::uint64_t refused_connections = 0;
  std::uint64_t refused_rate = 0;
};

class Counts {
 public:
  Counts() = default;
  Counts(net::Kernel& kernel, std::span<const core::Family> families) {
    for (const core::Family family : families) {
      const core::Counts counts =
          kernel.counts(family, {EdgeSet::services, EdgeSet::range_services, EdgeSet::guarded,
                                 EdgeSet::range_guarded, EdgeSet::traffic, EdgeSet::range_traffic,
                                 EdgeSet::refused_source, EdgeSet::refused_connections,
                                 EdgeSet::refused_rate, EdgeSet::endpoints});
      for (const auto& [key, count] : counts) add(key, count);
    }
  }

  [[nodiscard]] Counters of(const ForwardKey& key) const {
    const auto found = forwards_.find(first_of(key));
    return found == forwards_.end() ? Counters{} : found->second;
  }
  [[nodiscard]] std::uint64_t of_endpoint(core::Protocol protocol,
                                          const core::Backend& backend) const {
    const auto found = endpoints_.find({backend.address, protocol, backend.ports.first});
    return found == endpoints_.end() ? 0 : found->second;
  }

 private:
  void add(const core::ElementKey& key, const core::Count& count) {
    const auto set = key.set.as<EdgeSet>();
    const auto fields = fields_of(key);
    if (!set || !fields) return;
    const Target target = first_of(fields->key);
    if (*set == EdgeSet::endpoints) {
      endpoints_[target] += count.packets;
      return;
    }
    Counters& counters = forwards_[target];
    switch (*set) {
      case EdgeSet::services:
      case EdgeSet::range_services:
        counters.arrived = count.packets;
        break;
      case EdgeSet::guarded:
      case EdgeSet::range_guarded:
        counters.admitted = count.packets;
        break;
      case EdgeSet::traffic:
      case EdgeSet::range_traffic: {
        if (!counters.traffic) counters.traffic.emplace();
        TrafficStatus& traffic =
            fields->direction == 0 ? counters.traffic->received : counters.traffic->sent;
        traffic.packets += count.packets;
        traffic.bytes += count.bytes;
        break;
      }
      case EdgeSet::refused_source:
        counters.refused_source += count.packets;
        break;
      case EdgeSet::refused_connections:
        counters.refused_connections += count.packets;
        break;
      case EdgeSet::refused_rate:
        counters.refused_rate += count.packets;
        break;
      default:
        break;
    }
  }

  std::unordered_map<Target, Counters, TargetHash> forwards_;
  std::unordered_map<Target, std::uint64_t, TargetHash> endpoints_;
};

PortStatus port_status(const core::Forward& forward, const Counts& counts) {
  PortStatus port;
  port.address = to_string(forward.key.address);
  port.protocol = to_string(forward.key.protocol);
  port.ports = to_string(forward.key.ports);
  port.service = forward.service.name.empty() ? "" : to_string(forward.service);
  port.active = forward.active;
  const Counters counters = counts.of(forward.key);
  // Where nobody serves, what was counted was refused.
  (forward.slots.empty() ? port.refused_endpoints : port.connections) =
      counters.admitted.value_or(counters.arrived);
  port.traffic = counters.traffic;
  port.refused_source = counters.refused_source;
  port.refused_connections = counters.refused_connections;
  port.refused_rate = counters.refused_rate;

  std::vector<std::size_t> slots(forward.backends.size());
  for (const std::uint16_t backend : forward.slots) ++slots.at(backend);
  for (std::size_t i = 0; i < forward.backends.size(); ++i) {
    const core::Backend& backend = forward.backends[i];
    port.endpoints.push_back({to_string(backend),
                              forward.slots.empty() ? 0
                                                    : 100.0 * static_cast<double>(slots[i]) /
                                                          static_cast<double>(forward.slots.size()),
                              false, counts.of_endpoint(forward.key.protocol, backend)});
  }
  for (const core::Backend& backend : forward.draining) {
    port.endpoints.push_back(
        {to_string(backend), 0, true, counts.of_endpoint(forward.key.protocol, backend)});
  }
  return port;
}

MappingStatus mapping_status(const core::ObjectId& id, const core::MappingReport& report) {
  MappingStatus mapping;
  mapping.kind = to_string(id.kind);
  mapping.ns = id.name.ns;
  mapping.name = id.name.name;
  mapping.state = to_string(report.state);
  mapping.reasons = report.reasons;
  for (const core::Obstruction one : report.obstructions) {
    mapping.obstructions.emplace_back(to_string(one));
  }
  for (const core::ForwardKey& key : report.unserved) mapping.unserved.push_back(to_string(key));
  return mapping;
}

std::string text_of(const std::optional<core::Address>& address) {
  return address ? to_string(*address) : "";
}

void read_conntrack(net::Kernel& kernel, EdgeStatus& status) {
  const net::Kernel::ConntrackFill fill = kernel.conntrack_fill();
  status.conntrack_entries = fill.entries;
  status.conntrack_limit = fill.limit;
}

std::vector<core::Family> families_of(const core::State& state) {
  std::vector<core::Family> families;
  for (const auto& [family, table] : state.tables) families.push_back(family);
  return families;
}

// The forwards that the elements of the kernel amount to, without what only the plan knows.
std::map<ForwardKey, core::Forward> rebuild(const core::Elements& elements) {
  std::map<Target, core::Forward> found;
  for (const auto& [key, value] : elements) {
    if (key.set != EdgeSet::services && key.set != EdgeSet::guarded && key.set != EdgeSet::ranges)
      continue;
    const auto fields = fields_of(key);
    if (!fields) continue;
    core::Forward& forward = found[first_of(fields->key)];
    forward.key = fields->key;
    if (value.comment) forward.owner = core::parse_owner(*value.comment);
  }

  std::map<Target, std::map<std::uint32_t, core::Backend>> slots;
  std::map<Target, std::uint16_t> shifts;
  for (const auto& [key, value] : elements) {
    const auto fields = fields_of(key);
    if (!fields) continue;
    if (key.set == EdgeSet::range_ports) {
      if (const auto port = port_in(value.data.view())) shifts[first_of(fields->key)] = *port;
    }
    if (!fields->slot) continue;
    if (const auto backend = backend_of({key, value})) {
      slots[first_of(fields->key)][*fields->slot] = *backend;
    }
  }

  std::map<ForwardKey, core::Forward> forwards;
  for (auto& [target, forward] : found) {
    std::vector<core::Backend> chosen;
    for (auto& [slot, backend] : slots[target]) {
      if (!forward.key.ports.single()) {
        const auto shift = shifts.find(target);
        const std::uint16_t first = shift == shifts.end() ? target.port : shift->second;
        const auto length = static_cast<std::uint16_t>(forward.key.ports.size() - 1);
        backend.ports = {first, static_cast<std::uint16_t>(first + length)};
      }
      chosen.push_back(backend);
    }
    const std::set<core::Backend> backends(chosen.begin(), chosen.end());
    forward.backends =
        core::SharedVector(std::vector<core::Backend>(backends.begin(), backends.end()));
    std::vector<std::uint16_t> filled;
    for (const core::Backend& backend : chosen) {
      const auto place = std::ranges::lower_bound(forward.backends, backend);
      filled.push_back(static_cast<std::uint16_t>(place - forward.backends.begin()));
    }
    forward.slots = core::SharedVector(std::move(filled));
    forwards.emplace(forward.key, std::move(forward));
  }
  return forwards;
}

}  // namespace

EdgeStatus collect(const core::EdgePlan& plan, const kube::Source& source, net::Kernel& kernel) {
  EdgeStatus status;
  status.warnings = plan.warnings();
  std::optional<Counts> counts;
  try {
    counts.emplace(kernel, families_of(plan.frame()));
    read_conntrack(kernel, status);
  } catch (const core::Error& error) {
    if (!counts) counts.emplace();
    status.warnings.push_back(std::string("counters are missing: ") + error.what());
  }

  std::map<core::ObjectId, std::size_t> places;
  for (const auto& [id, report] : plan.reports()) {
    places.emplace(id, status.mappings.size());
    status.mappings.push_back(mapping_status(id, report));
  }
  for (const auto& forward : plan.forwards()) {
    const auto place = places.find(forward->owner);
    if (place == places.end()) continue;
    status.mappings[place->second].ports.push_back(port_status(*forward, *counts));
  }
  for (const core::ExternalInterface& external : plan.external()) {
    status.interfaces.push_back(
        {external.name, text_of(external.gateway4), text_of(external.gateway6)});
  }
  for (const core::Rejection& rejection : plan.rejections()) {
    status.rejections.emplace_back(to_string(rejection.object), rejection.reason);
  }
  for (const kube::Problem& problem : source.problems()) {
    status.problems.emplace_back(problem.where, problem.reason);
  }
  for (const auto& [kind, number] : plan.object_counts()) {
    status.objects[std::string(to_string(kind))] = number;
  }
  for (const auto& [limit, number] : plan.over_limits()) {
    status.over_limits.emplace(limit, number);
  }
  status.pools = plan.pool_use();
  status.ignored = source.ignored();
  return status;
}

EdgeStatus collect_about(const core::EdgePlan& plan, const core::ForwardKey& key) {
  EdgeStatus status;
  status.counted = false;
  for (const core::ObjectId& id : plan.claimants_of(key)) {
    const core::MappingReport* const report = plan.report(id);
    if (report == nullptr) continue;
    core::MappingReport part = *report;
    std::erase_if(part.unserved, [&](const core::ForwardKey& one) { return !overlap(one, key); });
    status.mappings.push_back(mapping_status(id, part));
    for (const auto& forward : plan.forwards_of(id)) {
      if (!overlap(forward->key, key)) continue;
      status.mappings.back().ports.push_back(port_status(*forward, Counts()));
    }
  }
  return status;
}

EdgeStatus collect(net::Kernel& kernel) {
  core::State expected;
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    expected.tables[family] = {family, std::string(core::constants::edge_table), {}, {}};
  }
  const core::State observed = kernel.observe(expected);
  const Counts counts(kernel, families_of(observed));

  EdgeStatus status;
  std::map<core::ObjectId, MappingStatus> mappings;
  for (const auto& [key, forward] : rebuild(observed.elements)) {
    MappingStatus& mapping = mappings[forward.owner];
    mapping.kind = to_string(forward.owner.kind);
    mapping.ns = forward.owner.name.ns;
    mapping.name = forward.owner.name.name;
    mapping.state = to_string(core::MappingReport::State::active);
    mapping.ports.push_back(port_status(forward, counts));
  }
  for (auto& [name, mapping] : mappings) status.mappings.push_back(std::move(mapping));

  std::map<std::string, InterfaceStatus> interfaces;
  for (const core::Route& route : observed.routes) {
    InterfaceStatus& interface = interfaces[route.device];
    interface.name = route.device;
    if (!route.gateway) continue;
    const bool ipv4 = route.gateway->family() == core::Family::ipv4;
    (ipv4 ? interface.gateway4 : interface.gateway6) = to_string(*route.gateway);
  }
  for (auto& [name, interface] : interfaces) status.interfaces.push_back(std::move(interface));
  if (observed.tables.empty()) {
    status.warnings.emplace_back("nothing of pona edge is in this network namespace");
  }
  read_conntrack(kernel, status);
  return status;
}

}  // namespace cmd
