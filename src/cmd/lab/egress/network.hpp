// The egress lab's network: two nodes of a cluster with their pods, a router, and a server outside.
// That has addresses set aside for documentation (RFC 5737, RFC 3849); the cluster's are private.
// It knows the way to every pod: a packet that leaves with a pod's own address is answered, and
// seen.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab/home.hpp"
#include "core/ip.hpp"

namespace cmd {

struct EgressPod {
  std::string_view ns;  // in the cluster
  std::string_view name;
  std::string_view node;
  std::string_view ipv4;
  std::string_view ipv6;
};

inline constexpr std::array<EgressPod, 3> clients = {
    {{"default", "client1", "node1", "10.64.1.11", "fd00:64:1::11"},
     {"default", "client2", "node1", "10.64.1.12", "fd00:64:1::12"},
     {"default", "client3", "node2", "10.64.2.11", "fd00:64:2::11"}}};
inline constexpr std::array<EgressPod, 2> nat_pods = {
    {{"internet", "nat1", "node1", "10.64.1.21", "fd00:64:1::21"},
     {"internet", "nat2", "node2", "10.64.2.21", "fd00:64:2::21"}}};
inline constexpr std::array<std::string_view, 2> nodes = {"node1", "node2"};

const EgressPod& egress_pod(std::string_view name);

inline constexpr std::string_view outside4 = "203.0.113.9";
inline constexpr std::string_view outside6 = "2001:db8:f::9";
// Further addresses of the server outside, of both families, because connections are spread by
// where they go.
std::vector<core::Address> outside_hosts();

// Namespaces, links, addresses and routes, with all pods.
void build_egress_network(LabHome& lab);

// A pod behind its node as a CNI plugin leaves it: an address without neighbours, and a gateway
// that is the node. The record for the node's agent is written, or taken away.
void add_pod(LabHome& lab, const EgressPod& pod);
void remove_pod(LabHome& lab, const EgressPod& pod);
std::filesystem::path sandboxes(const LabHome& lab, std::string_view node);

}  // namespace cmd
