// Chains and rules for hosts of values, and the way of a packet as one line of text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/walk/walk.hpp"
#include "support/catch.hpp"
#include "support/fake_world.hpp"
#include "support/packet_rig.hpp"

namespace unit::walk_rig {

using namespace core::packet;
using packet_rig::address;
using packet_rig::address_bytes;
using packet_rig::be16;
using packet_rig::host32;
using support::world::echo_packet;
using support::world::FakeHost;
using support::world::FakeWorld;
using support::world::tcp_packet;
using support::world::udp_packet;

using Type = BaseChain::Type;
using End = Way::End;

inline ChainId chain(FakeHost& host, Hook hook, std::int32_t priority, Type type = Type::filter,
                     bool drops = false, const std::string& name = "") {
  ChainId id{TableFamily::inet, "t", name.empty() ? std::string(to_string(hook)) : name};
  host.rules.add({id, type, hook, priority, drops, {}});
  return id;
}
inline void rule(FakeHost& host, const ChainId& chain, std::vector<Expression> expressions,
                 std::uint64_t handle = 7, const std::string& comment = "") {
  host.rules.add_rule(chain, {handle, std::move(expressions), comment});
}

inline std::vector<Expression> operator+(std::vector<Expression> one,
                                         const std::vector<Expression>& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}
inline std::vector<Expression> port(std::uint16_t number) {
  return {Payload{Payload::Base::transport, 2, 2, 0}, packet_rig::equals(be16(number))};
}
inline std::vector<Expression> mark(std::uint32_t value) {
  return {Immediate{0, host32(value)}, MetaSet{meta_mark, 0}};
}
inline std::vector<Expression> marked(std::uint32_t value) {
  return {Meta{meta_mark, 0}, packet_rig::equals(host32(value))};
}
inline std::vector<Expression> state(std::uint32_t bits) {
  return {Ct{ct_state, {}, 0}, Bitwise{{}, 0, 0, 4, host32(bits), host32(0), 0, {}},
          Compare{Compare::Op::neq, 0, host32(0)}};
}
inline std::vector<Expression> dnat(const std::string& to, std::uint16_t to_port = 0) {
  Nat nat;
  nat.destination = true;
  nat.address_min = 0;
  std::vector<Expression> result = {Immediate{0, address_bytes(to)}};
  if (to_port != 0) {
    result.emplace_back(Immediate{16, be16(to_port)});
    nat.port_min = 16;
    nat.flags = nat_proto_specified;
  }
  if (to.find(':') != std::string::npos) nat.family = core::Family::ipv6;
  result.emplace_back(nat);
  return result;
}
inline std::vector<Expression> snat(const std::string& to) {
  Nat nat;
  nat.address_min = 0;
  return {Immediate{0, address_bytes(to)}, nat};
}
inline std::vector<Expression> masquerade(std::uint32_t flags = 0) {
  return {Masquerade{{}, {}, flags}};
}
inline std::vector<Expression> redirect(std::uint16_t to_port) {
  return {Immediate{0, be16(to_port)}, Redirect{0, {}, nat_proto_specified}};
}
inline std::vector<Expression> accepts() { return {packet_rig::accept()}; }
inline std::vector<Expression> drops() { return {packet_rig::drop()}; }

// "send route receive route receive deliver"
inline std::string story(const Way& way) {
  std::string text;
  for (const Step& step : way.steps) {
    text += (text.empty() ? "" : " ") + std::string(to_string(step.what));
  }
  return text;
}
inline const Step& step(const Way& way, Step::What what) {
  for (const Step& one : way.steps) {
    if (one.what == what) return one;
  }
  FAIL("no such step: " << to_string(what) << " in " << story(way));
  return way.steps.front();
}
inline std::size_t count(const Way& way, Step::What what) {
  std::size_t number = 0;
  for (const Step& one : way.steps) number += static_cast<std::size_t>(one.what == what);
  return number;
}

// client 10.0.0.2 - 10.0.0.1 router 192.0.2.1 - 192.0.2.2 server, where port 80 is open.
struct Routed {
  FakeWorld world;
  FakeHost& client = world.add("client");
  FakeHost& router = world.add("router");
  FakeHost& server = world.add("server");
  Choices choices;
  Walker walker{world, choices};

  Routed() {
    world.veth(client, "eth0", router, "in");
    world.veth(router, "out", server, "eth0");
    client.ip("address add 10.0.0.2/24 dev eth0").ip("route add default via 10.0.0.1");
    router.ip("address add 10.0.0.1/24 dev in").ip("address add 192.0.2.1/24 dev out");
    server.ip("address add 192.0.2.2/24 dev eth0").ip("route add default via 192.0.2.1");
    server.listen(core::packet::tcp, 80).listen(core::packet::udp, 53);
  }
  Way send(const Packet& packet, std::uint32_t with_mark = 0) {
    return walker.send(FakeWorld::place(client), packet, with_mark);
  }
  Way syn_to_server() { return send(tcp_packet("10.0.0.2", "192.0.2.2")); }
  // What answers a packet that got here, from where it ended.
  Way answer(const Way& request, std::uint8_t flags = syn | ack) {
    Packet packet = request.packet;
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_port, packet.destination_port);
    if (packet.protocol == core::packet::tcp) packet.tcp_flags = flags;
    if (packet.protocol == core::packet::icmp) packet.icmp_type = 0;
    return walker.send(request.at.place, packet);
  }
};

}  // namespace unit::walk_rig
