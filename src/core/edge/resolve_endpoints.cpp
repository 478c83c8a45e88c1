#include "core/edge/resolve_endpoints.hpp"

#include <algorithm>

#include "core/edge/edge_rules.hpp"
#include "core/edge/endpoint_slots.hpp"

namespace core {
namespace {

// Ports of a range that do not lead to one run of ports are listed one by one, up to so many.
constexpr std::uint32_t most_single_ports = 1024;

std::string describe(std::uint16_t port, Protocol protocol) {
  return std::to_string(port) + "/" + std::string(to_string(protocol));
}

class Resolver {
 public:
  explicit Resolver(const ResolveInput& input)
      : input_(input), mapping_(*input.mapping), settings_(*input.settings) {}

  Resolved run() {
    if (input_.service == nullptr) {
      reject("Service " + to_string(ObjectName{mapping_.name.ns, mapping_.service}) +
             " does not exist");
      return std::move(result_);
    }
    if (input_.service->type == Service::Type::external_name) {
      reject("Service " + to_string(input_.service->name) +
             " is of type ExternalName: it has no endpoints; name a Service that selects pods");
      return std::move(result_);
    }
    if (settings_.backend == BackendMode::cluster_ip && input_.service->cluster_ips.empty()) {
      reject("Service " + to_string(input_.service->name) +
             " is headless: it has no ClusterIP; use --backend endpoints");
      return std::move(result_);
    }
    for (const MappingPort& port : mapping_.ports) {
      resolve_port(port);
    }
    return std::move(result_);
  }

 private:
  // How one external port is served, in one address family.
  struct Target {
    std::vector<Backend> backends;
    std::vector<Backend> draining;

    friend bool operator==(const Target&, const Target&) = default;
  };

  void reject(std::string reason) {
    // Two addresses of a family meet the same obstacle: it is said once.
    if (std::find(result_.reasons.begin(), result_.reasons.end(), reason) ==
        result_.reasons.end()) {
      result_.reasons.push_back(std::move(reason));
    }
  }

  const ServicePort* service_port(std::uint32_t number, Protocol protocol) const {
    for (const ServicePort& port : input_.service->ports) {
      if (port.port == number && port.protocol == protocol) {
        return &port;
      }
    }
    return nullptr;
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
             describe(port.service_port, port.protocol) + "; it has " + has);
      return;
    }
    for (const Address& address : mapping_.addresses) {
      resolve_address(port, address);
    }
  }

