// The questions of `pona diag check`: what was read, in, and what is to be thought of it, out.
// Pure. Who reads (cmd/diag/check) says by an empty optional what could not be read.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/check/result.hpp"
#include "core/conntrack_flow.hpp"
#include "core/host.hpp"
#include "core/ip.hpp"
#include "core/listener.hpp"
#include "core/obstacle.hpp"
#include "core/packet/walk/network.hpp"

namespace core::check {

// --- kernel --------------------------------------------------------------------------------------
struct Trial {
  int code = 0;
  std::string refusal;  // the change and what the kernel answered; empty: it took it
};
struct KernelFacts {
  Role role{};
  std::vector<Trial> trials;
  std::string failure;  // why nothing was tried; empty: it was
  bool privileges = false;
  // Encapsulations of the Egresses that there are, "FoU" and "VXLAN"; empty: not known.
  std::set<std::string> encapsulations;
};
Results judge_kernel(const KernelFacts& facts);

// --- sysctl --------------------------------------------------------------------------------------
struct SysctlFacts {
  Role role{};
  Place place;
  // Of those that are asked for, by net::read_sysctl's keys; what there is none of is not in it.
  std::map<std::string, std::string> values;
  std::vector<packet::Link> links;
  std::set<std::string> external;  // interfaces to the outside
  bool ipv6 = false;               // objects, or the pod's addresses, are of IPv6, too
  bool edge_runs = false;
  bool pod_bridge = false;  // pods are on a bridge of this host, and kube-proxy works by rules
};
Results judge_sysctls(const SysctlFacts& facts);
// The keys that it wants to know of.
std::vector<std::string> sysctl_keys(const std::vector<packet::Link>& links);

// --- rules ---------------------------------------------------------------------------------------
struct MappedPort {
  std::string object;  // "Mapping shop/web"
  Address address;
  Protocol protocol{};
  PortRange ports;
  bool active = true;

  friend bool operator==(const MappedPort&, const MappedPort&) = default;
};
// A rule of another program that does something to a mapped port.
struct ForeignRule {
  std::string object;     // "Mapping shop/web, 203.0.113.5:443/tcp"
  std::string reference;  // "nft ip nat PREROUTING #3"
  std::string text;
  std::string removal;  // "nft delete rule ip nat PREROUTING handle 7"; empty: by other means
};
struct RuleFacts {
  Role role{};
  Place place;
  bool readable = true;                   // nftables could be read
  std::vector<std::string> legacy;        // tables of legacy iptables: "iptables filter"
  std::optional<bool> legacy_readable;    // false: no right to
  std::vector<std::string> nft_iptables;  // tables that iptables-nft has made: "ip filter"
  // "firewalld", and by what it is known: "table inet firewalld"
  std::vector<std::pair<std::string, std::string>> programs;
  std::vector<Obstacle> obstacles;
  std::vector<std::string> obstacle_rules;  // of each, the chain as nft(8) lists it; may be less
  std::string obstacles_unknown;            // why they were not looked for
  std::vector<ForeignRule> translations, untracked;
  std::vector<MappedPort> mapped;
  std::optional<Listeners> listeners;
};
Results judge_rules(const RuleFacts& facts);

// --- mtu -----------------------------------------------------------------------------------------
struct End {
  Place place;
  std::string link;
  std::uint32_t mtu = 0;
};
struct VethPair {
  End here, there;
};
struct TunnelFacts {
  Place place;
  std::string link;
  std::uint32_t mtu = 0;
  bool up = true;
  packet::TunnelLink tunnel;
  bool outer6 = false;  // its outer packets are of IPv6
  // What it leaves by; empty: not known.
  std::string below;
  std::uint32_t below_mtu = 0;
};
struct BridgePort {
  Place place;
  std::string port, bridge;
  std::uint32_t port_mtu = 0, bridge_mtu = 0;
};
struct MtuFacts {
  std::vector<VethPair> pairs;
  std::size_t unseen_peers = 0;  // veths whose other end is nowhere to be seen
  bool privileges = false;       // more rights would show them
  std::vector<TunnelFacts> tunnels;
  std::vector<BridgePort> ports;
  std::vector<End> narrow6;  // less than IPv6 needs, of links that ought to have it
};
Results judge_mtu(const MtuFacts& facts);
// Bytes that go around an inner packet; 0: not known.
std::uint32_t overhead(const packet::TunnelLink& tunnel, bool outer6);

// --- tunnels -------------------------------------------------------------------------------------
struct PortTaken {
  Place place;
  std::uint16_t port = 0;
  std::string evidence;
};
struct AstrayRoute {
  Place place;
  std::string destination, egress;
  std::string route;  // as the kernel gives it, or why it gives none
};
struct EgressState {
  std::string name;  // "internet/egress"
  std::size_t clients = 0;
  std::vector<std::pair<std::string, std::string>> nat_pods;  // address, "up", "draining", "dead"
  std::string encapsulation{};                                // "FoU", "VXLAN"; empty: not told
};
struct TunnelsFacts {
  Role role{};
  std::optional<std::vector<Flow>> flows;  // UDP ones of this host
  std::uint16_t tunnel_port = 0;
  std::vector<PortTaken> taken;
  std::vector<AstrayRoute> astray;
  std::vector<std::string> right_ways;  // destinations whose route is a tunnel, for the record
  std::vector<TunnelFacts> tunnels;
  std::vector<EgressState> egresses;
  std::string unknown;  // why clients could not be looked at
  bool privileges = false;
};
Results judge_tunnels(const TunnelsFacts& facts);

// --- conntrack, ports ----------------------------------------------------------------------------
struct ConntrackFacts {
  Place place;
  std::uint64_t entries = 0, limit = 0;         // both 0: nothing tracks connections here
  std::map<std::string, std::string> timeouts;  // by sysctl key
};
Results judge_conntrack(const ConntrackFacts& facts);

struct PortUse {
  Protocol protocol{};
  Address source;  // that is translated to
  Address destination;
  std::uint16_t port = 0;

