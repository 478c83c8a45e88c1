#include "core/state/link.hpp"

#include <tuple>

#include "core/constants.hpp"

namespace core {
namespace {

struct LinkText {
  std::string operator()(const FouTunnel& tunnel) const {
    const bool ipv4 = tunnel.family() == Family::ipv4;
    return std::string(ipv4 ? " type ipip" : " type ip6tnl mode ip6ip6") + " local " +
           to_string(tunnel.local) + " remote " + to_string(tunnel.remote) +
           (ipv4 ? " ttl " : " hoplimit ") +
           (tunnel.ttl == 0 ? "inherit" : std::to_string(tunnel.ttl)) +
           (ipv4 ? "" : " encaplimit none") + " encap fou encap-sport auto encap-dport " +
           std::to_string(tunnel.port) +
           (!tunnel.checksum ? ""
            : ipv4           ? " encap-csum"
                             : " encap-udp6-csum");
  }
  std::string operator()(const GpeTunnel& tunnel) const {
    return " type vxlan external gpe nolearning dstport " + std::to_string(tunnel.port);
  }
  std::string operator()(const FouSink& sink) const {
    return sink.family == Family::ipv4 ? " type ipip external" : " type ip6tnl external";
  }
  std::string operator()(const OtherLink& other) const { return " type " + other.type; }
};

struct SameEnds {
  bool operator()(const FouTunnel& was, const FouTunnel& now) const {
    return std::tie(was.local, was.remote, was.port) == std::tie(now.local, now.remote, now.port);
  }
  template <typename T>
  bool operator()(const T& was, const T& now) const {
    return was == now;
  }
  template <typename T, typename U>
  bool operator()(const T&, const U&) const {
    return false;
  }
};

}  // namespace

std::string to_text(const Link& link) {
  return link.name + " group " + std::to_string(constants::tunnel_group) + " mtu " +
         std::to_string(link.mtu) + std::visit(LinkText(), link.body);
}

bool KindOf<Link>::replaces(const Link& was, const Link& now) {
  return std::visit(SameEnds(), was.body, now.body);
}

}  // namespace core
