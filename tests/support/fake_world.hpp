// Network namespaces of values for tests of the model, made by commands as ip(8) has them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/packet/ruleset.hpp"
#include "core/packet/walk/held_network.hpp"

namespace support::world {

class FakeHost final : public core::packet::HeldNetwork {
 public:
  using Link = core::packet::Link;

  explicit FakeHost(std::size_t place);

  // One command without "ip", as
  //   link add NAME type dummy|bridge|vlan|vrf|vxlan|ipip|gre [table N] [link DEV] [id N]
  //     [remote A] [local A] [dstport N] [encap-sport N] [encap-dport N] [gpe] [external]
  //   link set NAME [up|down] [nocarrier] [mtu N] [master DEV]
  //   address add PREFIX dev NAME [secondary] [tentative]
  //   route add [TYPE] PREFIX [via A] [dev NAME] [src A] [table N] [metric N] [mtu N] [encap A]
  //     [nexthop via A dev NAME [weight N]]…
  //   rule add [not] [from P] [to P] [fwmark N[/N]] [iif NAME] [oif NAME] [uidrange N-N]
  //     [ipproto N] [dport N] [priority N] [suppress_prefixlength N]
  //     lookup N|goto N|nop|l3mdev|blackhole|unreachable|prohibit
  //   neigh add A dev NAME [lladdr MAC] [nud failed]
  // What makes no sense is a failed test.
  FakeHost& ip(const std::string& command);
  FakeHost& set(const std::string& sysctl, std::int64_t value);
  FakeHost& listen(std::uint8_t protocol, std::uint16_t port);
  Link& device(std::string_view name);
  std::uint32_t index(std::string_view name) { return device(name).device.index; }

  std::optional<core::packet::FoundSocket> socket;  // that a look-up finds; empty: not known
  std::optional<core::packet::FoundSocket> find_socket(
      const core::packet::Packet& /*packet*/, const core::packet::Context& /*context*/,
      const std::optional<core::Address>& /*address*/, std::uint16_t /*port*/) override {
    return socket;
  }

 private:
  friend class FakeWorld;
  class Words;

  void add_link(Words words);
  void set_link(Words words);
  void add_address(Words words);
  void add_route(Words words, const std::string& text);
  void add_rule(Words words, const std::string& text);
  void add_neighbour(Words words);
  Link& make(const std::string& name, const std::string& kind);

  std::size_t place_;
};

class FakeWorld final : public core::packet::World {
 public:
  // A namespace with lo, forwarding as a router's.
  FakeHost& add(const std::string& name);
  // `ip link add A netns ONE type veth peer name B netns OTHER`, both up.
  void veth(FakeHost& one, const std::string& a, FakeHost& other, const std::string& b);

  core::packet::Network& network(std::size_t place) override { return *hosts_[place]; }
  std::string name(std::size_t place) override { return names_[place]; }
  std::optional<core::packet::Attachment> peer(const core::packet::Attachment& link) override;
  static std::size_t place(const FakeHost& host) { return host.place_; }

 private:
  std::vector<std::unique_ptr<FakeHost>> hosts_;
  std::vector<std::string> names_;
  std::map<core::packet::Attachment, core::packet::Attachment> peers_;
};

// Packets and translations as tests have them.
core::packet::Packet tcp_packet(std::string_view source, std::string_view destination,
                                std::uint16_t port = 80);
core::packet::Packet udp_packet(std::string_view source, std::string_view destination,
                                std::uint16_t port = 53);
core::packet::Packet echo_packet(std::string_view source, std::string_view destination);

}  // namespace support::world
