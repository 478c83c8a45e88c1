// The planner for a pod that asks for Egresses: what its network namespace must hold. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/constants.hpp"
#include "core/host.hpp"
#include "core/objects.hpp"
#include "core/state/state.hpp"

namespace core {

struct ClientSettings {
  // What an Egress takes only if one of its destinations lies within: private and link-local ranges
  // and the cluster's own.
  std::vector<Prefix> kept;
  std::uint16_t fou_port = constants::fou_port;
  std::uint16_t probe_port = constants::probe_port;
  bool checksum = true;  // UDP's, of FoU's outer packets

  friend bool operator==(const ClientSettings&, const ClientSettings&) = default;
};

std::vector<Prefix> private_ranges();  // RFC 1918, 4193, 6598, 3927 and 4291's link-local

// One NAT pod, as far as its clients must know it.
struct Gateway {
  Address address;
  bool draining = false;  // what goes through it may stay, nothing new comes
  // False: a tunnel leads there, by which it may be asked, and no traffic goes through it.
  bool usable = true;

  friend auto operator<=>(const Gateway&, const Gateway&) = default;
};

struct ClientEgress {
  Egress egress;
  // Of mode Direct: the NAT pods that are to be used, sorted. Of mode Service: the ClusterIPs.
  std::vector<Gateway> gateways;
  // Of mode Service: whose packets are taken.
  std::vector<Address> senders;

  friend bool operator==(const ClientEgress&, const ClientEgress&) = default;
};

struct ClientInput {
  std::vector<Address> addresses;      // of the pod, at most one of a family
  std::vector<ClientEgress> egresses;  // that it asks for and that are there, sorted by name
  // Destinations of Egresses that are no longer there, as the fences in the kernel tell: they stay
  // closed for as long as the pod asks for what cannot be found.
  std::vector<Prefix> closed;
  Host host;
  // The kernel routes a new TCP connection by a source port that it will not have (Linux 6.16 on).
  bool random_source_ports = false;
  // Over IPv6, connections that are open were spread by ports as well, by an agent of before.
  bool spread_by_ports = false;
};

// What becomes of one destination, for people.
struct ClientDestination {
  enum class Way : std::uint8_t { tunnel, fence, pod, excluded };

  Prefix destination;
  ObjectName egress;
  Way way{};                      // fence: refused, pod: the pod's own way (Bypass)
  std::vector<Gateway> gateways;  // of way tunnel
};

struct ClientPlan {
  State state;
  std::vector<ClientDestination> destinations;  // sorted
  std::vector<std::string> problems;            // about Egresses that this pod asks for
  // Tunnels by whose packets' outer checksums somebody on the way must be able to add up (DNAT of
  // mode Service). With the inner checksum left to the device, Linux derives the outer one from
  // what the inner one will be (local checksum offload) and marks the packet as unfinished; DNAT
  // then takes the outer one for unfinished as well and spoils it. So these devices get packets
  // whose checksums are whole; see net/offload. By name, of state's links.
  std::set<std::string> whole_checksums;
};

ClientPlan plan_client(const ClientSettings& settings, const ClientInput& input);

// The part of a state that keeps traffic from leaving another way, when the rest cannot be had.
State fences_of(const State& state);

}  // namespace core
