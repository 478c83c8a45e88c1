#include "core/edge/resolve_endpoints.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/edge/slot_tables.hpp"
#include "core/special_use.hpp"

namespace core {
namespace {

// Ports of a range that do not lead to one run of ports are listed one by one, up to so many.
constexpr std::uint32_t most_single_ports = 1024;

// An object with as many ports and addresses as it may have can have a reason for each.
constexpr std::size_t most_reasons = 100;

std::string describe(std::uint16_t port, Protocol protocol) {
  return std::to_string(port) + "/" + std::string(to_string(protocol));
}

bool by_source(const ResolveInput& input) {
  if (input.service == nullptr) return false;
  return input.mapping->affinity.value_or(input.service->affinity) == Affinity::client_ip;
}

bool has_ranges(const Mapping& mapping) {
  return std::ranges::any_of(mapping.ports,
                             [](const MappingPort& port) { return !port.ports.single(); });
}

class Resolver {
 public:
  explicit Resolver(const ResolveInput& input)
      : input_(input),
        mapping_(*input.mapping),
        settings_(*input.settings),
        tables_(input.settings->slot_layout, by_source(input), has_ranges(*input.mapping)) {
    if (input.service == nullptr) return;
    for (const ServicePort& port : input.service->ports) {
      service_ports_.emplace(std::pair{port.port, port.protocol}, &port);
    }
    for (const EndpointSlice* const slice : input.slices) {
      for (const EndpointPort& port : slice->ports) {
        by_port_[{port.name, port.protocol}].emplace_back(slice, &port);
      }
    }
  }

  Resolved run() {
    resolve_ports();
    if (left_out_ > 0) {
      result_.reasons.push_back("and " + std::to_string(left_out_) + " more of this kind");
    }
    return std::move(result_);
  }

 private:
  void resolve_ports() {
    if (input_.service == nullptr) {
      reject("Service " + to_string(ObjectName{mapping_.name.ns, mapping_.service}) +
                 " does not exist",
             Obstruction::no_service);
      return;
    }
    if (input_.service->type == Service::Type::external_name) {
      reject("Service " + to_string(input_.service->name) +
             " is of type ExternalName: it has no endpoints; name a Service that selects pods");
      return;
    }
    if (settings_.backend == BackendMode::cluster_ip && input_.service->cluster_ips.empty()) {
      reject("Service " + to_string(input_.service->name) +
             " is headless: it has no ClusterIP; use --backend endpoints");
      return;
    }
    if (settings_.backend == BackendMode::endpoints) reject_special();
    for (const MappingPort& port : mapping_.ports) {
      resolve_port(port);
    }
  }

  // Those would lead to this host itself, to its link, or to many: nobody may reach that through a
  // slip in a manifest, or because kube-apiserver was not asked, which takes no such endpoints.
  void reject_special() {
    for (const EndpointSlice* const slice : input_.slices) {
      for (const Endpoint& endpoint : slice->endpoints) {
        const std::string_view what = special_use(endpoint.address);
        if (what.empty()) continue;
        reject("endpoint " + to_string(endpoint.address) + " of EndpointSlice " +
               to_string(slice->name) + " is " + std::string(what) +
               ": it gets no traffic; name a pod's or another host's address");
      }
    }
  }

  // How one external port is served, in one address family.
  struct Target {
    std::vector<Backend> backends;
    std::vector<Backend> draining;

    friend bool operator==(const Target&, const Target&) = default;
  };
  // The same for all addresses.
  struct SharedTarget {
    SharedVector<Backend> backends;
    SharedVector<Backend> draining;
    SharedVector<std::uint16_t> slots;
  };

  void reject(std::string reason, Obstruction obstruction = Obstruction::other) {
    result_.obstructions.insert(obstruction);
    // Two addresses of a family meet the same obstacle: it is said once.
    if (!said_.insert(reason).second) return;
    if (said_.size() > most_reasons) {
      ++left_out_;
    } else {
      result_.reasons.push_back(std::move(reason));
    }
  }

