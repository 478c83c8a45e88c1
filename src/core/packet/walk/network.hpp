// One network namespace as the model asks about it, and how namespaces hang together. Who answers
// reads a kernel, a bundle, or a test's values. Rule: questions only; nobody changes anything.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/packet/context.hpp"
#include "core/packet/rules/interpret.hpp"
#include "core/packet/ruleset.hpp"
#include "core/packet/walk/ipsec.hpp"

namespace core::packet {

struct LinkAddress {
  Prefix prefix;  // the address itself, with the length of its subnet
  bool secondary = false;
  bool tentative = false;  // duplicate address detection runs, or found another one
  bool duplicate = false;  // it found another one

  friend bool operator==(const LinkAddress&, const LinkAddress&) = default;
};

// What a tunnel device puts around a packet; 0 and nothing where routes or the packet decide.
struct TunnelLink {
  enum class Kind : std::uint8_t { vxlan, vxlan_gpe, ip, fou, other };  // ip: ipip, sit, ip6tnl
  Kind kind{};
  std::optional<Address> local;
  std::optional<Address> remote;
  std::uint16_t source_port = 0;  // 0: a hash of what is inside
  std::uint16_t port = 0;         // destination, and where VXLAN listens
  std::uint32_t vni = 0;
  bool external = false;  // routes say where to (`ip route … encap ip`)

  friend bool operator==(const TunnelLink&, const TunnelLink&) = default;
};

struct Link {
  Device device;
  std::uint32_t mtu = 0;
  bool up = false;      // administratively
  bool carrier = true;  // and in fact
  bool loopback = false;
  Bytes mac;  // 6 bytes; empty where it has none
  std::vector<LinkAddress> addresses;
  std::uint32_t master = 0;                 // index of the bridge or VRF that it belongs to
  std::uint32_t vrf_table = 0;              // of a VRF: its routing table
  std::uint32_t lower = 0;                  // IFLA_LINK: a veth's peer, a VLAN's device
  std::optional<std::int32_t> lower_netns;  // IFLA_LINK_NETNSID; empty: this namespace
  std::optional<TunnelLink> tunnel;
  bool xdp = false;  // a program of XDP is attached
  bool tc = false;   // a qdisc that classifies (clsact, ingress)

  friend bool operator==(const Link&, const Link&) = default;
};

struct RouteQuery {
  Address destination;
  std::optional<Address> source;
  std::uint32_t in = 0;   // index of the device that it came in by; 0: it is sent from here
  std::uint32_t out = 0;  // index of the device that a socket is bound to
  std::uint32_t mark = 0;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::optional<std::uint32_t> uid;
  std::uint8_t tos = 0;
};

// Of a route that has several.
struct NextHop {
  std::uint32_t device = 0;
  std::optional<Address> gateway;
  std::uint32_t weight = 1;

  friend bool operator==(const NextHop&, const NextHop&) = default;
};

struct RouteAnswer {
  int error = 0;          // errno
  std::uint8_t type = 0;  // RTN_*
  std::uint32_t device = 0;
  std::optional<Address> gateway;
  std::optional<Address> source;  // RTA_PREFSRC
  std::uint32_t table = 0;
  std::uint32_t mtu = 0;  // of the route; 0: the device's
  std::string text;       // the route that fits, as ip(8) prints it; empty where not known
  // `encap ip`: the tunnel's other end, from here
  std::optional<Address> encap_remote;
  std::optional<Address> encap_local;
  std::uint64_t encap_id = 0;
  // Where there are several, all that are usable; `device` and `gateway` are those of one of them.
  std::vector<NextHop> hops;
  std::uint32_t group = 0;  // the next hop object of the route that fits; 0: none
};

struct Neighbour {
  enum class State : std::uint8_t { none, usable, resolving, failed };
  State state{};
  Bytes mac;

  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

enum class Listening : std::uint8_t { yes, no, unknown };

// A part of the kernel whose rules are not read one by one: named, with what it makes of a packet
// as far as that can be told from outside.
struct Opaque {
  enum class Opinion : std::uint8_t { passes, drops, unknown };
  std::string what;  // "legacy iptables, table filter", "IPVS"
  Opinion opinion = Opinion::unknown;
  std::string remedy;              // a command that lets it pass, or shows more; may be empty
  std::optional<Family> family{};  // whose packets meet it; empty: all
};

class Network : public Surroundings {
 public:
  virtual Ruleset& ruleset() = 0;
  virtual const std::vector<Link>& links() = 0;
  virtual RouteAnswer route(const RouteQuery& query) = 0;
  virtual Neighbour neighbour(std::uint32_t device, const Address& address) = 0;
  // "net/ipv4/ip_forward"; nothing where there is none, or it is no number.
  virtual std::optional<std::int64_t> sysctl(const std::string& name) = 0;
  // The entry that one of whose directions is `tuple`.
  virtual std::optional<Connection> connection(const FlowTuple& tuple) = 0;
  // Whether a socket takes what comes to this address and port.
  virtual Listening listens(std::uint8_t protocol, const Address& address, std::uint16_t port) = 0;
  // UDP ports that the kernel takes tunnels from (FoU: linux/fou.h), with the protocol inside; 0:
  // GUE.
  struct FouPort {
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;
  };
  virtual const std::vector<FouPort>& fou_ports() = 0;
  // What of these the packet meets at a hook.
  virtual std::vector<Opaque> opaque(Hook hook, const Packet& packet, const Context& context) = 0;
  // As the kernel lists them.
  virtual const std::vector<IpsecPolicy>& ipsec();
  // Of connection tracking: entries, and how many there may be; both 0 where not known.
  struct Fill {
    std::uint64_t entries = 0;
    std::uint64_t limit = 0;
  };
  virtual Fill conntrack_fill() = 0;

  // Made of the questions above.
  std::optional<Bytes> fib(const Packet& packet, const Context& context, const Fib& fib) override;
  std::optional<std::uint32_t> address_type(const Address& address, std::uint32_t device) override;
  std::optional<Bytes> route_key(const Packet& packet, const Context& context,
                                 std::uint32_t key) override;
  std::optional<Bytes> socket_key(const Packet& packet, const Context& context,
                                  const Socket& socket) override;

  const Link* link(std::uint32_t index);
  const Link* link_with(const Address& address);  // that has the address
  const Link* vrf_of(std::uint32_t index);        // that this link is or belongs to; null: none
};

// A link in a namespace.
struct Attachment {
  std::size_t place = 0;
  std::uint32_t link = 0;

  friend auto operator<=>(const Attachment&, const Attachment&) = default;
};

class World {
 public:
  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;

  virtual Network& network(std::size_t place) = 0;
  virtual std::string name(std::size_t place) = 0;  // "host", "pod default/web-1", "netns blue"
  // What a command begins with to run there, "ip netns exec blue "; empty: as it is.
  virtual std::string inside(std::size_t /*place*/) { return ""; }
  // What is at the other end of a veth. Nothing: somewhere that cannot be seen.
  virtual std::optional<Attachment> peer(const Attachment& link) = 0;
};

}  // namespace core::packet
