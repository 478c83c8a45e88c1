// What an operator decides for an edge, as far as planning depends on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/endpoint_slots.hpp"
#include "core/ip.hpp"

namespace core {

enum class BackendMode : std::uint8_t { endpoints, cluster_ip };
enum class AddressPolicy : std::uint8_t { local, any };
// What the kernel counts of a forward: its connections, or packets and bytes as well, which costs a
// look-up for each packet.
enum class Accounting : std::uint8_t { connections, traffic };
// What becomes of claims on ports at which the host itself listens. By source: those of a cluster
// are refused, those of files are warned of.
enum class HostPortPolicy : std::uint8_t { by_source, refuse, warn, take };

// What one object, and all of one namespace, may take. Of one object, what the CRD allows: 256
// addresses times 256 entries of ports; and a list of 100,000 sources in each family.
struct EdgeLimits {
  std::uint32_t forwards_per_mapping = 65'536;
  std::uint32_t forwards_per_namespace = 131'072;
  std::uint32_t elements_per_mapping = 2'097'152;
  std::uint32_t elements_per_namespace = 4'194'304;
  std::uint32_t sources_per_mapping = 200'000;
  std::uint32_t sources_per_namespace = 1'000'000;

  friend bool operator==(const EdgeLimits&, const EdgeLimits&) = default;
};

struct EdgeSettings {
  BackendMode backend = BackendMode::endpoints;
  AddressPolicy address_policy = AddressPolicy::local;
  Accounting accounting = Accounting::connections;
  HostPortPolicy host_ports = HostPortPolicy::by_source;
  bool cluster = false;    // objects may come from a cluster, whose tenants are not the operator
  bool masquerade = true;  // the default of Mappings that do not say preserveClientIP
  // This host's addresses that clients are masqueraded to, as far as they are here; none of a
  // family: to that of the interface that leads to the endpoint. No duplicates.
  std::vector<Address> masquerade_addresses;
  bool snat = false;
  // This host is a node of the cluster: Services whose externalTrafficPolicy is Local lead to its
  // own pods only. Elsewhere no pod is local, and Local asks for the client's address alone.
  bool node = false;
  std::string external_interfaces;  // unanchored extended regular expression; empty: none
  int gateway_offset = 1;           // as SNCTRLR_GW_ADDRESS_OFFSET; see gateway_of
  std::uint32_t mark_mask = 0;      // 0: constants::edge_mark_mask; else at least 4 adjacent bits
  // Address and port of our own HTTP listener; unset address: all addresses. A Mapping must not
  // take it away.
  std::optional<Address> monitor_address;
  std::uint16_t monitor_port = 0;
  EdgeLimits limits;
  SlotLayout slot_layout = SlotLayout::first;
  // In a cluster, the last one that all its edges know counts instead.
  bool agree_on_slots = true;
  // A new connection of a source that a limit per source cannot remember, because it remembers as
  // many as it can.
  bool refuse_when_full = true;

  friend bool operator==(const EdgeSettings&, const EdgeSettings&) = default;
};

}  // namespace core
