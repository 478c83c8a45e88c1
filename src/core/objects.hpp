// The Kubernetes objects that pona reads, reduced to the fields it reads. Values only; they are
// made by kube/ (from manifests or the API server) and read by the planners.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/ip.hpp"

namespace core {

struct ObjectName {
  std::string ns;  // metadata.namespace; "default" where a manifest names none
  std::string name;

  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;
};

std::string to_string(const ObjectName& name);  // "ns/name"; "name" where there is no namespace

enum class Affinity : std::uint8_t { none, client_ip };

struct MappingPort {
  PortRange ports;                 // external; a single port unless endPort is given
  std::uint16_t service_port = 0;  // external port N goes to service_port + N - ports.first
  Protocol protocol = Protocol::tcp;

  friend bool operator==(const MappingPort&, const MappingPort&) = default;
};

// smartnat.aureacentral.com/v1alpha1 Mapping, valid by itself: what depends on other objects
// (Service missing, conflicts) is the planner's business.
struct Mapping {
  ObjectName name;
  std::optional<std::int64_t> created;           // metadata.creationTimestamp, Unix seconds
  std::int64_t generation = 0;                   // metadata.generation; 0: of no API server
  std::vector<Address> addresses;                // at least one, no duplicates
  std::vector<Prefix> allowed_sources;           // empty: everybody
  std::string service;                           // in the same namespace
  std::vector<MappingPort> ports;                // at least one, not overlapping within a protocol
  std::optional<Affinity> affinity;              // empty: as the Service says
  std::optional<bool> preserve_client_ip;        // empty: as the appliance is set
  std::uint32_t max_connections_per_source = 0;  // 0: no limit
  std::uint32_t new_connections_per_second = 0;  // per source; 0: no limit

  friend bool operator==(const Mapping&, const Mapping&) = default;
};

struct ServicePort {
  std::string name;  // may be empty when it is the only port
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  // Endpoints carry the resolved number; this is only the fall-back for EndpointSlices without
  // ports. 0 when the manifest names a port or says nothing.
  std::uint16_t target_port = 0;

  friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

// What makes external addresses lead to a Service of type LoadBalancer: one of the class
// constants::load_balancer_class.
struct LoadBalancer {
  std::optional<std::int64_t> created;  // as a Mapping's
  std::vector<Address> assigned;        // status.loadBalancer.ingress: these lead to it
  std::vector<Address> requested;       // what its author asks for; empty: any
  std::string fault;                    // why its wishes cannot be understood; else empty
  std::string pool;                     // of this AddressPool; empty: of any
  std::vector<Family> families;         // spec.ipFamilies: one address of each is wanted
  std::vector<Prefix> allowed_sources;  // spec.loadBalancerSourceRanges; empty: everybody
  bool local = false;                   // externalTrafficPolicy Local

  friend bool operator==(const LoadBalancer&, const LoadBalancer&) = default;
};

struct Service {
  enum class Type : std::uint8_t { cluster_ip, node_port, load_balancer, external_name };

  ObjectName name;
  Type type = Type::cluster_ip;
  std::vector<Address> cluster_ips;  // empty for headless Services ("None") and ExternalName
  std::vector<ServicePort> ports;
  Affinity affinity = Affinity::none;
  std::optional<LoadBalancer> load_balancer;  // empty: it is not ours to balance

  friend bool operator==(const Service&, const Service&) = default;
};

struct EndpointPort {
  std::string name;                   // equals the Service port's name
  std::optional<std::uint16_t> port;  // empty: all ports
  Protocol protocol = Protocol::tcp;

  friend bool operator==(const EndpointPort&, const EndpointPort&) = default;
};

// discovery.k8s.io/v1 endpoint conditions, defaults resolved as the API says: ready nil is true,
// serving nil is ready, terminating nil is false.
struct Endpoint {
  Address address;  // the first of endpoints[].addresses: all are fungible by the API
  bool ready = true;
  bool serving = true;
  bool terminating = false;
  bool here = false;  // on the node that this process runs on, if it knows one

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct EndpointSlice {
  ObjectName name;
  std::string service;  // label kubernetes.io/service-name; empty: belongs to no Service
  std::vector<EndpointPort> ports;
  std::vector<Endpoint> endpoints;  // FQDN slices have none

  friend bool operator==(const EndpointSlice&, const EndpointSlice&) = default;
};

// pona.dev/v1alpha1 AddressPool, cluster scoped.
struct AddressPool {
  struct Range {
    Address first;
    Address last;  // inclusive, of the same family, not below first

