// A network namespace that is all here, as values: of a bundle or of a test. Routes are looked up
// by RouteTables; what the kernel decides besides (forwarding, the check of the way back) is done
// here as ip_route_input_slow() does it. And a world of these.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/listener.hpp"
#include "core/packet/ruleset.hpp"
#include "core/packet/walk/network.hpp"
#include "core/packet/walk/route_table.hpp"

namespace core::packet {

class HeldNetwork : public Network {
 public:
  HeldRuleset rules;
  std::vector<Link> interfaces;
  RouteTables tables;
  std::map<std::pair<std::uint32_t, Address>, Neighbour> neighbours;  // by the index of the link
  std::map<std::string, std::int64_t> sysctls;
  std::vector<Connection> tracked;
  Listeners listeners;
  bool listeners_known = true;
  std::vector<FouPort> fou;
  std::vector<std::pair<Hook, Opaque>> unread;
  Fill fill;
  std::vector<IpsecPolicy> policies;

  Ruleset& ruleset() override { return rules; }
  const std::vector<Link>& links() override { return interfaces; }
  RouteAnswer route(const RouteQuery& query) override;
  Neighbour neighbour(std::uint32_t device, const Address& address) override;
  std::optional<std::int64_t> sysctl(const std::string& name) override;
  std::optional<Connection> connection(const FlowTuple& tuple) override;
  Listening listens(std::uint8_t protocol, const Address& address, std::uint16_t port) override;
  const std::vector<FouPort>& fou_ports() override { return fou; }
  std::vector<Opaque> opaque(Hook hook, const Packet& packet, const Context& context) override;
  const std::vector<IpsecPolicy>& ipsec() override { return policies; }
  Fill conntrack_fill() override { return fill; }

 private:
  int check_input(const RouteQuery& query, const RouteAnswer& answer);
  std::int64_t conf(std::uint32_t device, const std::string& name);
  std::optional<Address> own_address(std::uint32_t device, const Address& next_hop);
};

class HeldWorld final : public World {
 public:
  struct Place {
    std::string name;    // as traces call it
    std::string inside;  // see World
    std::string path;    // of its file; empty where not known
    std::string pod_namespace;
    std::string pod;  // empty: it is none
    std::vector<Address> pod_addresses;
    std::unique_ptr<HeldNetwork> network = std::make_unique<HeldNetwork>();
  };
  std::vector<Place> places;
  std::map<Attachment, Attachment> peers;

  Network& network(std::size_t place) override { return *places[place].network; }
  std::string name(std::size_t place) override { return places[place].name; }
  std::string inside(std::size_t place) override { return places[place].inside; }
  std::optional<Attachment> peer(const Attachment& link) override;
};

}  // namespace core::packet