  const ServicePort* service_port(std::uint32_t number, Protocol protocol) const {
    const auto found = service_ports_.find({number, protocol});
    return found == service_ports_.end() ? nullptr : found->second;
  }

  void resolve_port(const MappingPort& port) {
    if (settings_.monitor_port != 0 && port.protocol == Protocol::tcp &&
        port.ports.contains(settings_.monitor_port)) {
      for (const Address& address : mapping_.addresses) {
        if (!settings_.monitor_address || *settings_.monitor_address == address) {
          reject("port " + describe(settings_.monitor_port, port.protocol) + " of " +
                 to_string(address) + " is pona's own: move it with --monitor-port");
          return;
        }
      }
    }
    // A headless Service may list no ports: then the port is the pod's.
    const bool portless = input_.service->ports.empty();
    if (!portless && service_port(port.service_port, port.protocol) == nullptr) {
      std::string has;
      for (const ServicePort& other : input_.service->ports) {
        has += (has.empty() ? "" : ", ") + describe(other.port, other.protocol);
      }
      reject("Service " + to_string(input_.service->name) + " has no port " +
                 describe(port.service_port, port.protocol) + "; it has " + has,
             Obstruction::no_port);
      return;
    }
    // What its addresses have in common is found out once.
    std::map<Family, Runs> runs;
    for (const Address& address : mapping_.addresses) {
      const Family family = address.family();
      if (settings_.backend == BackendMode::cluster_ip && !cluster_ip(family)) {
        reject("Service " + to_string(input_.service->name) +
               " has no usable ClusterIP of the family of " + to_string(address));
        continue;
      }
      const auto [known, fresh] = runs.try_emplace(family);
      if (fresh) known->second = runs_of(port, family);
      if (known->second.unserved) {
        reject("no ready endpoint of Service " + to_string(input_.service->name) + " for " +
                   describe(port.ports.first, port.protocol) + " of " + to_string(address) +
                   ": connections are refused",
               Obstruction::no_endpoint);
      }
      for (const auto& [ports, target] : known->second.runs) {
        add({address, port.protocol, ports}, target);
      }
    }
  }

  // Ports of a range that follow one another and lead to ports that do, on the same endpoints.
  struct Runs {
    std::vector<std::pair<PortRange, SharedTarget>> runs;
    bool unserved = false;
  };

  Runs runs_of(const MappingPort& port, Family family) {
    Runs result;
    Target current = target(port, port.ports.first, family);
    result.unserved = current.backends.empty() && settings_.backend == BackendMode::endpoints;
    std::uint32_t begin = 0;  // of the run, as an offset into the range
    std::uint32_t single_ports = 0;
    const auto finish = [&](std::uint32_t end) {
      const auto first = static_cast<std::uint16_t>(port.ports.first + begin);
      const auto last = static_cast<std::uint16_t>(port.ports.first + end - 1);
      if (first == last) {
        result.runs.emplace_back(PortRange{first, last}, share(current, true));
      } else if (is_one_run(current)) {
        if (lengthen(current, end - begin)) {
          result.runs.emplace_back(PortRange{first, last}, share(current, false));
        } else {
          reject("port " + describe(last, port.protocol) + " of the range would lead to port " +
                 std::to_string(current.backends.front().ports.first + end - begin - 1) +
                 " of the endpoints: shorten the range");
        }
      } else if ((single_ports += end - begin) <= most_single_ports) {
        for (std::uint32_t i = 0; i < end - begin; ++i) {
          const auto number = static_cast<std::uint16_t>(first + i);
          result.runs.emplace_back(PortRange{number, number},
                                   share(moved(current, static_cast<std::uint16_t>(i)), true));
        }
      } else {
        reject("ports " + to_string(port.ports) +
               " do not lead to one run of ports on the endpoints and are more than " +
               std::to_string(most_single_ports) + ": split the range");
      }
    };
    // A run can end only where the Service declares a port, or where one follows that it does not.
    for (const std::uint32_t offset : breaks_of(port)) {
      const Target next =
          target(port, static_cast<std::uint16_t>(port.ports.first + offset), family);
      if (next == moved(current, static_cast<std::uint16_t>(offset - begin))) continue;
      finish(offset);
      begin = offset;
      current = next;
    }
    finish(port.ports.size());
    return result;
  }

