// Elements of nftables' sets: what there is one of for each object, and so by the hundred thousand.
// Not here: the declarations of sets (ruleset), their types (set_shape).
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/ip.hpp"

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

}  // namespace core
