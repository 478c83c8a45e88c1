#include <unistd.h>

#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <set>

#include "cmd/diag/model/gather.hpp"
#include "cmd/diag/model/host_look.hpp"
#include "core/error.hpp"

namespace cmd {

namespace {

using How = model::Reach::How;
using Where = model::Evidence::Where;
using Kind = model::Walk::Kind;

constexpr std::size_t most_reaches = 64;
constexpr std::size_t most_clusters = 8;
constexpr std::size_t most_followed = 200;

constexpr std::array families = {core::Family::ipv4, core::Family::ipv6};

// Somebody outside (RFC 5737, RFC 3849).
core::Address somebody(core::Family family) {
  return *core::Address::parse(family == core::Family::ipv4 ? "198.51.100.77" : "2001:db8:c::77");
}

bool is_link_local(const core::Address& address) {
  const auto bytes = address.bytes();
  return address.family() == core::Family::ipv6 ? bytes[0] == 0xfe && bytes[1] >> 6 == 2
                                                : bytes[0] == 169 && bytes[1] == 254;
}

bool is_tunnel(const packet::Link& link) {
  return link.tunnel || link.device.kind == "wireguard" || link.device.kind == "tun";
}

// One that a host of the range may have.
core::Address host_in(const core::Prefix& range) {
  const bool room = range.length + 2U <= 8 * range.address.size();
  return room ? range.first().plus(2) : range.first();
}

}  // namespace

HostLook::HostLook(const ModelSources& sources, ModelObjectReader& reader,
                   model::Evidence& evidence)
    : sources_(sources),
      reader_(reader),
      evidence_(evidence),
      places_(sources.sandboxes),
      world_([this](const net::view::NamespaceId& id) { return places_.label(id); }) {
  at_ = world_.add(Places::open(sources.netns));
}

void HostLook::run() {
  name_host();
  ask_daemons();
  for (const core::Family family : families) find_uplink(family);
  // Elsewhere, what lies on a link of pods is not what pods send by.
  if (evidence_.where == Where::node || evidence_.where == Where::somewhere) {
    for (const core::Family family : families) find_pod(family);
  }
  if (evidence_.where == Where::somewhere && (pods_[0] || pods_[1])) evidence_.where = Where::node;
  for (const core::Family family : families) note_closed(family);
  look_at_rules();
  routes();
  for (const core::Family family : families) walks(family);
  targets();
}

void HostLook::name_host() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  evidence_.host = name.data();
  if (!sources_.netns.empty())
    evidence_.host = sources_.netns.substr(sources_.netns.rfind('/') + 1);
  evidence_.where = evidence_.nodes.empty() ? Where::somewhere : Where::outside;
  for (const model::Node& node : evidence_.nodes) {
    const bool ours = (sources_.netns.empty() && node.name == evidence_.host) ||
                      std::ranges::any_of(node.addresses, [&](const core::Address& one) {
                        return network().link_with(one) != nullptr;
                      });
    if (!ours) continue;
    evidence_.where = Where::node;
    node_ = node;
    return;
  }
}

bool HostLook::in_pod_range(const core::Address& address) const {
  return std::ranges::any_of(evidence_.ranges, [&](const model::PodRange& one) {
    return one.cluster.empty() && one.range.contains(address);
  });
}

// The link that leads to the network around: that of the default route, else one with an address
// that is no pod's.
void HostLook::find_uplink(core::Family family) {
  Uplink& uplink = uplinks_[static_cast<std::size_t>(family)];
  packet::RouteQuery query;
  query.destination = somebody(family);
  const packet::RouteAnswer answer = network().route(query);
  const packet::Link* link =
      answer.error == 0 && answer.type == RTN_UNICAST ? network().link(answer.device) : nullptr;
  if (link != nullptr && (link->loopback || is_tunnel(*link))) link = nullptr;
  const auto usable = [&](const packet::LinkAddress& one) {
    return one.prefix.family() == family && !is_link_local(one.prefix.address) &&
           !in_pod_range(one.prefix.address);
  };
  for (const packet::Link& one : network().links()) {
    if (link != nullptr) break;
    const bool fits =
        one.up && !one.loopback && !is_tunnel(one) && std::ranges::any_of(one.addresses, usable);
    if (fits) link = &one;
  }
  if (link == nullptr) return;
  uplink.link = link->device.index;
  const auto found = std::ranges::find_if(link->addresses, usable);
  if (found != link->addresses.end()) uplink.address = found->prefix;
}

