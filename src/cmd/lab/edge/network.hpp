// The edge lab's network: who is there, which addresses they have, how they are wired. Addresses
// are those set aside for documentation (RFC 5737, RFC 3849); pods use a private range.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab/home.hpp"

namespace cmd {

struct Pod {
  std::string_view name;
  std::string_view ipv4;
  std::string_view ipv6;
};

inline constexpr std::array<Pod, 3> pods = {{{"pod1", "10.244.0.11", "fd00:10:244::11"},
                                             {"pod2", "10.244.0.12", "fd00:10:244::12"},
                                             {"pod3", "10.244.0.13", "fd00:10:244::13"}}};

// What the outside connects to. The first two move between the appliances.
inline constexpr std::string_view external4 = "203.0.113.10";      // on ext2
inline constexpr std::string_view external6 = "2001:db8:2::10";    // on ext2
inline constexpr std::string_view first_external4 = "192.0.2.10";  // on ext1

// The client's own address, others that it also has, and the one on the allow-list.
inline constexpr std::string_view client4 = "198.51.100.10";
inline constexpr std::string_view client6 = "2001:db8:c::10";
inline constexpr std::array<std::string_view, 8> more_clients4 = {
    "198.51.100.11", "198.51.100.12", "198.51.100.13", "198.51.100.14",
    "198.51.100.15", "198.51.100.16", "198.51.100.17", "198.51.100.18"};
inline constexpr std::string_view office4 = "198.51.100.20";

inline constexpr std::uint16_t pod_http = 8080;
inline constexpr std::uint16_t pod_echo = 7;

// Namespaces, links, addresses, routes and sysctls; the appliance holds the moving addresses.
void build_network(LabHome& lab);

// The addresses that the active appliance holds: the external ones, and the pods' gateway.
void take_addresses(LabHome& lab, const std::string& appliance);  // and tells the neighbours
void drop_addresses(LabHome& lab, const std::string& appliance);
bool holds_addresses(const LabHome& lab, const std::string& appliance);
// As if its cables were pulled.
void cut_off(LabHome& lab, const std::string& appliance);

}  // namespace cmd
