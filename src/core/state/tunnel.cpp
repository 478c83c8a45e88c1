#include "core/state/tunnel.hpp"

#include <tuple>

#include "core/constants.hpp"

namespace core {

std::string to_text(const Tunnel& tunnel) {
  const bool ipv4 = tunnel.family == Family::ipv4;
  std::string text = tunnel.name + " group " + std::to_string(constants::tunnel_group) + " mtu " +
                     std::to_string(tunnel.mtu);
  const std::string port = std::to_string(tunnel.port);
  const std::string ttl =
      (ipv4 ? " ttl " : " hoplimit ") + (tunnel.ttl == 0 ? "inherit" : std::to_string(tunnel.ttl));
  switch (tunnel.kind) {
    case Tunnel::Kind::gpe:
      text += " type vxlan external gpe nolearning dstport " + port;
      break;
    case Tunnel::Kind::sink:
      text += ipv4 ? " type ipip external" : " type ip6tnl external";
      break;
    case Tunnel::Kind::fou:
      text += std::string(ipv4 ? " type ipip" : " type ip6tnl mode ip6ip6") + " local " +
              to_string(tunnel.local) + " remote " + to_string(tunnel.remote) + ttl +
              (ipv4 ? "" : " encaplimit none") + " encap fou encap-sport auto encap-dport " + port +
              (!tunnel.checksum ? ""
               : ipv4           ? " encap-csum"
                                : " encap-udp6-csum");
      break;
  }
  return text;
}

bool KindOf<Tunnel>::replaces(const Tunnel& was, const Tunnel& now) {
  return std::tie(was.kind, was.family, was.local, was.remote, was.port) ==
         std::tie(now.kind, now.family, now.local, now.remote, now.port);
}

}  // namespace core
