// The rules that arm and the filters of packet sockets, against packets as they look in tunnels.
#include <netinet/in.h>

#include <linux/filter.h>
#include <linux/netfilter.h>

#include <algorithm>
#include <array>

#include "net/probe/arm.hpp"
#include "net/probe/capture.hpp"
#include "net/probe/watched_flow.hpp"
#include "support/catch.hpp"

namespace unit::patterns_test {

using namespace core::packet;
using net::probe::Pattern;
using net::probe::Tunnel;
using net::probe::WatchedFlow;

namespace {

const std::vector<Tunnel> tunnels = {
    {Tunnel::Kind::fou, 5555}, {Tunnel::Kind::vxlan, 4789}, {Tunnel::Kind::vxlan_gpe, 4790}};

Cookie cookie_for(std::uint8_t protocol) {
  Cookie cookie;
  cookie.protocol = protocol;
  cookie.sequence = 0xc0de1234;
  cookie.id = 0x5a17;
  cookie.payload = {9, 8, 7, 6, 5, 4, 3, 2};
  return cookie;
}

Packet between(bool ipv4, std::uint8_t protocol) {
  Packet packet;
  packet.family = ipv4 ? core::Family::ipv4 : core::Family::ipv6;
  packet.source = *core::Address::parse(ipv4 ? "10.0.0.1" : "fd00::1");
  packet.destination = *core::Address::parse(ipv4 ? "10.0.0.2" : "fd00::2");
  packet.protocol = protocol;
  packet.source_port = packet.destination_port = 1234;
  return packet;
}

Packet carry(const Packet& inner, bool ipv4, std::uint8_t protocol, std::uint16_t port,
             std::size_t front) {
  Packet outer = between(ipv4, protocol);
  outer.destination_port = port;
  outer.payload.assign(front, 0);
  const Bytes bytes = to_bytes(inner);
  outer.payload.insert(outer.payload.end(), bytes.begin(), bytes.end());
  return outer;
}

Packet error_about(const Packet& packet) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  Packet error = between(ipv4, ipv4 ? icmp : icmpv6);
  error.icmp_type = ipv4 ? 3 : 1;
  error.payload = to_bytes(packet);
  return error;
}

bool fits(const Pattern& pattern, const Packet& packet) {
  if (pattern.protocol != packet.protocol) return false;
  const Bytes bytes = to_bytes(packet);
  const ByteView transport = ByteView(bytes).subspan(network_header_size(packet));
  for (const net::probe::Part& part : pattern.parts) {
    const ByteView in = part.network ? ByteView(bytes) : transport;
    if (part.offset + part.value.size() > in.size()) return false;
    if (!std::ranges::equal(in.subspan(part.offset, part.value.size()), part.value)) {
      return false;
    }
  }
  return true;
}

template <typename Target>
bool is_armed(const Target& target, const Packet& packet) {
  const auto patterns = net::probe::patterns_of(target, tunnels);
  return std::ranges::any_of(patterns, [&](const Pattern& one) { return fits(one, packet); });
}

// Whether no jump leads behind the program.
bool ends_everywhere(const std::vector<sock_filter>& program) {
  for (std::size_t at = 0; at < program.size(); ++at) {
    if (BPF_CLASS(program[at].code) != BPF_JMP) continue;
    if (at + 1 + std::max(program[at].jt, program[at].jf) >= program.size()) return false;
  }
  return BPF_CLASS(program.back().code) == BPF_RET;
}

// The instructions of the classic packet filter that packet_filter() uses.
template <typename Target>
bool is_caught(const Target& target, const Packet& packet) {
  const Bytes bytes = to_bytes(packet);
  const auto program = net::probe::packet_filter(net::probe::needles_of(target));
  REQUIRE(program.size() <= BPF_MAXINSNS);
  REQUIRE(ends_everywhere(program));
  std::uint32_t value = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& one = program[at];
    switch (one.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (one.k + 4 > bytes.size()) return false;
        value = 0;
        for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[one.k + i];
        break;
      case BPF_LD | BPF_H | BPF_ABS:
        if (one.k + 2 > bytes.size()) return false;
        value = static_cast<std::uint32_t>(bytes[one.k] << 8 | bytes[one.k + 1]);
        break;
      case BPF_LD | BPF_B | BPF_ABS:
        if (one.k + 1 > bytes.size()) return false;
        value = bytes[one.k];
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        value &= one.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += value == one.k ? one.jt : one.jf;
        break;
      case BPF_RET | BPF_K:
        return one.k != 0;
      default:
        FAIL("unknown instruction");
    }
  }
  FAIL("no end");
  return false;
}

