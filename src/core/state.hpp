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
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/ip.hpp"
#include "core/ruleset.hpp"

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
  count_                // not a set: how many there are
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

struct Route {
  std::uint32_t table = 0;
  Prefix destination;              // 0.0.0.0/0 or ::/0: default
  std::optional<Address> gateway;  // empty: on link
  std::string device;

  friend auto operator<=>(const Route&, const Route&) = default;
};

struct PolicyRule {  // ip rule
  Family family{};
  std::uint32_t priority = 0;
  std::uint32_t mark = 0;
  std::uint32_t mask = 0;
  std::uint32_t table = 0;
  bool suppress_default =
      false;  // suppress_prefixlength 0: the table's default routes do not count

  friend auto operator<=>(const PolicyRule&, const PolicyRule&) = default;
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

using Change =
    std::variant<AddTable, DeleteTable, AddSet, DeleteSet, AddChain, ReplaceRules, DeleteChain,
                 AddElement, DeleteElement, AddRoute, DeleteRoute, AddRule, DeleteRule, SetSysctl>;

// Changes are kept in the order in which they may be applied: what is referred to comes before what
// refers to it, and a traffic path exists before traffic is sent there. All nftables changes of one
// vector are one transaction.
using Changes = std::vector<Change>;

}  // namespace core
