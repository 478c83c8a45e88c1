#include "core/packet/walk/walk.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/packet/walk/route_types.hpp"
#include "core/packet/walk/walk_run.hpp"

namespace core::packet {
namespace {

bool is_echo_request(const Packet& packet) {
  return (packet.protocol == icmp && packet.icmp_type == 8) ||
         (packet.protocol == icmpv6 && packet.icmp_type == 128);
}

// rt_tos2priority() (net/route.h)
std::uint32_t priority_of(std::uint8_t tos) {
  constexpr std::uint32_t priorities[] = {0, 2, 6, 4};
  return priorities[tos >> 3 & 3];
}

}  // namespace

void Walker::assume(std::size_t place, const std::string& where, const std::string& text) {
  Assumption assumption{world_.name(place) + (where.empty() ? "" : ": " + where), text};
  if (std::ranges::find(assumptions_, assumption) == assumptions_.end()) {
    assumptions_.push_back(std::move(assumption));
  }
}

Way Walker::send(std::size_t place, const Packet& packet, std::uint32_t mark,
                 std::optional<std::uint32_t> uid) {
  return Run(*this, packet).send(place, mark, uid);
}

Way Walker::receive(const Attachment& link, const Packet& packet) {
  return Run(*this, packet).receive(link);
}

Way Walker::Run::send(std::size_t place, std::uint32_t mark, std::optional<std::uint32_t> uid) {
  way_.largest = std::numeric_limits<std::uint32_t>::max();
  place_ = place;
  context_.mark = mark;
  context_.uid = uid;
  sent_here_ = true;
  add(Step::What::send, "", "");
  Stage stage = output();
  while (stage != Stage::ended) stage = stage == Stage::output ? output() : input();
  return finish();
}

Way Walker::Run::receive(const Attachment& at) {
  way_.largest = std::numeric_limits<std::uint32_t>::max();
  place_ = at.place;
  const Link* link = network().link(at.link);
  set_in(link);
  add(Step::What::receive, link != nullptr ? link->device.name : "", "in");
  Stage stage = Stage::input;
  if (link != nullptr && !link->up) {
    stage = drop(Cause::link_down, link->device.name, link->device.name + " is down");
  }
  while (stage != Stage::ended) stage = stage == Stage::output ? output() : input();
  return finish();
}

Way Walker::Run::finish() {
  way_.packet = packet_;
  if (way_.largest == std::numeric_limits<std::uint32_t>::max()) way_.largest = 0;
  way_.at.place = place_;
  return std::move(way_);
}

Step& Walker::Run::add(Step::What what, const std::string& where, const std::string& text) {
  Step step;
  step.what = what;
  step.place = place_;
  step.where = where;
  step.text = text;
  step.packet = packet_;
  step.encapsulation = depth_;
  step.overhead = overhead_;
  step.modelled = true;
  if (context_.in && what == Step::What::receive) step.link = context_.in->index;
  way_.steps.push_back(std::move(step));
  return way_.steps.back();
}

Walker::Run::Stage Walker::Run::drop(Cause cause, const std::string& where,
                                     const std::string& text) {
  way_.end = Way::End::dropped;
  way_.cause = cause;
  add(Step::What::drop, where, text);
  return Stage::ended;
}

void Walker::Run::set_in(const Link* link) {
  context_.in.reset();
  if (link != nullptr) context_.in = link->device;
  way_.at = {place_, link != nullptr ? link->device.index : 0};
}

void Walker::Run::set_out(const Link* link) {
  context_.out.reset();
  if (link != nullptr) context_.out = link->device;
}

// From a socket, or from a tunnel of this namespace.
Walker::Run::Stage Walker::Run::output() {
  if (way_.steps.size() > walker_.options_.most_steps) {
    return drop(Cause::loop, "", "it goes round and round here");
  }
  set_in(nullptr);
  context_.connection.reset();
  context_.untracked = false;
  auto route = route_output();
  if (!route) return Stage::ended;
  routed_unmarked_ = false;
  const Packet before = packet_;
  reroute_ = false;
  if (!pass(Hook::output)) return Stage::ended;
  // The kernel asks again where a chain of type route or a translation made it another one.
  if (reroute_ || packet_.destination != before.destination) {
    route = route_output();
    if (!route) return Stage::ended;
  }
  route_ = *route;
  if (!pass(Hook::postrouting)) return Stage::ended;
  walker_.connections_[place_].confirm(context_);
  if (route_.type == rtn_local) {
    // By lo: it comes in again with the connection and the route that it has (loopback_xmit).
    looped_ = true;
    const Link* link = network().link(route_.device);
    set_in(link);
    add(Step::What::receive, link != nullptr ? link->device.name : "lo", "to this host itself");
    return Stage::input;
  }
  return transmit(route_.device, route_.gateway.value_or(packet_.destination));
}

Walker::Run::Stage Walker::Run::input() {
  if (way_.steps.size() > walker_.options_.most_steps) {
    return drop(Cause::loop, "", "it goes round and round here");
  }
  sent_here_ = false;
  set_out(nullptr);
  if (!looped_) {
    context_.connection.reset();
    context_.untracked = false;
    context_.proxied.reset();
  }
  context_.uid.reset();
  const std::string device = context_.in ? context_.in->name : "";
  if (packet_.family == Family::ipv6 && sysctl(conf(device, "disable_ipv6"), 0) != 0) {
    return drop(Cause::ipv6_disabled, device, "IPv6 is disabled on " + device);
  }
  if (!pass(Hook::prerouting)) return Stage::ended;
  if (looped_) {
    looped_ = false;
    return local();
  }
  const auto route = route_input();
  if (!route) return Stage::ended;
  if (route->type == rtn_local) return local();
  if (route->type == rtn_broadcast || route->type == rtn_multicast) {
    way_.end = Way::End::unknown;
    walker_.assume(place_, device, "what becomes of broadcast and multicast is not modelled");
    return Stage::ended;
  }
  return forward(*route);
}

Walker::Run::Stage Walker::Run::forward(const RouteAnswer& route) {
  if (context_.proxied) {
    return drop(Cause::proxy_unrouted, "forward",
                "a rule gave it to the transparent proxy on port " +
                    std::to_string(*context_.proxied) + ", and no routing rule keeps it (mark " +
                    std::to_string(context_.mark) + ") on this host for that");
  }
  if (!let_in(IpsecPolicy::Direction::forward, "forward")) return Stage::ended;
  if (packet_.ttl <= 1) {
    return drop(Cause::ttl_exceeded, "forward", "its time to live ends here");
  }
  const Link* const out = network().link(route.device);
  // In front of the hook (ip_forward, ip6_forward): what is too large, no rule sees.
  if (out != nullptr && !fits(*out, route.mtu)) return Stage::ended;
  --packet_.ttl;
  // ip_forward() does so for IPv4 alone.
  if (packet_.family == Family::ipv4) context_.priority = priority_of(packet_.tos);
  set_out(out);
  if (!pass(Hook::forward)) return Stage::ended;
  route_ = route;
  if (!pass(Hook::postrouting)) return Stage::ended;
  walker_.connections_[place_].confirm(context_);
  return transmit(route.device, route.gateway.value_or(packet_.destination));
}

Walker::Run::Stage Walker::Run::local() {
  if (!pass(Hook::input)) return Stage::ended;
  walker_.connections_[place_].confirm(context_);
  if (!let_in(IpsecPolicy::Direction::in, "input")) return Stage::ended;
  if (context_.proxied) {
    walker_.transparent_.insert(reversed(tuple_of(packet_)));
    add(Step::What::deliver, "input",
        "to the transparent proxy on port " + std::to_string(*context_.proxied));
    way_.end = Way::End::delivered;
    return Stage::ended;
  }
  if (decapsulate()) return way_.end == Way::End::dropped ? Stage::ended : Stage::input;
  if (way_.end == Way::End::dropped) return Stage::ended;
  const std::string at = protocol_text(packet_.protocol);
  if (is_echo_request(packet_)) {
    add(Step::What::answer, "input", "an echo request, which the kernel answers");
    way_.end = Way::End::delivered;
    return Stage::ended;
  }
  if (packet_.protocol != tcp && packet_.protocol != udp && packet_.protocol != sctp) {
    add(Step::What::deliver, "input", at + " to this host");
    way_.end = Way::End::delivered;
    return Stage::ended;
  }
  // What answers a connection is taken by the socket that began it.
  if (packet_.protocol == tcp && (packet_.tcp_flags & ack) != 0) {
    add(Step::What::deliver, "input", (packet_.tcp_flags & rst) != 0 ? "reset" : "answer");
    way_.end = Way::End::delivered;
    return Stage::ended;
  }
  const std::string port = at + " port " + std::to_string(packet_.destination_port);
  switch (network().listens(packet_.protocol, packet_.destination, packet_.destination_port)) {
    case Listening::yes:
      add(Step::What::deliver, "input", "a socket listens on " + port);
      way_.end = Way::End::delivered;
      return Stage::ended;
    case Listening::no:
      if (context_.reply) {  // of a datagram that this host sent by a socket that is gone or raw
        add(Step::What::deliver, "input", "answer");
        way_.end = Way::End::delivered;
        return Stage::ended;
      }
      if (depth_ > 0) {
        return drop(Cause::tunnel_closed, "input", "nothing takes the tunnel's packets on " + port);
      }
      add(Step::What::answer, "input", "no socket listens on " + port);
      way_.end = Way::End::answered;
      way_.cause = Cause::port_closed;
      return Stage::ended;
    case Listening::unknown:
      break;
  }
  walker_.assume(place_, "input", "whether a socket listens on " + port + " is not known");
  add(Step::What::deliver, "input", port);
  way_.end = Way::End::delivered;
  return Stage::ended;
}

}  // namespace core::packet