// A pod of this node whose packets can be imagined, by the route that leads to it.
void HostLook::find_pod(core::Family family) {
  const std::uint32_t out = uplinks_[static_cast<std::size_t>(family)].link;
  const auto take = [&](const core::Address& address) {
    std::optional<Pod>& pod = pods_[static_cast<std::size_t>(family)];
    if (pod || address.family() != family || network().link_with(address) != nullptr) return;
    packet::RouteQuery query;
    query.destination = address;
    const packet::RouteAnswer answer = network().route(query);
    if (answer.error != 0 || answer.type != RTN_UNICAST || answer.gateway) return;
    const packet::Link* const link = network().link(answer.device);
    if (link == nullptr || link->loopback || is_tunnel(*link) || link->device.index == out) return;
    pod = Pod{address, link->device.index};
  };
  for (const Sandbox& sandbox : places_.sandboxes()) {
    for (const core::Address& address : sandbox.addresses) take(address);
  }
  for (const ModelPod& pod : reader_.pods()) {
    if (!node_.name.empty() && pod.node == node_.name) take(pod.address);
  }
  for (const packet::ListedRoute& route : world_.routes(at_).routes) {
    if (route.type == RTN_UNICAST && !route.gateway && route.destination.length != 0 &&
        in_pod_range(route.destination.first())) {
      for (const std::int64_t step : {2, 3, 0}) take(route.destination.first().plus(step));
    }
  }
}

void HostLook::note_closed(core::Family family) {
  if (evidence_.where != Where::node) return;
  const auto leads_on = [&](const packet::ListedRoute& route) {
    return route.destination.family() == family && route.type == RTN_UNICAST &&
           (route.gateway || route.destination.length == 0) &&
           !in_pod_range(route.destination.first());
  };
  const bool there = uplinks_[static_cast<std::size_t>(family)].address.has_value();
  if (there && std::ranges::none_of(world_.routes(at_).routes, leads_on))
    evidence_.closed.push_back(family);
}

void HostLook::routes() {
  std::set<std::pair<core::Prefix, std::string>> done;
  for (const model::PodRange& one : evidence_.ranges) {
    if (done.size() >= most_reaches || !done.emplace(one.range, one.cluster).second) continue;
    model::Reach reach{How::none, one.range, one.cluster, ""};
    const packet::ListedRoute* best = nullptr;
    for (const packet::ListedRoute& route : world_.routes(at_).routes) {
      if (route.type != RTN_UNICAST || !model::overlap(route.destination, one.range)) continue;
      if (route.destination.length == 0) {
        reach.how = How::by_default;
      } else if (best == nullptr || route.destination.length > best->destination.length) {
        best = &route;
      }
    }
    if (best != nullptr) {
      const core::Prefix& within =
          best->destination.length > one.range.length ? best->destination : one.range;
      packet::RouteQuery query;
      query.destination = host_in(within);
      // Not this host itself.
      for (int i = 0; i < 3 && network().link_with(query.destination) != nullptr; ++i) {
        query.destination = query.destination.plus(1);
      }
      const packet::RouteAnswer answer = network().route(query);
      const packet::Link* const link = network().link(answer.device);
      reach.text = answer.text;
      reach.how = link != nullptr && is_tunnel(*link) ? How::tunnel
                  : answer.gateway                    ? How::route
                                                      : How::link;
      if (answer.error != 0) reach.how = How::none;
    }
    evidence_.reaches.push_back(std::move(reach));
  }
}