// All forms that the probe of a protocol, its answer and an error about it take under way.
std::vector<Packet> forms(std::uint8_t protocol, bool ipv4) {
  Packet request = between(ipv4, protocol);
  if (protocol == tcp) request.tcp_flags = syn;
  if (protocol == icmp) request.icmp_type = 8;
  if (protocol == icmpv6) request.icmp_type = 128;
  put_cookie(request, cookie_for(protocol));
  Packet reply = between(ipv4, protocol);
  if (protocol == tcp) {
    reply.acknowledgement = cookie_for(tcp).sequence + 1;
    reply.tcp_flags = syn | ack;
  } else if (protocol == sctp) {
    reply.sequence = cookie_for(sctp).sequence;
    reply.payload = {2, 0, 0, 4};
  } else {
    reply = request;
    if (protocol == icmp) reply.icmp_type = 0;
    if (protocol == icmpv6) reply.icmp_type = 129;
  }
  return {request, reply, error_about(request)};
}

std::vector<Packet> carried(const Packet& packet) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  std::vector<Packet> all = {packet};
  for (const bool outer : {true, false}) {
    all.push_back(carry(packet, outer, ipv4 ? ipip : ipv6_in_ip, 0, 0));
    all.push_back(carry(packet, outer, udp, 5555, 0));
    all.push_back(carry(packet, outer, udp, 4789, 22));
    all.push_back(carry(packet, outer, udp, 4790, 8));
    all.push_back(carry(packet, outer, udp, 4790, 22));
  }
  return all;
}

}  // namespace

TEST_CASE("a probe is armed for and caught in each form and tunnel") {
  for (const bool ipv4 : {true, false}) {
    for (const std::uint8_t protocol : {tcp, udp, sctp, ipv4 ? icmp : icmpv6}) {
      for (const Packet& form : forms(protocol, ipv4)) {
        for (const Packet& packet : carried(form)) {
          INFO("cookie of " << int{protocol} << ": " << protocol_text(packet.protocol) << ' '
                            << to_text(packet) << " with " << packet.payload.size());
          CHECK(is_armed(cookie_for(protocol), packet));
          CHECK(is_caught(cookie_for(protocol), packet));
          Cookie other = cookie_for(protocol);
          other.sequence += 0x10001;
          other.id = 1;
          other.payload[1] ^= 1;
          CHECK_FALSE(is_armed(other, packet));
          CHECK_FALSE(is_caught(other, packet));
        }
      }
    }
  }
}

