// What pona owns in one network namespace, and the changes that lead from one such state to
// another. Desired and observed state have this one type. No effects here: net/kernel observes and
// applies.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/ip.hpp"
#include "core/state/ruleset.hpp"

namespace core {

// A short run of bytes without a heap allocation: there are hundreds of thousands of elements.
template <std::size_t N>
struct Bytes {
  std::uint8_t size = 0;
  std::array<std::uint8_t, N> data{};

  void append(std::span<const std::uint8_t> bytes) {  // the caller keeps within N
    std::ranges::copy(bytes, data.begin() + size);
    size = static_cast<std::uint8_t>(size + bytes.size());
  }
  [[nodiscard]] std::span<const std::uint8_t> view() const { return {data.data(), size}; }

  friend bool operator==(const Bytes& a, const Bytes& b) {
    return a.size == b.size && std::memcmp(a.data.data(), b.data.data(), a.size) == 0;
  }
  friend std::strong_ordering operator<=>(const Bytes& a, const Bytes& b) {
    const int order = std::memcmp(a.data.data(), b.data.data(), std::min(a.size, b.size));
    return order != 0 ? order <=> 0 : a.size <=> b.size;
  }
};

// The sets that hold elements of ours. Their declarations come from the planner; see
// plan_edge_rules.
enum class SetId : std::uint8_t {
  services,             // address . protocol . port : where a new connection goes
  guarded,              // the same, of Mappings with guards or altered: after the checks
  ranges,               // address . protocol . ports : first port
  range_services,       // address . protocol . first port : where it goes
  range_guarded,        // the same, of Mappings with guards or altered: after the checks
  altered,              // address . protocol . port of Mappings that masquerade otherwise than
                        // the appliance does
  range_altered,        // likewise, of first ports
  slots,                // address . protocol . port . slot : endpoint address . port
  range_slots,          // address . protocol . first port . slot : endpoint address
  range_ports,          // address . protocol . port : port, where a range is shifted
  sources,              // address . protocol . first port . source prefix that may connect
  refused_source,       // address . protocol . first port, counts
  refused_connections,  // likewise
  refused_rate,         // likewise
  limits,               // address . protocol . first port : jump limit-…
  limit_ids,            // address . protocol . ports : number of the Mapping
  traffic,              // direction . address . protocol . port, counts
  range_traffic,        // direction . address . protocol . ports, counts
  endpoints,            // address . protocol . port, counts new connections
  range_endpoints,      // address . protocol
  pods,                 // addresses of endpoints that may reach themselves (hairpin)
  addresses,            // mapped addresses in effect here
  external,             // interface : jump from-…
  returns,              // connection mark : goto to-…
  departures,           // connection mark : goto leave-…, connections that pods opened (SNAT)
  departing,            // connection mark . interface that such a connection may be SNATed on
  snat,                 // pod address : mapped address
  snat_interfaces,      // pod address : jump via-…
  // --- of a NAT pod, see plan_nat
  peers,             // outer . inner source address of what may come through a tunnel
  clients,           // addresses of clients; counts what they send
  replies,           // the same; counts what they receive
  opened,            // the same; counts the connections that they open
  drops,             // packet mark, a reason: counts what is refused for it
  egress_addresses,  // client address : the address that it leaves with
  // --- of a client, see plan_client
  gateways,  // addresses of NAT pods that tunnels may lead here from
  count_     // not a set: how many there are
};

std::string_view to_string(SetId set);  // the nft name: "range-services"
std::optional<SetId> parse_set(std::string_view name);

struct ElementKey {
  Family family{};
  SetId set{};
  Bytes<40> key;  // fields in register layout: each padded to 4 bytes when concatenated
  Bytes<16> end;  // interval sets: last value, inclusive, of the key's last field; else empty

  friend bool operator==(const ElementKey&, const ElementKey&) = default;
  friend auto operator<=>(const ElementKey&, const ElementKey&) = default;
};

struct ElementValue {
  Bytes<20> data;                              // maps
  Bytes<28> chain;                             // verdict maps: the chain's name
  bool jump = false;                           // jump, else goto
  std::shared_ptr<const std::string> comment;  // names the object