  [[nodiscard]] std::set<std::uint32_t> breaks_of(const MappingPort& port) const {
    std::set<std::uint32_t> breaks;
    for (const ServicePort& declared : input_.service->ports) {
      if (declared.protocol != port.protocol || declared.port <= port.service_port) continue;
      const std::uint32_t offset = std::uint32_t{declared.port} - port.service_port;
      for (const std::uint32_t at : {offset, offset + 1}) {
        if (at < port.ports.size()) breaks.insert(at);
      }
    }
    return breaks;
  }

  // All endpoints have it at the same port.
  static bool is_one_run(const Target& target) {
    return std::ranges::all_of(target.backends, [&](const Backend& backend) {
      return backend.ports.first == target.backends.front().ports.first;
    });
  }

  // False: there are not so many ports.
  static bool lengthen(Target& target, std::uint32_t ports) {
    for (std::vector<Backend>* backends : {&target.backends, &target.draining}) {
      for (Backend& backend : *backends) {
        if (backend.ports.first + ports - 1 > 65535) return false;
        backend.ports.last = static_cast<std::uint16_t>(backend.ports.first + ports - 1);
      }
    }
    return true;
  }

  static Target moved(Target target, std::uint16_t offset) {
    for (std::vector<Backend>* backends : {&target.backends, &target.draining}) {
      for (Backend& backend : *backends) {
        backend.ports.first = static_cast<std::uint16_t>(backend.ports.first + offset);
        backend.ports.last = backend.ports.first;
      }
    }
    return target;
  }

  const Address* cluster_ip(Family family) const {
    for (const Address& address : input_.service->cluster_ips) {
      if (address.family() == family && special_use(address).empty()) return &address;
    }
    return nullptr;
  }

  // Where external port `number` leads. A port that the Service does not declare follows the one
  // that the range begins with.
  Target target(const MappingPort& port, std::uint16_t number, Family family) const {
    const auto offset = static_cast<std::uint16_t>(number - port.ports.first);
    const std::uint32_t wanted = std::uint32_t{port.service_port} + offset;
    if (settings_.backend == BackendMode::cluster_ip) {
      const auto service = static_cast<std::uint16_t>(wanted);
      return {{{*cluster_ip(family), {service, service}}}, {}};
    }
    const ServicePort* declared = service_port(wanted, port.protocol);
    if (declared != nullptr || offset == 0) {
      return endpoints(declared, static_cast<std::uint16_t>(wanted), port.protocol, family);
    }
    return moved(target(port, port.ports.first, family), offset);
  }

  // Kubernetes drops what comes to a node without pods of such a Service.
  [[nodiscard]] bool only_here() const {
    return settings_.node && input_.owner.kind == Kind::service && input_.service->load_balancer &&
           input_.service->load_balancer->local;
  }

