// A tunnel device. pona's are known by their link group (constants::tunnel_group), which they have
// from the moment of their creation.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "core/ip.hpp"
#include "core/state/kind.hpp"

namespace core {

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

std::string to_text(const Tunnel& tunnel);  // without "ip link add"

template <>
struct Held<Tunnel> {
  std::map<std::string, Tunnel> tunnels = {};  // by name

  auto& all() { return tunnels; }
  [[nodiscard]] const auto& all() const { return tunnels; }
  friend bool operator==(const Held&, const Held&) = default;
};

template <>
struct KindOf<Tunnel> : HeldByKey<std::string, Tunnel> {
  using Changes = Types<Add<Tunnel>, Replace<Tunnel>, Delete<Tunnel>>;

  static const std::string& key(const Tunnel& tunnel) { return tunnel.name; }
  static bool replaces(const Tunnel& was, const Tunnel& now);  // of the same kind and endpoints

  // The link that other objects go with.
  static const std::string& link(const Tunnel& tunnel) { return tunnel.name; }

  static std::string make(const Tunnel& tunnel) { return "ip link add " + to_text(tunnel); }
  static std::string replace(const Tunnel& now, const Tunnel&) {
    return "ip link set " + to_text(now);
  }
  static std::string remove(const Tunnel& tunnel) { return "ip link del " + tunnel.name; }
};

using AddTunnel = Add<Tunnel>;
using ChangeTunnel = Replace<Tunnel>;
using DeleteTunnel = Delete<Tunnel>;

}  // namespace core