  friend bool operator==(const ElementValue& a, const ElementValue& b) {
    // The comment is documentation: a difference alone is no reason to touch the data path.
    return a.data == b.data && a.chain == b.chain && a.jump == b.jump;
  }
};

struct Element {
  ElementKey key;
  ElementValue value;

  friend bool operator==(const Element&, const Element&) = default;
};

struct ElementKeyHash {
  std::size_t operator()(const ElementKey& key) const noexcept;
};

// Of key and value, without the comment: equal elements have equal hashes.
std::uint64_t hash_of(const Element& element, std::uint64_t seed);

using Elements = std::unordered_map<ElementKey, ElementValue, ElementKeyHash>;

// Where a device of external mode sends a packet to (RTA_ENCAP of type ip and ip6).
struct Encapsulation {
  std::uint32_t id = 0;  // VXLAN network identifier
  Address remote;

  friend auto operator<=>(const Encapsulation&, const Encapsulation&) = default;
};

struct Route {
  enum class Type : std::uint8_t { unicast, unreachable, throw_ };

  std::uint32_t table = 0;
  Prefix destination;                   // 0.0.0.0/0 or ::/0: default
  std::optional<Address> gateway = {};  // empty: on link
  std::string device = {};              // empty: none is needed, or the next hop has it
  std::uint32_t metric = 0;             // 0: the kernel's default, which is 1024 in IPv6
  Type type = Type::unicast;
  std::uint32_t nexthop = 0;  // id of a Nexthop; 0: none
  std::optional<Encapsulation> encapsulation = {};

  friend auto operator<=>(const Route&, const Route&) = default;
};

struct PolicyRule {  // ip rule
  Family family{};
  std::uint32_t priority = 0;
  std::uint32_t mark = 0;
  std::uint32_t mask = 0;
  std::uint32_t table = 0;
  bool suppress_default =
      false;                   // suppress_prefixlength 0: the table's default routes do not count
  std::string iif = {};        // incoming interface; "lo": what is sent from here; empty: any
  std::uint16_t udp_port = 0;  // destination port of UDP; 0: anything

  friend auto operator<=>(const PolicyRule&, const PolicyRule&) = default;
};

// A tunnel device. pona's are known by their link group (constants::tunnel_group), which they have
// from the moment of their creation.
struct Tunnel {
  enum class Kind : std::uint8_t {
    fou,   // ipip or ip6tnl within UDP (Foo over UDP)
    gpe,   // VXLAN-GPE in external mode: routes say where to, for both families
    sink,  // ipip or ip6tnl in external mode: takes what arrives by FoU from anywhere
  };

  std::string name;  // at most 15 bytes
  Kind kind{};
  Family family{};         // of the outer packets, and of the inner ones; gpe: ipv4, takes both
  Address local, remote;   // fou only; else unspecified, of the family
  std::uint16_t port = 0;  // UDP, of the remote (fou) or of both (gpe); 0 of a sink
  bool checksum = true;    // UDP's, of outer packets
  std::uint8_t ttl = 0;    // of outer packets; 0: as the inner one's
  std::uint32_t mtu = 0;   // of inner packets, bytes
  // It is up and gives itself no link-local address; IPv4's rp_filter is 0 and src_valid_mark 1:
  // the way back is looked for with the mark that a NAT pod gives to what comes in here.
  bool ready = true;

  friend auto operator<=>(const Tunnel&, const Tunnel&) = default;
};

// A UDP port that receives FoU, ipip within IPv4 and ip6 within IPv6 (fou_nl.h, FOU_CMD_ADD).
struct FouPort {
  Family family{};
  std::uint16_t port = 0;

  friend auto operator<=>(const FouPort&, const FouPort&) = default;
};

// A nexthop object (ip nexthop), or a resilient group of such (nexthop.h, NHA_GROUP).
struct Nexthop {
  struct Member {
    std::uint32_t id = 0;
    std::uint16_t weight = 1;  // 1 to 255; from Linux 6.12 on more

    friend auto operator<=>(const Member&, const Member&) = default;
  };

