// Any bytes as what the kernel tells of links, addresses, routes, rules, next hops, FoU's ports,
// connections and sockets: nothing crashes, and what pona takes for its own it can write.
//
// An input is a message's type and flags, little-endian, and what follows its header.
#include <linux/netlink.h>

#include <optional>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "core/state/scope.hpp"
#include "core/state/text.hpp"
#include "fuzz/fuzz.hpp"
#include "net/codecs.hpp"
#include "net/conntrack.hpp"
#include "net/listeners.hpp"
#include "net/network_events.hpp"
#include "net/observe_host.hpp"

namespace {

using fuzz::require;
using net::NetlinkMessage;

// A change has a text, whatever the kernel has told.
template <typename T>
void check_text(const T& thing) {
  require(!core::to_text(core::Changes{core::Add<T>{thing}}).empty());
  require(!core::to_text(core::Changes{core::Delete<T>{thing}}).empty());
}

void check_own(const NetlinkMessage& message, const core::Scope& scope) {
  net::classify(message, scope, 7, {1, 2, 3});
  if (const auto rule = net::decode_rule(message, scope)) {
    require(scope.has_priority(rule->priority));
    net::encode_add_rule(*rule);
    net::encode_delete_rule(*rule);
    check_text(*rule);
  }
}

void check_link(const NetlinkMessage& message) {
  net::decode_link(message);
  const auto link = net::decode_own_link(message);
  if (!link) return;
  check_text(*link);
  const auto again = net::decode_own_link(net::view_of(*net::encode_add_link(*link)));
  require(again && again->name == link->name && again->mtu == link->mtu);
  net::encode_change_link(*link, 7);
}

void check_nexthop(const NetlinkMessage& message) {
  const auto nexthop = net::decode_nexthop(message);
  if (!nexthop) return;
  check_text(*nexthop);
  const auto again = net::decode_nexthop(net::view_of(*net::encode_add_nexthop(*nexthop, 7, true)));
  require(!again || again->id == nexthop->id);
  net::encode_delete_nexthop(nexthop->id);
}

void check_flow(const NetlinkMessage& message) {
  const auto flow = net::decode_flow(message);
  if (!flow) return;
  require(net::fits(*flow, {}));
  net::encode_delete_flow(*flow);
  core::FlowFilter filter;
  filter.protocol = flow->protocol;
  filter.original_destination = flow->original.destination;
  filter.original_destination_port = flow->original.destination_port;
  require(net::fits(*flow, filter));
  net::encode_dump_flows(flow->original.destination.family(), filter);
}

void check(const NetlinkMessage& message) {
  for (const auto& scope : {core::edge_scope(), core::nat_scope(), core::client_scope()}) {
    check_own(message, scope);
  }
  check_link(message);
  check_nexthop(message);
  check_flow(message);
  if (const auto address = net::decode_address(message)) {
    require(address->prefix.length <= 8 * address->prefix.address.size());
  }
  if (const auto route = net::decode_route(message)) {
    require(route->destination.length <= 8 * route->destination.address.size());
  }
  if (const auto port = net::decode_fou_port(message)) {
    require(net::decode_fou_port(net::view_of(*net::encode_fou_port(21, *port, true))) == port);
  }
  core::Listeners listeners;
  for (const auto protocol : {core::Protocol::tcp, core::Protocol::udp, core::Protocol::sctp}) {
    net::decode_listener(message, protocol, listeners);
  }
  if (const auto answer = net::read_answer(message)) {
    require(answer->error >= 0);
    require(!net::to_string(net::Answer{answer->error, answer->text}).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  net::for_each_message({data, size}, [](const NetlinkMessage& message) { check(message); });
  fuzz::Input input(data, size);
  const std::uint16_t type = input.number();
  const std::uint16_t flags = input.number();
  net::NetlinkWriter writer;
  const std::size_t begin = writer.begin_message(type, flags, 1);
  writer.append(input.rest());
  writer.close_message(begin);
  net::for_each_message(writer.bytes(), [](const NetlinkMessage& message) { check(message); });
  return 0;
}