void HostLook::walks(core::Family family) {
  const std::optional<Pod>& pod = pods_[static_cast<std::size_t>(family)];
  const Uplink& uplink = uplinks_[static_cast<std::size_t>(family)];
  if (!pod) return;
  const auto from_pod = [&](Kind kind, const core::Address& to, const std::string& target) {
    keep(follow(kind, pod->link, pod->address, to, {target, 80, packet::tcp}));
  };
  bool asked = false;
  for (const std::string& text : sources_.networks) {
    const auto range = core::Prefix::parse(text);
    if (!range) {
      throw core::Error(core::Error::Kind::usage,
                        "\"" + text + "\" is no range of addresses: say one as 10.0.0.0/8");
    }
    if (range->family() != family) continue;
    from_pod(Kind::pod_to_network, host_in(*range), "a machine of " + to_string(*range));
    asked = true;
  }
  const auto neighbour = neighbour_of(uplink);
  if (!asked && neighbour)
    from_pod(Kind::pod_to_network, *neighbour,
             "a machine of " + to_string(uplink.address->masked()));
  from_pod(Kind::pod_to_internet, somebody(family), "outside");
  for (const model::Node& node : evidence_.nodes) {
    if (node.name == node_.name) continue;
    const auto range = std::ranges::find(node.ranges, family, &core::Prefix::family);
    if (range == node.ranges.end()) continue;
    from_pod(Kind::pod_to_node, host_in(*range), "a pod of node " + node.name);
    break;
  }
  std::set<std::string> clusters;
  for (const model::PodRange& one : evidence_.ranges) {
    if (one.cluster.empty() || one.range.family() != family || clusters.size() >= most_clusters)
      continue;
    clusters.insert(one.cluster);
    from_pod(Kind::pod_to_cluster, host_in(one.range), "a pod of " + one.cluster);
  }
  if (neighbour) {
    keep(follow(Kind::network_to_pod, uplink.link, *neighbour, pod->address,
                {"a pod of this node", 80, packet::tcp}));
  }
}

// A machine of the subnet of this host, which need not be there: no node, not the host itself.
std::optional<core::Address> HostLook::neighbour_of(const Uplink& uplink) {
  if (!uplink.address) return std::nullopt;
  const core::Prefix subnet = uplink.address->masked();
  if (subnet.length + 2U > 8 * subnet.address.size()) return std::nullopt;
  for (const std::int64_t step : {-2, -3, -4, -5, 2, 3}) {
    const core::Address one = step < 0 ? subnet.last().plus(step + 1) : subnet.first().plus(step);
    const bool taken = one == subnet.last() || !subnet.contains(one) ||
                       network().link_with(one) != nullptr || in_pod_range(one) ||
                       std::ranges::any_of(world_.routes(at_).routes,
                                           [&](const packet::ListedRoute& route) {
                                             return route.gateway == one;
                                           }) ||
                       std::ranges::any_of(evidence_.nodes, [&](const model::Node& node) {
                         return std::ranges::find(node.addresses, one) != node.addresses.end();
                       });
    if (!taken) return one;
  }
  return std::nullopt;
}

void HostLook::keep(std::optional<model::Walk> walk) {
  if (walk) evidence_.walks.push_back(std::move(*walk));
}

std::optional<model::Walk> HostLook::follow_to(const ModelTarget& target, core::Family family) {
  const Uplink& uplink = uplinks_[static_cast<std::size_t>(family)];
  if (target.address ? target.address->family() != family : !uplink.address) return std::nullopt;
  const core::Address to = target.address ? *target.address : uplink.address->address;
  const packet::Link* const holder = network().link_with(to);
  const std::uint32_t in =
      holder != nullptr && !holder->loopback ? holder->device.index : uplink.link;
  if (in == 0) return std::nullopt;
  return follow(target.kind, in, somebody(family), to,
                {target.object, target.port, target.protocol});
}

void HostLook::targets() {
  for (const ModelTarget& target : reader_.targets()) {
    for (const core::Family family : families) keep(follow_to(target, family));
  }
  std::size_t followed = 0;
  for (const Mapped& one : mapped_) {
    auto walk = ++followed <= most_followed ? follow_to(one.target, one.target.address->family())
                                            : std::nullopt;
    std::optional<bool> keeps;
    if (walk && walk->end != model::Walk::End::refused)
      keeps = walk->end != model::Walk::End::translated;
    if (reader_.add_gateway(model::Form::edge_nat, "pona", keeps, "told by the running edge",
                            one.text)) {
      keep(std::move(walk));
    }
  }
}

void look_at_model_host(const ModelSources& sources, ModelObjectReader& reader,
                        model::Evidence& evidence) {
  HostLook(sources, reader, evidence).run();
}

}  // namespace cmd
