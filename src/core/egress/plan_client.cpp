#include "core/egress/plan_client.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/constants.hpp"
#include "core/egress/client_rules.hpp"
#include "core/egress/tunnels.hpp"

namespace core {
namespace {

using Encap = core::Egress::Encapsulation;

// A NAT pod that drains gets 2 of 512 parts, which of this many buckets is less than half of one,
// and so none: those that are busy stay with it and go elsewhere as they fall silent.
constexpr std::uint16_t buckets = 126;
constexpr std::uint16_t full_weight = 255;  // kernels before 6.12 take no more
// A connection that is silent for so long may move to another NAT pod, which resets it.
constexpr std::uint32_t idle_seconds = 120;

Address link_local(std::uint32_t number) {
  std::vector<std::uint8_t> bytes(16);
  bytes[0] = 0xfe;
  bytes[1] = 0x80;
  for (std::size_t i = 0; i < 4; ++i) bytes[15 - i] = static_cast<std::uint8_t>(number >> 8 * i);
  return Address(bytes);
}

// One with which packets may leave for other networks.
bool has_address(const Host& host, Family family) {
  const Prefix link_local = *Prefix::parse(family == Family::ipv4 ? "169.254.0.0/16" : "fe80::/10");
  return std::ranges::any_of(host.interfaces, [&](const auto& interface) {
    return interface.first != "lo" &&
           std::ranges::any_of(interface.second.addresses, [&](const Prefix& prefix) {
             return prefix.family() == family && !link_local.contains(prefix.address);
           });
  });
}

class Planner {
 public:
  // A family without an address has no tunnels, and is all fenced: it may get an address later.
  Planner(const ClientSettings& settings, const ClientInput& input, Family family,
          const Address* own, ClientPlan& plan)
      : settings_(settings),
        input_(input),
        family_(family),
        own_(own),
        source_(own != nullptr && input.host.is_local(*own) ? std::optional(*own) : std::nullopt),
        told_(own != nullptr || has_address(input.host, family)),
        plan_(plan) {}

  void plan() {
    if (input_.egresses.empty() && input_.closed.empty()) return;
    for (const ClientEgress& egress : input_.egresses) ways(egress);
    destinations();
    exclusions();
    closed();
    kept();
    rules();
    replies();
    // Probes go through the tunnels to the peers themselves. By port and not by mark, because the
    // way back of their answers is looked for likewise (rp_filter).
    state().rules.insert({.family = family_,
                          .priority = constants::peer_rule_priority,
                          .table = constants::peers_table,
                          .udp_port = settings_.probe_port});
  }

 private:
  [[nodiscard]] State& state() { return plan_.state; }
  [[nodiscard]] bool ours(const Prefix& prefix) const { return prefix.family() == family_; }

  // What one Egress leads through.
  struct Ways {
    std::uint32_t group = 0;  // 0: nothing
    std::vector<Gateway> gateways;
  };

  void ways(const ClientEgress& egress) {
    Ways& result = ways_[egress.egress.name];
    Nexthop group;
    for (const Gateway& gateway : egress.gateways) {
      if (own_ == nullptr || gateway.address.family() != family_ || gateway.address == *own_) {
        continue;
      }
      // Tunnel packets must not go into a tunnel, whatever the destinations are.
      state().routes.insert({.table = constants::egress_table,
                             .destination = Prefix::host(gateway.address),
                             .metric = 1,
                             .type = Route::Type::throw_});
      result.gateways.push_back(gateway);
      const Nexthop nexthop = tunnel_to(egress.egress, gateway.address);
      if (!gateway.usable) continue;
      const std::uint16_t weight = gateway.draining ? 1 : full_weight;
      // Twice: in a group of one the kernel does not note which buckets are busy, and the second
      // NAT pod would get half of all connections.
      for (const char* const turn : {" 1", " 2"}) {
        group.members.push_back({number(nexthop, turn), weight});
      }
    }
    if (egress.egress.mode == Egress::Mode::service && !group.members.empty()) {
      take_from_anywhere(egress);
    }
    if (group.members.empty() || egress.egress.deleting) return;
    std::ranges::sort(group.members);
    if (family_ == Family::ipv6) {
      // Where only the destination matters, not all pods of a node are to choose alike.
      const auto first = short_hash(to_string(*own_)) % group.members.size();
      std::rotate(group.members.begin(), group.members.begin() + static_cast<std::ptrdiff_t>(first),
                  group.members.end());
    }
    group.id =
        free_id("group " + to_string(egress.egress.name) + std::string(core::to_string(family_)));
    group.buckets = buckets;
    group.idle_seconds = idle_seconds;
    result.group = group.id;
    spread();
    state().nexthops.emplace(group.id, std::move(group));
  }