    friend bool operator==(const Range&, const Range&) = default;
  };

  ObjectName name;                              // without namespace
  std::vector<Range> ranges;                    // as written: a network is all its addresses
  std::vector<std::string> allowed_namespaces;  // sorted; empty: all
  bool auto_assign = true;                      // to Services that ask for nothing

  friend bool operator==(const AddressPool&, const AddressPool&) = default;
};

// pona.cybozu.com/v1 (and v1beta1) Egress: the way out for pods that ask for it, as its clients and
// its NAT pods must know it. What the controller copies into workloads is none of theirs.
struct Egress {
  enum class Mode : std::uint8_t { direct, service };
  enum class Encapsulation : std::uint8_t { fou, vxlan };
  enum class OnUnavailable : std::uint8_t { drop, bypass };

  ObjectName name;
  std::vector<Prefix> destinations;  // masked, sorted, at least one, no duplicates
  std::vector<Prefix> excluded;      // likewise, may be empty: these go the pod's own way
  Mode mode = Mode::direct;
  Encapsulation encapsulation = Encapsulation::fou;
  OnUnavailable on_unavailable = OnUnavailable::drop;
  std::uint32_t drain_seconds = 30;
  bool deleting = false;  // metadata.deletionTimestamp is set

  friend bool operator==(const Egress&, const Egress&) = default;
};

// A pod, as far as it may be a client of Egresses or a NAT pod.
struct Pod {
  ObjectName name;
  std::string uid;
  std::string node;                  // spec.nodeName; empty: not scheduled yet
  std::vector<Address> addresses;    // status.podIPs
  std::vector<ObjectName> egresses;  // that its annotations name: sorted, without duplicates
  std::vector<std::string> faults;   // what is wrong with those annotations, for people
  bool host_network = false;
  bool finished = false;     // phase Succeeded or Failed: it will never send again
  bool terminating = false;  // it still sends
  bool nat = false;          // a NAT pod, by its labels: the Egress has its namespace
  std::string nat_of;        // the name of that Egress

  friend bool operator==(const Pod&, const Pod&) = default;
};

// Some clients of one Egress: an EndpointSlice with the label egress.pona.cybozu.com/clients-of. It
// lies in the Egress's namespace and holds clients of one node and one address family.
struct EgressClients {
  struct Client {
    Address address;
    ObjectName pod;
    std::string uid;  // of the pod; two may have had one address, one after the other

    friend auto operator<=>(const Client&, const Client&) = default;
  };

  ObjectName name;
  std::string egress;  // the label's value
  std::string node;    // label egress.pona.cybozu.com/node
  std::vector<Client> clients;

  friend bool operator==(const EgressClients&, const EgressClients&) = default;
};

using Object =
    std::variant<Mapping, Service, EndpointSlice, AddressPool, Egress, Pod, EgressClients>;

enum class Kind : std::uint8_t {
  mapping,
  service,
  endpoint_slice,
  address_pool,
  egress,
  pod,
  egress_clients,
};

Kind kind_of(const Object& object);
const ObjectName& name_of(const Object& object);
std::string_view to_string(Kind kind);  // "Mapping", "Service", …

struct ObjectId {
  Kind kind{};
  ObjectName name;

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

std::string to_string(const ObjectId& id);  // "Mapping shop/web"

// The newest state of each object that changed since somebody last looked; nullptr: it is gone.
// Level, not edge: applying the same changes twice is the same as once.
using ObjectChanges = std::map<ObjectId, std::shared_ptr<const Object>>;

// Why an object is not, or not fully, in effect. Becomes a status line, a condition, a log line.
struct Rejection {
  ObjectId object;
  std::string reason;

  friend auto operator<=>(const Rejection&, const Rejection&) = default;
};

}  // namespace core