  std::uint32_t id = 0;
  Family family{};     // of a group: not told by the kernel, ipv4
  std::string device;  // empty: it is a group
  std::optional<Address> gateway;
  std::optional<Encapsulation> encapsulation;
  std::vector<Member> members;     // sorted by id; of a group, at least one
  std::uint16_t buckets = 0;       // of a group
  std::uint32_t idle_seconds = 0;  // of a group: a bucket without packets for so long may move

  [[nodiscard]] bool group() const { return device.empty(); }
  friend auto operator<=>(const Nexthop&, const Nexthop&) = default;
};

struct Sysctl {
  std::string key;  // "net/ipv4/conf/eth1.100/rp_filter": interface names may hold dots
  std::string value;

  friend auto operator<=>(const Sysctl&, const Sysctl&) = default;
};

struct State {
  std::map<Family, nft::Table> tables;
  Elements elements;
  std::set<Route> routes;
  std::set<PolicyRule> rules;
  std::map<std::string, std::string> sysctls;  // only those that pona must hold
  std::map<std::string, Tunnel> tunnels = {};  // by name
  std::set<FouPort> fou_ports = {};
  std::map<std::uint32_t, Nexthop> nexthops = {};  // by id

  friend bool operator==(const State&, const State&) = default;
};

// --- changes ---------------------------------------------------------------------------------
struct AddTable {
  Family family{};
  std::string name;
};
struct DeleteTable {
  Family family{};
  std::string name;
};
struct AddSet {
  Family family{};
  nft::Set set;
};
struct DeleteSet {
  Family family{};
  std::string name;
};
struct AddChain {
  Family family{};
  std::string name;
  std::optional<nft::Hook> hook;
};
struct ReplaceRules {
  Family family{};
  nft::Chain chain;
};  // flush, then add: one batch
struct DeleteChain {
  Family family{};
  std::string name;
};
struct AddElement {
  Element element;
};
struct DeleteElement {
  ElementKey key;
  ElementValue was;
};
struct AddRoute {
  Route route;
};
struct ReplaceRoute {  // at once: no packet meets neither of them
  Route route;
  Route was;
};
struct DeleteRoute {
  Route route;
};
struct AddRule {
  PolicyRule rule;
};
struct DeleteRule {
  PolicyRule rule;
};
struct SetSysctl {
  Sysctl sysctl;
  std::string was;
};
struct AddTunnel {
  Tunnel tunnel;
};
struct ChangeTunnel {  // in place: of the same kind, family and endpoints
  Tunnel tunnel;
  Tunnel was;
};
struct DeleteTunnel {
  Tunnel tunnel;
};
struct AddFouPort {
  FouPort port;
};
struct DeleteFouPort {
  FouPort port;
};
struct AddNexthop {
  Nexthop nexthop;
};
struct ReplaceNexthop {
  Nexthop nexthop;
  Nexthop was;
};
struct DeleteNexthop {
  Nexthop nexthop;
};

using Change =
    std::variant<AddTable, DeleteTable, AddSet, DeleteSet, AddChain, ReplaceRules, DeleteChain,
                 AddElement, DeleteElement, AddRoute, ReplaceRoute, DeleteRoute, AddRule,
                 DeleteRule, SetSysctl, AddTunnel, ChangeTunnel, DeleteTunnel, AddFouPort,
                 DeleteFouPort, AddNexthop, ReplaceNexthop, DeleteNexthop>;

// Those that become one transaction of nftables.
template <typename Kind>
concept NftablesChange = std::is_same_v<Kind, AddTable> || std::is_same_v<Kind, DeleteTable> ||
    std::is_same_v<Kind, AddSet> || std::is_same_v<Kind, DeleteSet> ||
    std::is_same_v<Kind, AddChain> || std::is_same_v<Kind, ReplaceRules> ||
    std::is_same_v<Kind, DeleteChain> || std::is_same_v<Kind, AddElement> ||
    std::is_same_v<Kind, DeleteElement>;
bool is_nftables(const Change& change);

// Changes are kept in the order in which they may be applied: what is referred to comes before what
// refers to it, and a traffic path exists before traffic is sent there. All nftables changes of one
// vector are one transaction.
using Changes = std::vector<Change>;

}  // namespace core
