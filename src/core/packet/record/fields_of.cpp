#include "core/packet/record/fields_of.hpp"

#include <string_view>
#include <utility>

namespace core::packet {
namespace {

void fields_of_tuple(Fields& fields, const char* source, const char* destination,
                     const char* source_port, const char* destination_port, FlowTuple& tuple) {
  address(fields, source, tuple.source);
  address(fields, destination, tuple.destination);
  number(fields, source_port, tuple.source_port);
  number(fields, destination_port, tuple.destination_port);
}

void fields_of_tunnel(Fields& fields, TunnelLink& tunnel) {
  number(fields, "tunnelKind", tunnel.kind, static_cast<int>(TunnelLink::Kind::other));
  fields.address("local", tunnel.local);
  fields.address("remote", tunnel.remote);
  number(fields, "sourcePort", tunnel.source_port);
  number(fields, "port", tunnel.port);
  number(fields, "vni", tunnel.vni);
  number(fields, "external", tunnel.external);
}

void fields_of_ports(Fields& fields, const char* first, const char* last,
                     std::optional<PortRange>& ports) {
  PortRange range = ports.value_or(PortRange());
  number(fields, first, range.first);
  number(fields, last, range.last);
  ports = range == PortRange() ? std::nullopt : std::optional(range);
}

}  // namespace

void fields_of(Fields& fields, Link& link) {
  number(fields, "index", link.device.index);
  fields.text("name", link.device.name, Meaning::interface);
  fields.text("kind", link.device.kind, Meaning::plain);
  number(fields, "type", link.device.type);
  number(fields, "group", link.device.group);
  number(fields, "mtu", link.mtu);
  number(fields, "up", link.up);
  number(fields, "carrier", link.carrier);
  number(fields, "loopback", link.loopback);
  fields.bytes("mac", link.mac, Meaning::mac);
  list(fields, "addresses", link.addresses, [&](LinkAddress& one) {
    // No prefix: that of an address is not the network's.
    address(fields, "address", one.prefix.address);
    number(fields, "length", one.prefix.length,
           8 * static_cast<std::int64_t>(one.prefix.address.size()));
    number(fields, "secondary", one.secondary);
    number(fields, "tentative", one.tentative);
    number(fields, "duplicate", one.duplicate);
  });
  number(fields, "master", link.master);
  number(fields, "vrfTable", link.vrf_table);
  number(fields, "lower", link.lower);
  maybe_number(fields, "lowerNamespace", link.lower_netns);
  bool tunnelled = link.tunnel.has_value();
  number(fields, "tunnel", tunnelled);
  if (tunnelled) {
    TunnelLink tunnel = link.tunnel.value_or(TunnelLink());
    fields_of_tunnel(fields, tunnel);
    link.tunnel = tunnel;
  }
  number(fields, "xdp", link.xdp);
  number(fields, "tc", link.tc);
}

void fields_of(Fields& fields, ListedRoute& route) {
  prefix(fields, "to", route.destination);
  number(fields, "type", route.type);
  number(fields, "tos", route.tos);
  number(fields, "table", route.table);
  number(fields, "metric", route.metric);
  number(fields, "device", route.device);
  fields.address("via", route.gateway);
  fields.address("source", route.source);
  number(fields, "mtu", route.mtu);
  fields.text("text", route.text, Meaning::route);
  fields.address("encapRemote", route.encap_remote);
  fields.address("encapLocal", route.encap_local);
  number(fields, "encapId", route.encap_id);
  list(fields, "hops", route.hops, [&](NextHop& one) {
    number(fields, "device", one.device);
    fields.address("via", one.gateway);
    number(fields, "weight", one.weight);
  });
}

void fields_of(Fields& fields, ListedRule& rule) {
  number(fields, "priority", rule.priority);
  number(fields, "action", rule.action);
  number(fields, "inverted", rule.inverted);
  fields.prefix("from", rule.source);
  fields.prefix("to", rule.destination);
  number(fields, "mark", rule.mark);
  number(fields, "markMask", rule.mark_mask);
  fields.text("in", rule.in, Meaning::interface);
  fields.text("out", rule.out, Meaning::interface);
  number(fields, "tos", rule.tos);
  number(fields, "protocol", rule.protocol);
  fields_of_ports(fields, "sourcePort", "sourcePortEnd", rule.source_ports);
  fields_of_ports(fields, "port", "portEnd", rule.destination_ports);
  bool of_users = rule.uids.has_value();
  number(fields, "ofUsers", of_users);
  if (of_users) {
    auto uids = rule.uids.value_or(std::pair(0U, 0U));
    number(fields, "user", uids.first);
    number(fields, "userEnd", uids.second);
    rule.uids = uids;
  }
  maybe_number(fields, "suppressLength", rule.suppress_length);
  number(fields, "table", rule.table);
  number(fields, "vrf", rule.l3mdev);
  number(fields, "goTo", rule.target);
  number(fields, "family", rule.family, static_cast<int>(Family::ipv6));
  fields.text("text", rule.text, Meaning::route);
}

void fields_of(Fields& fields, Neighbour& neighbour) {
  number(fields, "state", neighbour.state, static_cast<int>(Neighbour::State::failed));
  fields.bytes("mac", neighbour.mac, Meaning::mac);
}

void fields_of(Fields& fields, Connection& one) {
  number(fields, "protocol", one.original.protocol);
  one.reply.protocol = one.original.protocol;
  fields_of_tuple(fields, "source", "destination", "sourcePort", "port", one.original);
  fields_of_tuple(fields, "replySource", "replyDestination", "replySourcePort", "replyPort",
                  one.reply);
  number(fields, "status", one.status);
  number(fields, "mark", one.mark);
  number(fields, "zone", one.zone);
  number(fields, "id", one.id);
  number(fields, "tcpState", one.tcp_state);
  number(fields, "timeout", one.timeout);
  one.in_kernel = true;
}

void fields_of(Fields& fields, Listener& listener) {
  number(fields, "port", listener.port);
  number(fields, "protocol", listener.protocol, 255);
  address(fields, "address", listener.address);
  number(fields, "device", listener.device);
}

void fields_of(Fields& fields, IpsecPolicy& policy) {
  number(fields, "direction", policy.direction, static_cast<int>(IpsecPolicy::Direction::forward));
  number(fields, "blocks", policy.blocks);
  number(fields, "transforms", policy.transforms);
  number(fields, "hasState", policy.has_state);
  prefix(fields, "source", policy.source);
  prefix(fields, "destination", policy.destination);
  number(fields, "protocol", policy.protocol);
  number(fields, "sourcePort", policy.source_port);
  number(fields, "sourcePortMask", policy.source_port_mask);
  number(fields, "port", policy.destination_port);
  number(fields, "portMask", policy.destination_port_mask);
  number(fields, "device", policy.device);
  number(fields, "mark", policy.mark);
  number(fields, "markMask", policy.mark_mask);
  number(fields, "priority", policy.priority);
  fields.address("remote", policy.remote);
  fields.text("text", policy.text, Meaning::route);
}

void fields_of(Fields& fields, Opaque& opaque) {
  fields.text("what", opaque.what, Meaning::plain);
  number(fields, "opinion", opaque.opinion, static_cast<int>(Opaque::Opinion::unknown));
  fields.text("remedy", opaque.remedy, Meaning::plain);
  std::optional<std::uint8_t> family;
  if (opaque.family) family = static_cast<std::uint8_t>(*opaque.family);
  maybe_number(fields, "family", family);
  opaque.family.reset();
  if (family) opaque.family = *family == 0 ? Family::ipv4 : Family::ipv6;
}

void number_of(Fields& fields, Hook& hook) {
  number(fields, "hook", hook, static_cast<int>(Hook::egress));
}

void fields_of(Fields& fields, ChainId& id) {
  number(fields, "family", id.family, static_cast<int>(TableFamily::ip6));
  fields.text("table", id.table, Meaning::nft);
  fields.text("name", id.name, Meaning::nft);
}

void fields_of(Fields& fields, BaseChain& chain) {
  fields_of(fields, chain.id);
  number(fields, "type", chain.type, static_cast<int>(BaseChain::Type::route));
  number_of(fields, chain.hook);
  number(fields, "priority", chain.priority);
  number(fields, "drops", chain.drops);
  list(fields, "devices", chain.devices,
       [&](std::string& one) { fields.text("name", one, Meaning::interface); });
}

void fields_of(Fields& fields, Rule& rule) {
  number(fields, "handle", rule.handle);
  fields_of(fields, "expressions", rule.expressions);
  fields.text("comment", rule.comment, Meaning::comment);
}

void fields_of(Fields& fields, Set& set) {
  number(fields, "flags", set.flags);
  number(fields, "keyType", set.key_type);
  number(fields, "keyLength", set.key_length);
  number(fields, "dataType", set.data_type);
  number(fields, "dataLength", set.data_length);
  list(fields, "fields", set.field_lengths,
       [&](std::uint32_t& one) { number(fields, "length", one); });
  number(fields, "objectType", set.object_type);
}

void fields_of(Fields& fields, Element& element) {
  fields.bytes("key", element.key, Meaning::value);
  Bytes end = element.key_end.value_or(Bytes());
  fields.bytes("keyEnd", end, Meaning::value);
  element.key_end = end.empty() ? std::nullopt : std::optional(std::move(end));
  number(fields, "intervalEnd", element.interval_end);
  number(fields, "catchAll", element.catch_all);
  fields.bytes("data", element.data, Meaning::value);
  bool decides = element.verdict.has_value();
  number(fields, "decides", decides);
  if (decides) {
    Verdict verdict = element.verdict.value_or(Verdict());
    fields_of(fields, verdict);
    element.verdict = std::move(verdict);
  }
  number(fields, "expired", element.expired);
  fields.text("comment", element.comment, Meaning::comment);
  fields_of(fields, "expressions", element.expressions);
  fields.text("object", element.object, Meaning::nft);
}

}  // namespace core::packet