TEST_CASE("a watched flow is armed for and caught in both directions and in tunnels") {
  for (const bool ipv4 : {true, false}) {
    for (const std::uint8_t protocol : {tcp, udp, ipv4 ? icmp : icmpv6}) {
      Packet request = between(ipv4, protocol);
      request.source_port = 40000;
      request.destination_port = 80;
      Packet answer = request;
      std::swap(answer.source, answer.destination);
      std::swap(answer.source_port, answer.destination_port);
      WatchedFlow flow{protocol, request.destination, 80, std::nullopt, std::nullopt};
      for (const bool exact : {false, true}) {
        if (exact) flow.source = request.source;
        if (exact) flow.source_port = 40000;
        const std::vector<WatchedFlow> flows = {flow};
        for (const Packet& form : {request, answer}) {
          for (const bool outer : {true, false}) {
            for (const Packet& packet :
                 {form, carry(form, outer, udp, 5555, 0), carry(form, outer, udp, 4789, 22),
                  carry(form, outer, udp, 4790, 8)}) {
              INFO(protocol_text(packet.protocol) << ' ' << to_text(packet) << ' ' << exact);
              CHECK(is_armed(flows, packet));
              CHECK(is_caught(flows, packet));
            }
          }
        }
        Packet other = request;
        other.destination = *core::Address::parse(ipv4 ? "10.0.0.3" : "fd00::3");
        CHECK_FALSE(is_armed(flows, other));
        CHECK_FALSE(is_caught(flows, other));
        CHECK(net::probe::fits(flow, request));
        CHECK_FALSE(net::probe::fits(flow, answer));
        CHECK_FALSE(net::probe::fits(flow, other));
        if (request.has_ports()) {
          other = request;
          other.destination_port = 81;
          CHECK_FALSE(is_armed(flows, other));
          CHECK_FALSE(is_caught(flows, other));
          CHECK_FALSE(net::probe::fits(flow, other));
        }
        other = request;
        other.source = *core::Address::parse(ipv4 ? "10.0.0.3" : "fd00::3");
        CHECK(is_armed(flows, other) == !exact);
        CHECK(net::probe::fits(flow, other) == !exact);
      }
    }
  }
}

// As the kernel rewrites a classic program (bpf_convert_filter); a comparison with what is negative
// as an int takes two.
std::size_t rewritten(const std::vector<sock_filter>& program) {
  std::size_t size = 3;
  for (const sock_filter& one : program) {
    const auto of_class = BPF_CLASS(one.code);
    size += of_class == BPF_LD ? 14U : of_class == BPF_JMP || of_class == BPF_RET ? 2U : 1U;
  }
  return size;
}

TEST_CASE("filters fit into what a socket may have on older kernels") {
  // net.core.optmem_max before 6.8: 20480 bytes, with what a program has besides.
  constexpr std::size_t room = (20480 - 512) / 8;
  std::vector<std::vector<net::probe::Needle>> all;
  for (const std::uint8_t protocol : {tcp, udp, sctp, icmp}) {
    Cookie cookie = cookie_for(protocol);
    if (protocol == udp) cookie.port = 40000;
    all.push_back(net::probe::needles_of(cookie));
  }
  std::vector<WatchedFlow> flows;
  for (std::size_t i = 0; i < net::probe::most_flows; ++i) {
    flows.push_back({tcp, core::Address::parse("10.0.0.2")->plus(static_cast<int>(i)),
                     static_cast<std::uint16_t>(80 + i), std::nullopt, std::nullopt});
  }
  all.push_back(net::probe::needles_of(flows));
  for (const auto& needles : all) {
    CHECK(rewritten(net::probe::packet_filter(needles)) < room);
  }
}

TEST_CASE("an answer of UDP is caught by where it goes, in each tunnel") {
  for (const bool ipv4 : {true, false}) {
    Cookie cookie = cookie_for(udp);
    cookie.port = 40000;
    Packet answer = between(ipv4, udp);
    answer.destination_port = 40000;
    answer.payload = {1};
    const auto last = answer.destination.bytes().last(4);
    for (const std::uint8_t byte : last) cookie.address = cookie.address << 8 | byte;
    for (const Packet& packet : carried(answer)) {
      INFO(to_text(packet) << " with " << packet.payload.size());
      CHECK(is_caught(cookie, packet));
      Cookie other = cookie;
      other.port = 40001;
      CHECK_FALSE(is_caught(other, packet));
    }
  }
}

