// What NAT pods and their clients must agree on, or do alike: names and sizes of tunnels.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/host.hpp"
#include "core/objects.hpp"
#include "core/state/state.hpp"

namespace core {

// The device of VXLAN-GPE: one is enough for all peers of both families.
inline constexpr std::string_view gpe_device = "pona-gpe";

// To `remote`, beside those in `links`. Its name is "pona4-0a010203" for 10.1.2.3, "pona6-" and a
// hash for IPv6: of all such names the first that does not lead to another address.
Link fou_tunnel(const std::map<std::string, Link>& links, const Address& local,
                const Address& remote, std::uint16_t port, bool checksum);
Link gpe_tunnel(std::uint32_t mtu);
bool is_tunnel_name(std::string_view name);

// The least MTU, in bytes, with which a device carries the family (RFC 791, RFC 8200).
constexpr std::uint32_t smallest_mtu(Family family) { return family == Family::ipv4 ? 68 : 1280; }

// What a tunnel within packets of `family` leaves of the path's MTU, in bytes. It may be less than
// IPv6 must have: then the device has that nevertheless, and TCP is kept to this.
std::uint32_t tunnel_room(Egress::Encapsulation encapsulation, Family family,
                          std::uint32_t path_mtu);
// What that means for people; empty: it is enough.
std::string lack_of_room(Egress::Encapsulation encapsulation, Family family,
                         std::uint32_t path_mtu);
// The MTU of such a tunnel's device.
std::uint32_t tunnel_mtu(Egress::Encapsulation encapsulation, Family family,
                         std::uint32_t path_mtu);

// The largest packet that certainly gets to `remote` without a tunnel, as far as this host knows:
// the MTU of the interface whose subnet it is in, else of the default route's, and not more than
// any route says.
std::uint32_t path_mtu(const Host& host, const Address& remote);

// 32 bits of FNV-1a.
std::uint32_t short_hash(std::string_view text);

}  // namespace core