  friend auto operator<=>(const PortUse&, const PortUse&) = default;
};
struct PortFacts {
  std::map<PortUse, std::uint32_t> uses;
  std::string unknown;
  bool privileges = false;
};
Results judge_ports(const PortFacts& facts);
// Counts the entry, if its source is translated.
void count_port(std::map<PortUse, std::uint32_t>& uses, const Flow& flow);

// --- addresses -----------------------------------------------------------------------------------
struct AddressFacts {
  Place place;
  std::vector<packet::Link> links;
  std::vector<MappedPort> mapped;
  // Of others who said that they have one.
  struct Claim {
    Address address;
    std::string link, mac;
  };
  std::vector<Claim> claims{};
  std::size_t asked = 0;    // addresses; 0: nobody was asked
  std::string unasked{};    // why nobody could be
  bool privileges = false;  // more rights would help
};
Results judge_addresses(const AddressFacts& facts);

// --- cluster -------------------------------------------------------------------------------------
struct Right {
  std::string role;  // "ClusterRole pona-edge"
  std::string ns;    // empty: all namespaces
  std::string group, resource, subresource, name, verb;

  [[nodiscard]] std::string text() const;  // "patch mappings.smartnat.aureacentral.com/status"
  friend auto operator<=>(const Right&, const Right&) = default;
};
struct ClusterFacts {
  std::string config;   // "context shop of /etc/kubernetes/admin.conf"; empty: none was found
  std::string failure;  // why the API server cannot be asked
  std::vector<std::pair<Right, bool>> rights;
  std::string rights_unknown;
  std::vector<std::string> kinds, missing_kinds;
  std::optional<std::int64_t> skew;  // seconds that this host is ahead
  std::string here, there;           // the two times
};
Results judge_cluster(const ClusterFacts& facts);

// --- files, sockets ------------------------------------------------------------------------------
struct FileFacts {
  std::string path;
  bool exists = false;
  std::string error;  // why it could not be looked at
  bool directory = false;
  bool readable = true, writable = true;  // for this process
  std::uint32_t mode = 0;                 // permission bits
  std::string owner;                      // "0:0"
};
struct FilesFacts {
  std::optional<FileFacts> kubeconfig, manifests, state, run, edge_socket, agent_socket;
  bool manifests_wanted = false;  // it was named
};
Results judge_files(const FilesFacts& facts);

struct DaemonFacts {
  bool wanted = false;  // the role asks for one
  std::string socket;
  bool answers = false;
  bool exists = false;                // the socket's file
  std::string complaint;              // why it does not answer
  std::string start;                  // how it is started
  std::vector<std::string> troubles;  // says it is ill
  std::vector<std::string> problems;  // says that objects are
};
Results judge_edge(const DaemonFacts& facts);
Results judge_agent(const DaemonFacts& facts);

// --- leftovers -----------------------------------------------------------------------------------
struct Leftovers {
  Place place;
  std::vector<std::string> chains;  // "iptables nat SNM-PREROUTING"
  bool chains_known = true;
  std::optional<std::vector<std::string>> sets;
  std::vector<std::string> rules;    // as ip(8) prints them: SmartNat's
  std::vector<std::string> devices;  // Coil's and Pona's
  std::vector<std::string> old_rules;
  bool privileges = false;
};
Results judge_leftovers(const Leftovers& facts);
// By its name alone.
bool is_smartnat_chain(std::string_view name);
bool is_smartnat_set(std::string_view name);
bool is_old_device(std::string_view name);

}  // namespace core::check
