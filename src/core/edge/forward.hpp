// One external address, protocol and port (or range of ports) and what becomes of its traffic: the
// planner's unit of work. Lowers to elements of the edge's sets; what those mean is
// plan_edge_rules.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/conntrack_flow.hpp"
#include "core/edge/allowed_sources.hpp"
#include "core/ip.hpp"
#include "core/objects.hpp"
#include "core/shared_vector.hpp"
#include "core/state/state.hpp"

namespace core {

struct ForwardKey {
  Address address;
  Protocol protocol = Protocol::tcp;
  PortRange ports;

  friend auto operator<=>(const ForwardKey&, const ForwardKey&) = default;
};

std::string to_string(const ForwardKey& key);  // "203.0.113.10:443/tcp", "[2001:db8::1]:53/udp"
// What to_string() makes; nothing where `text` is something else.
std::optional<ForwardKey> parse_forward_key(std::string_view text);
bool overlap(const ForwardKey& one, const ForwardKey& other);

struct Backend {
  Address address;
  PortRange ports;  // as long as the forward's

  friend auto operator<=>(const Backend&, const Backend&) = default;
};

std::string to_string(const Backend& backend);  // "10.1.0.2:8080"
// What to_string() makes; nothing where `text` is something else.
std::optional<Backend> parse_backend(std::string_view text);

struct Forward {
  ForwardKey key;
  ObjectId owner;  // the Mapping, or the Service of type LoadBalancer
  ObjectName service;
  bool active = true;      // the address is in effect on this instance
  bool by_source = false;  // affinity: hash of the source address alone
  bool alter = false;      // masquerades where the appliance does not, or the other way round
  bool snat = false;       // its endpoints' own connections leave with key.address
  bool counted = false;    // packets and bytes are, not only connections
  std::string via;         // SNAT: the external interface that has the address
  bool hairpin = false;    // endpoints go into `pods`: replies would bypass the appliance
  AllowedSources sources;
  bool nobody = false;  // may connect: the list holds prefixes of the other family only
  std::uint32_t max_connections = 0;
  std::uint32_t new_per_second = 0;
  std::uint32_t limit_id = 0;  // the owner's number in limit_ids
  // The ports of one Service, on all addresses, share these.
  SharedVector<Backend> backends;     // sorted; take new connections
  SharedVector<Backend> draining;     // sorted; serving, but keep only what they have
  SharedVector<std::uint16_t> slots;  // index into backends; empty when there are none

  friend bool operator==(const Forward&, const Forward&) = default;

  [[nodiscard]] bool guarded() const {
    return nobody || !sources.empty() || max_connections != 0 || new_per_second != 0;
  }
  [[nodiscard]] bool shifted() const {
    return !key.ports.single() && !backends.empty() && backends.front().ports != key.ports;
  }
};

// The owner as it stands in comments of elements: "shop/web", "Service shop/web". And back; what is
// no such text is empty.
std::string owner_text(const ObjectId& owner);
ObjectId parse_owner(std::string_view text);

// Elements that belong to this forward alone, but for the next.
std::vector<Element> elements_of(const Forward& forward);

// That its sources are those of the list with this number (SourceLists).
Element source_list_element(const ForwardKey& forward, std::uint32_t number);

// Elements that several forwards may want: endpoints, pods, addresses, snat. See SharedElements.
std::vector<Element> shared_elements_of(const Forward& forward);

// Whether a conntrack entry must go now that `forward` (null: nothing) is what its original
// destination leads to. UDP follows the endpoints; TCP and SCTP drain; nobody who may not connect
// stays connected.
bool is_stale(const Flow& flow, const Forward* forward, bool was_forwarded);

}  // namespace core