  // By ports too, over IPv4: connections are spread, not pods. Also with one NAT pod: with the
  // second, the hash of those that are open must not become another one. So it must be the same at
  // a connection's first look for a route and, when routes change, at a later one. Since Linux 6.16
  // the first one of a TCP connection that is opened here is by a random source port; and over IPv6
  // it is, in all versions, by no source port and no source address (tcp_v6_connect). What differs
  // is left out: a pod has one address of a family anyway.
  // Over IPv6, what is learned of a path's MTU is kept with one next hop, which the kernel looks
  // for by the destination alone (UDP's and ICMP's, ip6_update_pmtu): so does all. Not where that
  // moved open connections. (Over IPv4, all of the group keep it.)
  void spread() {
    const bool ipv4 = family_ == Family::ipv4;
    const std::string head = ipv4 ? "net/ipv4/" : "net/ipv6/";
    constexpr std::uint32_t destination = 0x0002, protocol_and_port = 0x0004 | 0x0020;
    const bool by_destination = !ipv4 || input_.random_source_ports;
    if (by_destination) {
      const bool ports = ipv4 || input_.spread_by_ports;
      state().sysctls[head + "fib_multipath_hash_fields"] =
          std::to_string(ports ? destination | protocol_and_port : destination);
    }
    state().sysctls[head + "fib_multipath_hash_policy"] = by_destination ? "3" : "1";
  }

  // Returns the next hop that leads through it, without a number.
  Nexthop tunnel_to(const Egress& egress, const Address& remote) {
    Nexthop nexthop;
    nexthop.family = family_;
    Route peer;
    peer.table = constants::peers_table;
    peer.destination = Prefix::host(remote);
    guarded_.insert(remote);
    rules_.tunnel_ports.insert(egress.encapsulation == Encap::vxlan ? constants::vxlan_gpe_port
                                                                    : settings_.fou_port);
    warn_of_room(egress, remote);
    if (egress.encapsulation == Encap::vxlan) {
      nexthop.device = gpe_device;
      nexthop.encapsulation = Encapsulation{constants::vxlan_id, remote};
      gpe(tunnel_mtu(Encap::vxlan, family_, path_mtu(input_.host, remote)));
      rules_.guarded_port = constants::vxlan_gpe_port;
    } else {
      nexthop.device = fou(remote);
    }
    if (egress.mode == Egress::Mode::service) plan_.whole_checksums.insert(nexthop.device);
    peer.device = nexthop.device;
    peer.encapsulation = nexthop.encapsulation;
    state().routes.insert(peer);
    return nexthop;
  }

  // The number of a next hop object like this; another Egress may lead there, too.
  std::uint32_t number(Nexthop nexthop, const char* turn) {
    const std::string remote =
        nexthop.encapsulation ? to_string(nexthop.encapsulation->remote) : "";
    const std::string name = nexthop.device + " " + remote + turn;
    const auto [known, first] = numbers_.try_emplace(name, 0);
    if (!first) return known->second;
    nexthop.id = known->second = free_id(name);
    // Nobody's address, and nobody is asked for it. The kernel keeps what it learns of a path's MTU
    // only with IPv6 next hops that have a gateway, and tells them apart by that.
    if (family_ == Family::ipv6) nexthop.gateway = link_local(nexthop.id);
    state().nexthops.emplace(nexthop.id, std::move(nexthop));
    return known->second;
  }

  std::string fou(const Address& remote) {
    Link link = fou_tunnel(state().links, *own_, remote, settings_.fou_port, settings_.checksum);
    link.mtu = tunnel_mtu(Encap::fou, family_, path_mtu(input_.host, remote));
    state().fou_ports.insert({family_, settings_.fou_port});
    std::string name = link.name;
    state().links.emplace(name, std::move(link));
    return name;
  }

