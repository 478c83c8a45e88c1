#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "core/packet/walk/route_types.hpp"
#include "core/packet/walk/walk_run.hpp"

namespace core::packet {
RouteQuery Walker::Run::query() const {
  RouteQuery query;
  query.destination = packet_.destination;
  query.source = packet_.source;
  query.mark = context_.mark;
  query.protocol = packet_.protocol;
  if (packet_.has_ports()) {
    query.source_port = packet_.source_port;
    query.destination_port = packet_.destination_port;
  }
  query.tos = packet_.tos;
  return query;
}

std::int64_t Walker::Run::sysctl(const std::string& name, std::int64_t otherwise) {
  return network().sysctl(name).value_or(otherwise);
}

std::string Walker::Run::conf(const std::string& device, const std::string& name) const {
  return family_conf() + (device.empty() ? "all" : device) + "/" + name;
}

std::optional<RouteAnswer> Walker::Run::route_output() {
  RouteQuery asked = query();
  asked.uid = depth_ == 0 ? context_.uid : std::nullopt;  // a tunnel's packets are nobody's
  if (routed_unmarked_) asked.mark = 0;
  // Whoever sends has not chosen an address yet.
  const std::uint8_t none[16] = {};
  const Address unspecified(std::span(none, packet_.source.size()));
  if (packet_.source == unspecified) asked.source.reset();
  // A transparent socket may have any address.
  if (walker_.transparent_.contains(tuple_of(packet_))) asked.source.reset();
  RouteAnswer answer = network().route(asked);
  if (answer.error != 0) {
    refused_output(answer);
    return std::nullopt;
  }
  choose_hop(answer);
  if (packet_.source == unspecified && answer.source) {
    packet_.source = *answer.source;
    // What was said of it before had none.
    for (auto step = way_.steps.rbegin();
         step != way_.steps.rend() && step->packet.source == unspecified &&
         step->packet.destination == packet_.destination;
         ++step) {
      step->packet.source = packet_.source;
    }
  }
  const Link* out = network().link(answer.device);
  set_out(out);
  if (answer.type != rtn_local) {
    Step& step = add(Step::What::route, out != nullptr ? out->device.name : "", answer.text);
    step.link = answer.device;
    if (out != nullptr) step.mtu = answer.mtu != 0 ? answer.mtu : out->mtu;
  }
  return answer;
}

// Whether a route or a rule refuses it, which the kernel looks at before all else.
bool Walker::Run::refused(const RouteAnswer& answer) {
  const std::string to = to_string(packet_.destination);
  const std::string by = answer.text.empty() ? "" : ": " + answer.text;
  const bool rule = answer.text.starts_with("rule ");
  switch (answer.type) {
    case rtn_blackhole:
      drop(Cause::blackhole, "route",
           (rule ? "a routing rule throws away what is for " : "a blackhole route takes ") + to +
               by);
      return true;
    case rtn_unreachable:
      drop(Cause::unreachable, "route",
           (rule ? "a routing rule says that " : "a route says that ") + to + " is unreachable" +
               by);
      return true;
    case rtn_prohibit:
      drop(Cause::prohibited, "route",
           (rule ? "a routing rule prohibits " : "a route prohibits ") + to + by);
      return true;
    default:
      return false;
  }
}

void Walker::Run::refused_output(const RouteAnswer& answer) {
  if (refused(answer)) return;
  const std::string to = to_string(packet_.destination);
  if (answer.error == ENETUNREACH && packet_.family == Family::ipv6 &&
      sysctl("net/ipv6/conf/all/disable_ipv6", 0) != 0) {
    drop(Cause::ipv6_disabled, "route", "IPv6 is disabled here");
  } else if (answer.error == ENETUNREACH) {
    drop(Cause::no_route, "route", "no route leads to " + to);
  } else if (answer.error == EINVAL) {
    if (network().link_with(packet_.source) == nullptr) {
      drop(Cause::martian, "route", to_string(packet_.source) + " is no address of this host");
    } else {
      drop(Cause::unreachable, "route", "the kernel refuses to route it to " + to);
    }
  } else if (answer.error == EACCES) {
    drop(Cause::prohibited, "route", "a route prohibits " + to);
  } else {
    drop(Cause::unreachable, "route", "a route says that " + to + " is unreachable");
  }
}

// One of several next hops is the kernel's for this flow, by a hash of it; the others are those of
// other flows.
void Walker::Run::choose_hop(RouteAnswer& answer) {
  if (answer.hops.size() < 2) return;
  const auto taken = std::ranges::find_if(answer.hops, [&](const NextHop& hop) {
    return hop.device == answer.device && hop.gateway == answer.gateway;
  });
  if (taken != answer.hops.end()) std::rotate(answer.hops.begin(), taken, taken + 1);
  std::string weights;
  for (const NextHop& hop : answer.hops) {
    const Link* const out = network().link(hop.device);
    weights += (weights.empty() ? "" : ", ") +
               (hop.gateway ? "via " + to_string(*hop.gateway) + " " : std::string()) + "dev " +
               (out != nullptr ? out->device.name : std::to_string(hop.device)) + " weight " +
               std::to_string(hop.weight);
  }
  Fork fork{Fork::Kind::balancing, "the next hop of " + answer.text + " (" + weights + ")",
            answer.hops.size(), walker_.world_.name(place_)};
  const std::size_t option = walker_.choices_.choose(std::move(fork));
  const NextHop& hop = answer.hops[option];
  const Link* const out = network().link(hop.device);
  if (option > 0 && answer.source) {
    // Whoever has no address yet takes that of the way.
    RouteQuery asked = query();
    asked.source.reset();
    asked.out = hop.device;
    if (const RouteAnswer by = network().route(asked); by.error == 0) answer.source = by.source;
  }
  answer.device = hop.device;
  answer.gateway = hop.gateway;
  answer.text += ", next hop " +
                 (hop.gateway ? to_string(*hop.gateway) : std::string("on the link")) + " dev " +
                 (out != nullptr ? out->device.name : std::to_string(hop.device));
}

std::optional<RouteAnswer> Walker::Run::route_input() {
  RouteQuery asked = query();
  if (context_.in) asked.in = context_.in->index;
  RouteAnswer answer = network().route(asked);
  const std::string device = context_.in ? context_.in->name : "";
  const bool refused = answer.error != 0;
  if (refused) {
    refused_input(answer);
    return std::nullopt;
  }
  if (answer.type != rtn_unicast) return answer;
  // IPv6 answers without a look at it.
  if (packet_.family == Family::ipv6 && sysctl("net/ipv6/conf/all/forwarding", 1) == 0) {
    drop(Cause::forwarding_off, device, "this host does not forward IPv6");
    return std::nullopt;
  }
  choose_hop(answer);
  const Link* out = network().link(answer.device);
  Step& step = add(Step::What::route, out != nullptr ? out->device.name : "", answer.text);
  step.link = answer.device;
  if (out != nullptr) step.mtu = answer.mtu != 0 ? answer.mtu : out->mtu;
  return answer;
}

// Whether the check of the way back (fib_validate_source) refuses it.
bool Walker::Run::came_by_another_way(Cause& cause, std::string& text) {
  if (packet_.family != Family::ipv4 || !context_.in) return false;
  const std::string device = context_.in->name;
  if (network().link_with(packet_.source) != nullptr &&
      sysctl(conf(device, "accept_local"), 0) == 0) {
    cause = Cause::martian;
    text = to_string(packet_.source) + " is an address of this host itself";
    return true;
  }
  const std::int64_t filter =
      std::max(sysctl(conf("all", "rp_filter"), 0), sysctl(conf(device, "rp_filter"), 0));
  if (filter == 0) return false;
  RouteQuery back;
  back.destination = packet_.source;
  // Rules may ask for it; the kernel tells of senders of its own only.
  if (network().link_with(packet_.destination) != nullptr) back.source = packet_.destination;
  // With src_valid_mark the mark counts.
  if (sysctl(conf(device, "src_valid_mark"), 0) != 0) back.mark = context_.mark;
  const RouteAnswer answer = network().route(back);
  // An interface without an address takes only what would go back by it, however loose the check is
  // (__fib_validate_source).
  const Link* const in = network().link(context_.in->index);
  const bool loose = filter == 2 && in != nullptr &&
                     std::ranges::any_of(in->addresses, [](const LinkAddress& one) {
                       return one.prefix.family() == Family::ipv4;
                     });
  const bool there = answer.error == 0 && (loose || answer.device == context_.in->index);
  if (there) return false;
  cause = Cause::reverse_path;
  const Link* link = answer.error == 0 ? network().link(answer.device) : nullptr;
  text = "reverse path filter of " + device + " (rp_filter=" + std::to_string(filter) + "): " +
         (link != nullptr
              ? "the way back to " + to_string(packet_.source) + " is by " + link->device.name
              : "no route leads back to " + to_string(packet_.source));
  return true;
}

void Walker::Run::refused_input(const RouteAnswer& answer) {
  if (refused(answer)) return;
  const std::string device = context_.in ? context_.in->name : "";
  const std::string to = to_string(packet_.destination);
  if (answer.error == ENETUNREACH) {
    drop(Cause::no_route, "route", "no route leads to " + to);
    return;
  }
  if (answer.error == EACCES) {
    drop(Cause::prohibited, "route", "a route prohibits " + to);
    return;
  }
  if (answer.error == EHOSTUNREACH || answer.error == EXDEV || answer.error == EINVAL) {
    Cause cause = Cause::none;
    std::string text;
    if (came_by_another_way(cause, text)) {
      drop(cause, device, text);
      return;
    }
  }
  if (answer.error == EHOSTUNREACH) {
    const bool forwards = packet_.family == Family::ipv4
                              ? sysctl(conf(device, "forwarding"), 1) != 0
                              : sysctl("net/ipv6/conf/all/forwarding", 1) != 0;
    if (!forwards) {
      drop(Cause::forwarding_off, device, "this host does not forward what comes in by " + device);
      return;
    }
    drop(Cause::unreachable, "route", "a route says that " + to + " is unreachable");
    return;
  }
  drop(Cause::martian, device,
       "the kernel does not take it from " + device + " (error " + std::to_string(answer.error) +
           ")");
}

}  // namespace core::packet