  void resolve_address(const MappingPort& port, const Address& address) {
    const Family family = address.family();
    if (settings_.backend == BackendMode::cluster_ip && !cluster_ip(family)) {
      reject("Service " + to_string(input_.service->name) + " has no ClusterIP of the family of " +
             to_string(address));
      return;
    }
    const Target first = target(port, port.ports.first, family);
    if (first.backends.empty() && settings_.backend == BackendMode::endpoints) {
      reject("no ready endpoint of Service " + to_string(input_.service->name) + " for " +
             describe(port.ports.first, port.protocol) + " of " + to_string(address) +
             ": connections are refused");
    }
    if (port.ports.single()) {
      add({address, port.protocol, port.ports}, first);
      return;
    }
    // A range is one run of ports on the endpoints, unless the Service says otherwise for some.
    bool uniform = true;
    for (const ServicePort& declared : input_.service->ports) {
      if (declared.protocol != port.protocol || declared.port <= port.service_port ||
          declared.port - port.service_port >= static_cast<int>(port.ports.size())) {
        continue;
      }
      const auto offset = static_cast<std::uint16_t>(declared.port - port.service_port);
      uniform = uniform && target(port, static_cast<std::uint16_t>(port.ports.first + offset),
                                  family) == moved(first, offset);
    }
    const auto base = [](const Target& t) { return t.backends.front().ports.first; };
    uniform =
        uniform && std::all_of(first.backends.begin(), first.backends.end(),
                               [&](const Backend& b) { return b.ports.first == base(first); });
    if (uniform) {
      Target run = first;
      for (std::vector<Backend>* backends : {&run.backends, &run.draining}) {
        for (Backend& backend : *backends) {
          const std::uint32_t last = backend.ports.first + port.ports.size() - 1;
          if (last > 65535) {
            reject("port " + describe(port.ports.last, port.protocol) +
                   " of the range would lead to port " + std::to_string(last) +
                   " of the endpoints: shorten the range");
            return;
          }
          backend.ports.last = static_cast<std::uint16_t>(last);
        }
      }
      add({address, port.protocol, port.ports}, run);
      return;
    }
    if (port.ports.size() > most_single_ports) {
      reject("ports " + to_string(port.ports) +
             " do not lead to one run of ports on the endpoints" + " and are more than " +
             std::to_string(most_single_ports) + ": split the range");
      return;
    }
    for (std::uint32_t number = port.ports.first; number <= port.ports.last; ++number) {
      const auto single = static_cast<std::uint16_t>(number);
      add({address, port.protocol, {single, single}}, target(port, single, family));
    }
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
      if (address.family() == family) {
        return &address;
      }
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
    for (const EndpointSlice* slice : input_.slices) {
      std::optional<std::uint16_t> port;
      if (declared == nullptr) {
        port = number;
      }
      for (const EndpointPort& candidate : slice->ports) {
        if (declared != nullptr && candidate.name == declared->name &&
            candidate.protocol == protocol) {
          // A port without number stands for all ports.
          port = candidate.port.value_or(declared->target_port != 0 ? declared->target_port
                                                                    : declared->port);
        }
      }
      if (!port) {
        continue;
      }
      for (const Endpoint& endpoint : slice->endpoints) {
        if (endpoint.address.family() != family || (only_here() && !endpoint.here)) {
          continue;
        }
        const Backend backend{endpoint.address, {*port, *port}};
        if (endpoint.ready) {
          ready.push_back(backend);
        } else if (endpoint.serving && endpoint.terminating) {
          terminating.push_back(backend);
        }
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

  void add(const ForwardKey& key, const Target& target) {
    Forward forward;
    forward.key = key;
    forward.owner = input_.owner;
    forward.service = input_.service->name;
    const Affinity affinity = mapping_.affinity.value_or(input_.service->affinity);
    forward.by_source = affinity == Affinity::client_ip;
    const bool keep = mapping_.preserve_client_ip.value_or(!settings_.masquerade);
    forward.alter = keep == settings_.masquerade;
    forward.hairpin = keep;
    forward.snat = settings_.snat;
    add_sources(forward);
    forward.max_connections = mapping_.max_connections_per_source;
    forward.new_per_second = mapping_.new_connections_per_second;
    if (forward.max_connections != 0 || forward.new_per_second != 0) {
      forward.limit_id = limit_id(input_.owner.name);
    }
    forward.backends = target.backends;
    forward.draining = target.draining;
    std::vector<std::string> identities;
    identities.reserve(forward.backends.size());
    for (const Backend& backend : forward.backends) {
      identities.push_back(to_string(backend));
    }
    if (!identities.empty()) {
      forward.slots = fill_slots(
          identities, key.ports.single() ? slot_count(identities.size()) : range_slot_count);
    }
    result_.forwards.push_back(std::move(forward));
  }

  // Disjoint prefixes: an interval set refuses overlaps, and the wider one says it all.
  void add_sources(Forward& forward) const {
    std::vector<Prefix>& sources = forward.sources;
    for (const Prefix& source : mapping_.allowed_sources) {
      if (source.family() == forward.key.address.family()) {
        sources.push_back(source.masked());
      }
    }
    forward.nobody = sources.empty() && !mapping_.allowed_sources.empty();
    std::sort(sources.begin(), sources.end(), [](const Prefix& a, const Prefix& b) {
      return a.length != b.length ? a.length < b.length : a.address < b.address;
    });
    std::vector<Prefix> disjoint;
    for (const Prefix& source : sources) {
      if (std::none_of(disjoint.begin(), disjoint.end(),
                       [&](const Prefix& wider) { return wider.contains(source.address); })) {
        disjoint.push_back(source);
      }
    }
    // Everybody is allowed: then the list costs nothing.
    if (disjoint.size() == 1 && disjoint.front().length == 0) {
      disjoint.clear();
    }
    sources = std::move(disjoint);
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
  Resolved result_;
};

}  // namespace

Resolved resolve(const ResolveInput& input) { return Resolver(input).run(); }

}  // namespace core