  // With less than IPv6 must have, none of it goes through. IPv4 finds out what it can have.
  void gpe(std::uint32_t mtu) {
    const auto [entry, first] = state().links.try_emplace(std::string(gpe_device), gpe_tunnel(mtu));
    entry->second.mtu = std::max(std::min(entry->second.mtu, mtu), smallest_mtu(family_));
  }

  void warn_of_room(const Egress& egress, const Address& remote) {
    std::string why = lack_of_room(egress.encapsulation, family_, path_mtu(input_.host, remote));
    if (why.empty()) return;
    why.insert(0, "Egress " + to_string(egress.name) + ": ");
    if (std::ranges::find(plan_.problems, why) == plan_.problems.end()) {
      plan_.problems.push_back(std::move(why));
    }
  }

  // Answers come from NAT pods, not from the ClusterIP that requests go to.
  void take_from_anywhere(const ClientEgress& egress) {
    if (egress.egress.encapsulation == Encap::fou) {
      Link sink;
      sink.name = family_ == Family::ipv4 ? "pona4-sink" : "pona6-sink";
      sink.body = FouSink{family_};
      sink.mtu = tunnel_mtu(Encap::fou, family_, path_mtu(input_.host, *own_));
      state().links.emplace(sink.name, sink);
      rules_.guarded_port = settings_.fou_port;
      take_any_way();
    }
    for (const Address& sender : egress.senders) {
      if (sender.family() == family_) guarded_.insert(sender);
    }
  }

  // Answers come by another device than requests leave by. The other interfaces stay as strict as
  // they are.
  void take_any_way() {
    if (family_ != Family::ipv4 || input_.host.rp_filter_all == 0) return;
    const std::string head = "net/ipv4/conf/";
    for (const auto& [name, interface] : input_.host.interfaces) {
      if (name == "lo" || is_tunnel_name(name)) continue;
      state().sysctls[head + name + "/rp_filter"] =
          std::to_string(std::max(interface.rp_filter, input_.host.rp_filter_all));
    }
    state().sysctls[head + "all/rp_filter"] = "0";
  }

  [[nodiscard]] std::uint32_t free_id(const std::string& of) {
    std::uint32_t id = constants::nexthop_base | (short_hash(of) & 0x0fffffff);
    while (state().nexthops.contains(id)) ++id;
    return id;
  }

  void destinations() {
    for (const ClientEgress& wanted : input_.egresses) {
      for (const Prefix& destination : wanted.egress.destinations) {
        if (!ours(destination)) continue;
        const auto [owner, first] = owners_.try_emplace(destination, &wanted.egress);
        if (first) {
          lead(destination, wanted.egress);
        } else if (told_) {
          plan_.problems.push_back("Egress " + to_string(wanted.egress.name) + ": " +
                                   to_string(destination) + " is also a destination of Egress " +
                                   to_string(owner->second->name) + ", which comes first");
        }
      }
    }
  }

  void lead(const Prefix& destination, const Egress& egress) {
    const Ways& ways = ways_[egress.name];
    ClientDestination told{destination, egress.name, ClientDestination::Way::tunnel, {}};
    if (ways.group != 0) {
      route(destination, constants::destination_metric, Route::Type::unicast, ways.group);
      told.gateways = ways.gateways;
    }
    const bool bypass = egress.on_unavailable == Egress::OnUnavailable::bypass;
    if (ways.group == 0) {
      told.way = bypass ? ClientDestination::Way::pod : ClientDestination::Way::fence;
    }
    // Behind the way through: whatever becomes of that, nothing leaves by another one.
    route(destination, constants::fence_metric,
          bypass ? Route::Type::throw_ : Route::Type::unreachable);
    tell(std::move(told));
  }

  // What one Egress does not want is the next best one's that does, else the pod's own way.
  void exclusions() {
    for (const ClientEgress& from : input_.egresses) {
      for (const Prefix& excluded : from.egress.excluded) {
        if (!ours(excluded) || owners_.contains(excluded)) continue;
        const Egress* next = nullptr;
        std::uint8_t length = 0;
        for (const auto& [destination, owner] : owners_) {
          const bool wants = destination.contains(excluded.first()) &&
                             destination.length <= excluded.length &&
                             std::ranges::find(owner->excluded, excluded) == owner->excluded.end();
          if (wants && (next == nullptr || destination.length > length)) {
            next = owner;
            length = destination.length;
          }
        }
        if (!exclusions_.insert(excluded).second) continue;
        if (next != nullptr) {
          lead(excluded, *next);
        } else {
          route(excluded, constants::throw_metric, Route::Type::throw_);
          tell({excluded, from.egress.name, ClientDestination::Way::excluded, {}});
        }
      }
    }
  }