TEST_CASE("two flows to one address are told by their ports") {
  const auto address = *core::Address::parse("10.0.0.2");
  const std::vector<WatchedFlow> flows = {{tcp, address, 80, std::nullopt, std::nullopt},
                                          {tcp, address, 8080, std::nullopt, std::nullopt}};
  Packet packet = between(true, tcp);
  for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{8080}, std::uint16_t{8081}}) {
    packet.destination_port = port;
    CHECK(is_caught(flows, packet) == (port != 8081));
    CHECK(is_caught(flows, carry(packet, true, udp, 5555, 0)) == (port != 8081));
  }
}

TEST_CASE("the filter for as many flows as are allowed is one that the kernel takes") {
  std::vector<WatchedFlow> flows;
  for (std::size_t i = 0; i < net::probe::most_flows; ++i) {
    flows.push_back({tcp, core::Address::parse("10.0.0.2")->plus(static_cast<int>(i)), 80,
                     std::nullopt, std::nullopt});
  }
  const auto program = net::probe::packet_filter(net::probe::needles_of(flows));
  CHECK(program.size() <= BPF_MAXINSNS);
  CHECK(ends_everywhere(program));
}

TEST_CASE("each rule for a flow is limited") {
  const WatchedFlow flow{tcp, *core::Address::parse("10.0.0.2"), 80, std::nullopt, std::nullopt};
  for (const Pattern& pattern : net::probe::patterns_of(std::vector{flow}, tunnels)) {
    CHECK(pattern.most > 0);
  }
}

TEST_CASE("a packet of a watched flow has a cookie if that tells it from others") {
  Packet packet = between(true, tcp);
  packet.sequence = 77;
  packet.tcp_flags = syn;
  CHECK(net::probe::cookie_of(packet, to_bytes(packet))->length == 1);
  packet.tcp_flags = ack;
  CHECK_FALSE(net::probe::cookie_of(packet, to_bytes(packet)));
  packet.payload.assign(1000, 'x');
  Bytes bytes = to_bytes(packet);
  bytes.resize(256);
  const auto cookie = net::probe::cookie_of(*parse_packet(bytes), bytes);
  REQUIRE(cookie);
  CHECK(cookie->sequence == 77);
  CHECK(cookie->length == 1000);
  Packet answer = between(true, tcp);
  answer.tcp_flags = ack;
  answer.acknowledgement = 1077;
  CHECK(relation_of(to_bytes(answer), *cookie) == Relation::reply);

  Packet datagram = between(true, udp);
  CHECK_FALSE(net::probe::cookie_of(datagram, to_bytes(datagram)));
  datagram.payload = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(net::probe::cookie_of(datagram, to_bytes(datagram))->payload[7] == 8);
}

TEST_CASE("only known ports are looked into for tunnels") {
  const Packet probe = forms(tcp, true).front();
  CHECK_FALSE(is_armed(cookie_for(tcp), carry(probe, true, udp, 5556, 0)));
}

TEST_CASE("an error that quotes 8 bytes is caught") {
  for (const std::uint8_t protocol : {tcp, udp, icmp}) {
    Packet error = forms(protocol, true).back();
    error.payload.resize(28);
    CHECK(is_caught(cookie_for(protocol), error));
  }
}

TEST_CASE("chains arm in front of everything and see behind everything") {
  std::uint32_t last = 0;
  const auto batch = net::probe::arming_batch(NFPROTO_INET, "pona-diag-12345678", 0,
                                              {{tcp, {{4, {1, 2, 3, 4}}}}}, last);
  std::size_t messages = 0;
  net::for_each_message(batch.bytes(), [&](const net::NetlinkMessage& message) {
    ++messages;
    const bool asks = message.sequence == last;
    CHECK(((message.flags & 4) != 0) == asks);  // NLM_F_ACK
  });
  // The frame's begin and end, the table, seven chains at hooks, and for each of two of them a
  // chain for the protocol, a rule that leads there, and the rule in it.
  CHECK(messages == 2 + 1 + 7 + 2 * 3);
  CHECK(net::probe::is_arming_chain("arm-prerouting"));
  CHECK_FALSE(net::probe::is_arming_chain("see-prerouting"));
}

}  // namespace unit::patterns_test
