// How network namespaces hang together, and what objects make of it: interfaces, cables, tunnels,
// mappings, egresses. A value: who builds it has asked a kernel, an edge and an agent, or is a
// test. What it looks like is the printers' business (print.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"

namespace core::topology {

enum class Severity : std::uint8_t { none, warning, fault };

// Something that is not as it should be.
struct Mark {
  Severity severity{};
  std::string_view word;  // for programs, a literal: "link-down"
  std::string text;       // for people, beside the name of what it is about

  friend bool operator==(const Mark&, const Mark&) = default;
};

struct Interface {
  std::string name;
  std::string kind;  // "veth", "bridge", "vxlan", "loopback"; empty: hardware
  std::uint32_t mtu = 0;
  bool up = true;         // administratively
  bool carrier = true;    // and in fact
  bool external = false;  // clients of an edge come in by it
  std::vector<Prefix> addresses;
  std::vector<Address> duplicates;  // of these, those that somebody else has as well
  std::string master;               // the bridge or VRF that it belongs to
  std::string lower;                // of the same namespace: what it is made on
  std::string tunnel;               // "VXLAN-GPE port 4790, to where routes say"; empty: no tunnel
  std::vector<Mark> marks;
};

inline constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

// A network namespace; or what is known of only by a cable or an object.
struct Node {
  enum class Role : std::uint8_t { outside, host, pod };
  Role role = Role::pod;
  std::string name;               // "this host", "pod shop/web-1", "10.1.0.7"
  std::vector<std::string> jobs;  // "edge", "agent", "NAT pod"
  bool elsewhere = false;         // not on this machine
  bool known_pod = false;         // an object or the CNI plugin's record says so
  bool forwards = false;
  std::vector<Interface> interfaces;
  std::vector<Mark> marks;
};

struct End {
  std::size_t node = 0;
  std::size_t interface = nowhere;  // nowhere: of a node elsewhere

  friend bool operator==(const End&, const End&) = default;
};

struct Cable {
  End a, b;
};

struct Endpoint {
  std::string address;   // "10.1.0.11:8080"
  std::size_t node = 0;  // who has it
  double share = 0;      // percent of new connections
  bool draining = false;
};

struct MappedPort {
  std::string external;  // "203.0.113.5:443/tcp"
  std::string service;   // "shop/web"; may be empty
  bool active = true;    // the address is on an interface of the edge
  std::vector<Endpoint> endpoints;
};

struct Mapping {
  std::string object;    // "Mapping shop/web"
  std::string state;     // active, inactive, degraded, rejected
  std::size_t node = 0;  // the edge
  std::vector<std::string> reasons;
  std::vector<MappedPort> ports;
  std::vector<Mark> marks;
};

struct NatPod {
  std::string address;
  std::string state;  // up, draining, dead
  std::size_t node = 0;
};

struct Client {
  std::size_t node = 0;
  std::vector<std::string> refused;  // destinations that nothing leads to
  std::vector<std::string> problems;
};

struct Egress {
  std::string name;           // "internet/egress"
  std::string encapsulation;  // "VXLAN", "FoU"
  std::vector<std::string> destinations;
  std::vector<NatPod> nat_pods;
  std::vector<Client> clients;  // of this node
  std::vector<Mark> marks;
};

struct Graph {
  std::vector<Node> nodes;  // the one where it begins first
  std::vector<Cable> cables;
  std::vector<Mapping> mappings;
  std::vector<Egress> egresses;
  std::vector<std::string> notes;  // what could not be asked
};

// The node that has an address; pods before others. Nothing: none here.
std::optional<std::size_t> holder(const Graph& graph, const Address& address);

// Who is outside, a host, a pod: by what objects and jobs say, else by how it hangs together.
void assign_roles(Graph& graph);
// Marks what fails. Call once, when all the rest is there.
void mark_faults(Graph& graph);

Severity worst(const std::vector<Mark>& marks);
// Of both ends, as far as it is about the cable.
Severity severity_of(const Graph& graph, const Cable& cable);
Severity severity_of(const MappedPort& port);
Severity severity_of(const NatPod& nat);
// The other end of an interface's cable.
std::optional<End> other_end(const Graph& graph, const End& end);

// Each mark, with what it is about in front: "pod1: eth0 is down"; faults first.
struct Finding {
  Severity severity{};
  std::string_view word;
  std::string text;
};
std::vector<Finding> findings(const Graph& graph);

std::string_view to_string(Node::Role role);    // "outside", "host", "pod"
std::string_view to_string(Severity severity);  // "ok", "warning", "fault"

}  // namespace core::topology