  void closed() {
    for (const Prefix& prefix : input_.closed) {
      if (!ours(prefix) || owners_.contains(prefix)) continue;
      route(prefix, constants::fence_metric, Route::Type::unreachable);
      closed_.insert(prefix);
      tell({prefix, {}, ClientDestination::Way::fence, {}});
    }
  }

  void kept() {
    for (const Prefix& prefix : settings_.kept) {
      if (!ours(prefix) || owners_.contains(prefix) || closed_.contains(prefix)) continue;
      route(prefix, constants::throw_metric, Route::Type::throw_);
    }
  }

  void rules() {
    state().tables[family_] = client_table(family_, rules_);
    for (const AddressRange& range : closed_ranges(state().routes, family_)) {
      const Element element = closed_element(range);
      state().elements.emplace(element.key, element.value);
    }
    for (const Address& address : guarded_) {
      ElementKey key;
      key.family = family_;
      key.set = ClientSet::gateways;
      key.key.append(address.bytes());
      state().elements.emplace(key, ElementValue{});
    }
  }

  // What is answered to connections that came in goes past the egress table, as if that were not
  // there. That the kernel knows it as it looks for the answer's way: see client_rules.
  void replies() {
    state().rules.insert({.family = family_,
                          .priority = constants::egress_rule_priority,
                          .mark = constants::inbound_mark,
                          .mask = constants::inbound_mark,
                          .table = constants::egress_table,
                          .inverted = true});
    const bool ipv4 = family_ == Family::ipv4;
    state().sysctls["net/ipv4/tcp_fwmark_accept"] = "1";  // of both families
    state().sysctls[ipv4 ? "net/ipv4/fwmark_reflect" : "net/ipv6/fwmark_reflect"] = "1";
    // Where the source of a packet must be reached by the device that it came by.
    for (const auto& [name, interface] : input_.host.interfaces) {
      const int strict = std::max(interface.rp_filter, input_.host.rp_filter_all);
      if (!ipv4 || strict != 1 || name == "lo" || is_tunnel_name(name)) continue;
      state().sysctls["net/ipv4/conf/" + name + "/src_valid_mark"] = "1";
    }
  }

  void tell(ClientDestination destination) {
    if (told_) plan_.destinations.push_back(std::move(destination));
  }

  void route(const Prefix& destination, std::uint32_t metric, Route::Type type,
             std::uint32_t nexthop = 0) {
    state().routes.insert({.table = constants::egress_table,
                           .destination = destination.masked(),
                           .metric = metric,
                           .type = type,
                           .nexthop = nexthop,
                           .source = nexthop == 0 ? std::nullopt : source_});
  }

  const ClientSettings& settings_;
  const ClientInput& input_;
  Family family_;
  const Address* own_;             // null: the pod has none of this family
  std::optional<Address> source_;  // what NAT pods know, whichever others the pod has
  bool told_;                      // what becomes of this family is anybody's business
  ClientPlan& plan_;
  std::map<ObjectName, Ways> ways_;
  std::map<std::string, std::uint32_t> numbers_;  // of next hop objects
  std::map<Prefix, const Egress*> owners_;
  std::set<Prefix> exclusions_, closed_;
  std::set<Address> guarded_;
  ClientRulesInput rules_;
};

}  // namespace

ClientPlan plan_client(const ClientSettings& settings, const ClientInput& input) {
  ClientPlan plan;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    // What is disabled takes no routes, and no packet leaves by it.
    if (family == Family::ipv6 && !input.host.ipv6) continue;
    const auto own = std::ranges::find(input.addresses, family, &Address::family);
    Planner(settings, input, family, own == input.addresses.end() ? nullptr : &*own, plan).plan();
  }
  std::ranges::stable_sort(plan.destinations, {}, &ClientDestination::destination);
  return plan;
}

}  // namespace core
