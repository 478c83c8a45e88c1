#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/packet/walk/route_types.hpp"
#include "core/packet/walk/walk_run.hpp"

namespace core::packet {
namespace {

constexpr std::uint32_t vlan_header = 4;

}  // namespace

// Nothing larger than `mtu`, with its tunnels around it, gets along here; `behind`: that shows at
// the next step, where it would come in.
void Walker::Run::narrow(std::uint32_t mtu, std::size_t extra, bool behind) {
  const std::size_t around = overhead_ + extra;
  const std::uint32_t room = mtu > around ? static_cast<std::uint32_t>(mtu - around) : 0;
  if (room >= way_.largest) return;
  way_.largest = room;
  way_.narrowest = way_.steps.size() - (behind ? 0 : 1);
}

// Whether it is small enough for a link, and for the route to there; 0: that says nothing.
bool Walker::Run::fits(const Link& link, std::uint32_t route_mtu) {
  const std::uint32_t limit = route_mtu != 0 ? route_mtu : link.mtu;
  narrow(limit, 0, false);
  const std::size_t size = size_of(packet_);
  if (size <= limit) return true;
  const std::string text = std::to_string(size) + " bytes do not fit into the MTU " +
                           std::to_string(limit) + " of " +
                           (route_mtu != 0 ? "the route by " : "") + link.device.name;
  if (packet_.family == Family::ipv4 && !packet_.dont_fragment && depth_ == 0) {
    walker_.assume(place_, link.device.name,
                   text + ", so it goes in fragments: assumed that all arrive");
    return true;
  }
  drop(Cause::too_big, link.device.name, text);
  return false;
}

Walker::Run::Stage Walker::Run::transmit(std::uint32_t index, const Address& next_hop) {
  const Link* out = network().link(index);
  if (out == nullptr) {
    return drop(Cause::no_route, "route", "the interface of its route is not there any more");
  }
  way_.at = {place_, index};
  way_.next_hop = next_hop;
  if (!out->up) {
    return drop(Cause::link_down, out->device.name, out->device.name + " is down");
  }
  if (out->tc) {
    walker_.assume(place_, out->device.name,
                   "a classifier (tc) is attached: assumed to let it pass");
  }
  if (!let_out(*out)) return Stage::ended;
  if (out->tunnel) return encapsulate(*out);
  if (!fits(*out, route_.mtu)) return Stage::ended;
  if (walker_.options_.edge_of_view == Attachment{place_, index}) return leave(*out, next_hop, "");
  const auto peer = out->lower != 0 && out->device.kind == "veth"
                        ? walker_.world_.peer({place_, index})
                        : std::nullopt;
  if (peer) return hand_over(*out, *peer, next_hop);
  if (out->device.kind == "bridge") {
    // Out by one of its ports: the one behind which the next hop is.
    for (const Link& port : network().links()) {
      if (port.master != index || !port.up) continue;
      const auto far = walker_.world_.peer({place_, port.device.index});
      if (far && answers_for(*far, next_hop)) return hand_over(port, *far, next_hop);
    }
    const bool open = std::ranges::any_of(network().links(), [&](const Link& port) {
      return port.master == index && port.up && !walker_.world_.peer({place_, port.device.index});
    });
    if (!open) {
      return drop(Cause::neighbour_silent, out->device.name,
                  "nobody on the bridge " + out->device.name + " has " + to_string(next_hop));
    }
  }
  if (out->device.kind == "vlan" && !out->lower_netns) {
    if (const Link* lower = network().link(out->lower)) {
      add(Step::What::transmit, out->device.name, "VLAN on " + lower->device.name);
      return leave(*lower, next_hop, "");
    }
  }
  return leave(*out, next_hop, "");
}

Walker::Run::Stage Walker::Run::leave(const Link& out, const Address& next_hop,
                                      const std::string& why) {
  const Neighbour neighbour = network().neighbour(out.device.index, next_hop);
  const bool imagined = walker_.options_.edge_of_view == Attachment{place_, out.device.index};
  if (neighbour.state == Neighbour::State::failed && !imagined) {
    return drop(Cause::neighbour_silent, out.device.name,
                to_string(next_hop) + " does not answer on " + out.device.name);
  }
  if (!out.carrier) {
    return drop(Cause::link_down, out.device.name, out.device.name + " has no carrier");
  }
  std::string text = "leaves to " + to_string(next_hop);
  if (!why.empty()) text += ", " + why;
  Step& step = add(Step::What::leave, out.device.name, text);
  step.link = out.device.index;
  step.mtu = out.mtu;
  way_.end = Way::End::left;
  way_.at = {place_, out.device.index};
  return Stage::ended;
}

// Whether this end of a link answers when somebody asks for the address (ARP, neighbour discovery).
bool Walker::Run::answers_for(const Attachment& at, const Address& address) {
  Network& there = walker_.world_.network(at.place);
  const Link* link = there.link(at.link);
  if (link == nullptr || !link->up) return false;
  if (address.family() == Family::ipv6) {
    return std::ranges::any_of(link->addresses,
                               [&](const LinkAddress& one) {
                                 return one.prefix.address == address && !one.tentative;
                               }) ||
           there.sysctl("net/ipv6/conf/" + link->device.name + "/proxy_ndp").value_or(0) != 0;
  }
  // ARP answers for each address of the host (arp_ignore 0).
  const auto highest = [&](const std::string& name) {
    const auto of = [&](const std::string& device) {
      return there.sysctl("net/ipv4/conf/" + device + "/" + name).value_or(0);
    };
    return std::max(of("all"), of(link->device.name));
  };
  const Link* owner = there.link_with(address);
  RouteQuery query;
  query.destination = address;
  const RouteAnswer answer = there.route(query);
  if (owner != nullptr || (answer.error == 0 && answer.type == rtn_local)) {
    // arp_ignore(): 0 all of the host's, 8 none, between them the link's own.
    const auto ignore = highest("arp_ignore");
    return ignore == 0 || (ignore < 8 && owner == link);
  }
  // arp_fwd_proxy()
  return highest("proxy_arp") != 0 &&
         there.sysctl("net/ipv4/conf/" + link->device.name + "/forwarding").value_or(1) != 0 &&
         answer.error == 0 && answer.type == rtn_unicast && answer.device != at.link;
}

Walker::Run::Stage Walker::Run::hand_over(const Link& out, const Attachment& peer,
                                          const Address& next_hop) {
  Network& there = walker_.world_.network(peer.place);
  const Link* far = there.link(peer.link);
  if (far == nullptr) return leave(out, next_hop, "its other end cannot be read");
  if (!far->up) {
    return drop(Cause::link_down, out.device.name,
                "the other end of " + out.device.name + ", " + far->device.name + " in " +
                    walker_.world_.name(peer.place) + ", is down");
  }
  // A veth takes what its own MTU allows, and a VLAN tag (is_skb_forwardable); quietly.
  const std::uint32_t taken = far->mtu + vlan_header;
  narrow(taken, 0, true);
  if (size_of(packet_) > taken) {
    return drop(Cause::too_big, out.device.name,
                "the other end of " + out.device.name + ", " + far->device.name + " in " +
                    walker_.world_.name(peer.place) + ", has an MTU of " +
                    std::to_string(far->mtu) + ", and drops it without a word");
  }
  if (far->master != 0) {
    const Link* master = there.link(far->master);
    if (master != nullptr && master->device.kind == "bridge") {
      return through_bridge(out, peer, next_hop);
    }
  }
  const Neighbour neighbour = network().neighbour(out.device.index, next_hop);
  const bool known = neighbour.state == Neighbour::State::usable && !neighbour.mac.empty();
  if (known && neighbour.mac != far->mac) {
    return drop(Cause::not_ours, out.device.name,
                "the neighbour entry of " + to_string(next_hop) +
                    " has another MAC than what is at the other end of " + out.device.name);
  }
  if (!known && !answers_for(peer, next_hop)) {
    return drop(Cause::neighbour_silent, out.device.name,
                to_string(next_hop) + " does not answer on " + out.device.name + ": " +
                    walker_.world_.name(peer.place) + " at its other end does not have it");
  }
  return arrive(peer);
}

// Chains that see frames, or packets in front of all hooks: named, and passed.
void Walker::Run::note_ingress(const Link& link) {
  for (const BaseChain& chain : network().ruleset().base_chains()) {
    const bool ingress = chain.hook == Hook::ingress &&
                         std::ranges::find(chain.devices, link.device.name) != chain.devices.end();
    if (!ingress) continue;
    const std::vector<Rule>* const rules = network().ruleset().rules(chain.id);
    if (rules != nullptr && rules->empty() && !chain.drops) continue;
    walker_.assume(place_, link.device.name,
                   "the ingress chain " + to_text(chain.id) + " is assumed to let it pass");
  }
}

void Walker::Run::note_bridge(std::size_t place, const Link& bridge) {
  Network& there = walker_.world_.network(place);
  const bool ipv4 = packet_.family == Family::ipv4;
  const std::string setting =
      std::string("net/bridge/bridge-nf-call-") + (ipv4 ? "iptables" : "ip6tables");
  if (there.sysctl(setting).value_or(0) != 0) {
    walker_.assume(place, bridge.device.name,
                   "what is bridged passes the rules of " + std::string(ipv4 ? "IPv4" : "IPv6") +
                       " as well (" + setting + "=1): assumed to let it pass");
  }
  for (const BaseChain& chain : there.ruleset().base_chains()) {
    if (chain.id.family != TableFamily::bridge) continue;
    const std::vector<Rule>* const rules = there.ruleset().rules(chain.id);
    if (rules != nullptr && rules->empty() && !chain.drops) continue;
    walker_.assume(place, bridge.device.name,
                   "the chain " + to_text(chain.id) + " is assumed to let it pass");
  }
}

Walker::Run::Stage Walker::Run::through_bridge(const Link& out, const Attachment& port,
                                               const Address& next_hop) {
  Network& there = walker_.world_.network(port.place);
  const std::uint32_t bridge = there.link(port.link)->master;
  const Link* master = there.link(bridge);
  const std::string name = walker_.world_.name(port.place);
  note_bridge(port.place, *master);
  const Neighbour neighbour = network().neighbour(out.device.index, next_hop);
  const bool known = neighbour.state == Neighbour::State::usable && !neighbour.mac.empty();
  // The frame goes by its MAC where that is known, else to whoever would answer.
  if (known ? neighbour.mac == master->mac : answers_for({port.place, bridge}, next_hop)) {
    return arrive({port.place, bridge});
  }
  bool open = false;
  for (const Link& other : there.links()) {
    if (other.master != bridge || other.device.index == port.link || !other.up) continue;
    const auto far = walker_.world_.peer({port.place, other.device.index});
    if (!far) {
      open = true;
      continue;
    }
    const Link* link = walker_.world_.network(far->place).link(far->link);
    if (link == nullptr) continue;
    if (known ? link->mac == neighbour.mac : answers_for(*far, next_hop)) {
      narrow(std::min(other.mtu, link->mtu), 0, true);
      return arrive(*far);
    }
  }
  if (open) {
    // By a port that leads out of sight.
    Step& step = add(
        Step::What::leave, out.device.name,
        "to " + to_string(next_hop) + " over the bridge " + master->device.name + " of " + name);
    step.link = out.device.index;
    step.mtu = out.mtu;
    way_.end = Way::End::left;
    return Stage::ended;
  }
  if (known) {
    return drop(Cause::not_ours, out.device.name,
                "the neighbour entry of " + to_string(next_hop) +
                    " has a MAC that nobody has on the bridge " + master->device.name + " of " +
                    name);
  }
  return drop(Cause::neighbour_silent, out.device.name,
              "nobody on the bridge " + master->device.name + " of " + name + " has " +
                  to_string(next_hop));
}

Walker::Run::Stage Walker::Run::arrive(const Attachment& at) {
  // Marks and connections stay behind in another namespace (skb_scrub_packet).
  if (at.place != place_) context_ = Context();
  context_.link_header.reset();
  context_.connection.reset();
  place_ = at.place;
  const Link* link = network().link(at.link);
  if (!link->up) {
    set_in(link);
    return drop(Cause::link_down, link->device.name, link->device.name + " is down");
  }
  if (link->master != 0) {
    const Link* master = network().link(link->master);
    if (master != nullptr && master->device.kind == "vrf") link = master;
  }
  note_ingress(*link);
  if (link->xdp) {
    walker_.assume(place_, link->device.name,
                   "a program (XDP) is attached: assumed to let it pass");
  }
  if (link->tc) {
    walker_.assume(place_, link->device.name,
                   "a classifier (tc) is attached: assumed to let it pass");
  }
  set_in(link);
  add(Step::What::receive, link->device.name, "in");
  return Stage::input;
}

}  // namespace core::packet