  // `declared` is null for Services without ports. Kubernetes' choice: ready endpoints; if there
  // are none, those that still serve while they terminate (KEP-1669).
  Target endpoints(const ServicePort* declared, std::uint16_t number, Protocol protocol,
                   Family family) const {
    std::vector<Backend> ready;
    std::vector<Backend> terminating;
    const auto take = [&](const EndpointSlice& slice, std::uint16_t port) {
      for (const Endpoint& endpoint : slice.endpoints) {
        if (endpoint.address.family() != family || (only_here() && !endpoint.here) ||
            !special_use(endpoint.address).empty()) {
          continue;
        }
        const Backend backend{endpoint.address, {port, port}};
        if (endpoint.ready) {
          ready.push_back(backend);
        } else if (endpoint.serving && endpoint.terminating) {
          terminating.push_back(backend);
        }
      }
    };
    if (declared == nullptr) {
      for (const EndpointSlice* const slice : input_.slices) take(*slice, number);
    } else if (const auto found = by_port_.find({declared->name, protocol});
               found != by_port_.end()) {
      for (const auto& [slice, port] : found->second) {
        // A port without number stands for all ports.
        take(*slice, port->port.value_or(declared->target_port != 0 ? declared->target_port
                                                                    : declared->port));
      }
    }
    const auto unique = [](std::vector<Backend>& backends) {
      std::sort(backends.begin(), backends.end());
      backends.erase(std::unique(backends.begin(), backends.end()), backends.end());
    };
    unique(ready);
    unique(terminating);
    if (ready.empty()) {
      return {std::move(terminating), {}};
    }
    // An endpoint stands twice while it moves from one slice to another: the better state counts.
    std::erase_if(terminating, [&](const Backend& backend) {
      return std::binary_search(ready.begin(), ready.end(), backend);
    });
    return {std::move(ready), std::move(terminating)};
  }

  SharedTarget share(const Target& target, bool single_port) {
    if (const std::size_t most = tables_.most_served(single_port); target.backends.size() > most) {
      reject("Service " + to_string(input_.service->name) + " has " +
             std::to_string(target.backends.size()) + " endpoints: only " + std::to_string(most) +
             " of them get connections; use several Services");
    }
    return {SharedVector(target.backends), SharedVector(target.draining),
            tables_.of(target.backends, single_port)};
  }

  void add(const ForwardKey& key, const SharedTarget& target) {
    // One more than it may have is enough to refuse it.
    if (result_.forwards.size() > settings_.limits.forwards_per_mapping) return;
    Forward forward;
    forward.key = key;
    forward.owner = input_.owner;
    forward.service = input_.service->name;
    forward.by_source = by_source(input_);
    const bool keep = mapping_.preserve_client_ip.value_or(!settings_.masquerade);
    forward.alter = keep == settings_.masquerade;
    forward.hairpin = keep;
    forward.snat = settings_.snat;
    const SourcesOfFamily& sources = (*input_.sources)[key.address.family() == Family::ipv6];
    forward.sources = sources.list;
    forward.nobody = sources.nobody;
    forward.max_connections = mapping_.max_connections_per_source;
    forward.new_per_second = mapping_.new_connections_per_second;
    if (forward.max_connections != 0 || forward.new_per_second != 0) {
      forward.limit_id = limit_id(input_.owner.name);
    }
    forward.backends = target.backends;
    forward.draining = target.draining;
    forward.slots = target.slots;
    result_.forwards.push_back(std::move(forward));
  }

  // Joins the ports of one Mapping in the limits' state. A hash of the name (FNV-1a): should two
  // names ever collide, their Mappings would share the allowance of a source, no more.
  static std::uint32_t limit_id(const ObjectName& name) {
    std::uint32_t hash = 0x811c9dc5;
    for (const char c : to_string(name)) {
      hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x01000193;
    }
    return hash;
  }

  const ResolveInput& input_;
  const Mapping& mapping_;
  const EdgeSettings& settings_;
  std::map<std::pair<std::uint32_t, Protocol>, const ServicePort*> service_ports_;
  std::map<std::pair<std::string_view, Protocol>,
           std::vector<std::pair<const EndpointSlice*, const EndpointPort*>>>
      by_port_;
  SlotTables tables_;
  Resolved result_;
  std::set<std::string> said_;
  std::size_t left_out_ = 0;
};

}  // namespace

Resolved resolve(const ResolveInput& input) { return Resolver(input).run(); }

}  // namespace core
