#include "core/packet/cookie.hpp"

#include <string>

#include "support/catch.hpp"

namespace unit::cookie_test {

using namespace core::packet;

namespace {

Cookie cookie_for(std::uint8_t protocol) {
  Cookie cookie;
  cookie.protocol = protocol;
  cookie.sequence = 0xc0de1234;
  cookie.id = 0x5a17;
  cookie.payload = {9, 8, 7, 6, 5, 4, 3, 2};
  return cookie;
}

Packet packet_of(std::uint8_t protocol, const std::string& source, const std::string& destination) {
  Packet packet;
  packet.protocol = protocol;
  packet.source = *core::Address::parse(source);
  packet.destination = *core::Address::parse(destination);
  packet.family = packet.source.family();
  packet.source_port = 40000;
  packet.destination_port = 80;
  return packet;
}

Packet probe(std::uint8_t protocol, bool ipv4) {
  Packet packet = ipv4 ? packet_of(protocol, "10.0.0.1", "10.0.0.2")
                       : packet_of(protocol, "fd00::1", "fd00::2");
  if (protocol == tcp) packet.tcp_flags = syn;
  if (protocol == icmp) packet.icmp_type = 8;
  if (protocol == icmpv6) packet.icmp_type = 128;
  put_cookie(packet, cookie_for(protocol));
  return packet;
}

Packet error_about(const Packet& packet, std::size_t quoted) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  Packet error = packet_of(ipv4 ? icmp : icmpv6, ipv4 ? "10.0.0.9" : "fd00::9",
                           core::to_string(packet.source));
  error.icmp_type = ipv4 ? 3 : 1;
  error.payload = to_bytes(packet);
  error.payload.resize(std::min(error.payload.size(), quoted));
  return error;
}

// As the payload of UDP to this port, with these many bytes in front.
Packet in_udp(const Packet& packet, std::size_t front, bool outer_ipv4) {
  Packet outer = outer_ipv4 ? packet_of(udp, "192.0.2.1", "192.0.2.2")
                            : packet_of(udp, "2001:db8::1", "2001:db8::2");
  outer.payload.assign(front, 0);
  const Bytes inner = to_bytes(packet);
  outer.payload.insert(outer.payload.end(), inner.begin(), inner.end());
  return outer;
}

std::optional<Sighting> find(const Packet& packet, std::uint8_t protocol) {
  return find_cookie(to_bytes(packet), cookie_for(protocol));
}

}  // namespace

TEST_CASE("an INIT of SCTP, and what answers it, are known by the initiate tag") {
  const Cookie cookie = cookie_for(sctp);
  const Packet init = probe(sctp, true);
  const Bytes bytes = to_bytes(init);
  REQUIRE(bytes.size() == 20 + 12 + 20);
  CHECK(parse_packet(bytes)->sequence == 0);
  CHECK(relation_of(bytes, cookie) == Relation::request);
  CHECK_FALSE(is_reset(init));
  Packet answer = packet_of(sctp, "10.0.0.2", "10.0.0.1");
  answer.sequence = 0xc0de1234;
  answer.payload = {2, 0, 0, 4};
  CHECK(relation_of(to_bytes(answer), cookie) == Relation::reply);
  CHECK_FALSE(is_reset(answer));
  answer.payload = {6, 0, 0, 4};
  CHECK(relation_of(to_bytes(answer), cookie) == Relation::reply);
  CHECK(is_reset(answer));
  answer.sequence = 1;
  CHECK_FALSE(relation_of(to_bytes(answer), cookie));
  CHECK(relation_of(to_bytes(error_about(init, 60)), cookie) == Relation::error);
  CHECK(find_cookie(to_bytes(in_udp(init, 8, true)), cookie) ==
        Sighting{Relation::request, 20 + 8 + 8});
}

TEST_CASE("a probe is known by its cookie whatever its addresses and ports are") {
  for (const bool ipv4 : {true, false}) {
    for (const std::uint8_t protocol : {tcp, udp, ipv4 ? icmp : icmpv6}) {
      INFO("ipv4 " << ipv4 << " protocol " << int{protocol});
      Packet packet = probe(protocol, ipv4);
      packet.source = *core::Address::parse(ipv4 ? "203.0.113.7" : "2001:db8::7");
      packet.source_port = 1;
      CHECK(find(packet, protocol) == Sighting{Relation::request, 0});
      Cookie other = cookie_for(protocol);
      ++other.id;
      ++other.payload[0];
      other.sequence += 77;
      CHECK_FALSE(find_cookie(to_bytes(packet), other));
    }
  }
}

TEST_CASE("answers are known by what they acknowledge or repeat") {
  Packet answer = packet_of(tcp, "10.0.0.2", "10.0.0.1");
  answer.sequence = 0xc0de1234 - 1000;
  answer.acknowledgement = 0xc0de1235;
  answer.tcp_flags = syn | ack;
  CHECK(find(answer, tcp) == Sighting{Relation::reply, 0});
  answer.tcp_flags = rst | ack;
  CHECK(find(answer, tcp) == Sighting{Relation::reply, 0});
  answer.tcp_flags = rst;  // the number means nothing then
  CHECK_FALSE(find(answer, tcp));
  Packet reset = probe(tcp, true);
  reset.sequence += 1;
  reset.tcp_flags = rst;
  CHECK(find(reset, tcp) == Sighting{Relation::later, 0});
  Packet echo = probe(icmpv6, false);
  echo.icmp_type = 129;
  CHECK(find(echo, icmpv6) == Sighting{Relation::reply, 0});
}

TEST_CASE("an error is known by what it quotes, however little that is") {
  for (const bool ipv4 : {true, false}) {
    for (const std::uint8_t protocol : {tcp, udp, ipv4 ? icmp : icmpv6}) {
      INFO("ipv4 " << ipv4 << " protocol " << int{protocol});
      const Packet packet = probe(protocol, ipv4);
      CHECK(find(error_about(packet, 500), protocol) == Sighting{Relation::error, 0});
      // IPv4 routers may quote 8 bytes only; those of IPv6 quote all that fits.
      if (ipv4) CHECK(find(error_about(packet, 28), protocol) == Sighting{Relation::error, 0});
    }
  }
  Packet unrelated = probe(udp, true);
  unrelated.id = 1;
  CHECK_FALSE(find(error_about(unrelated, 28), udp));
}

TEST_CASE("a probe is found inside of tunnels") {
  for (const bool outer : {true, false}) {
    for (const bool inner : {true, false}) {
      const std::size_t header = (outer ? 20U : 40U) + 8U;
      // FoU, VXLAN-GPE, VXLAN, Geneve with options
      for (const std::size_t front : {0U, 8U, 22U, 34U}) {
        INFO(outer << inner << ' ' << front);
        const Packet packet = in_udp(probe(tcp, inner), front, outer);
        CHECK(find(packet, tcp) == Sighting{Relation::request, header + front});
        const Packet error = error_about(packet, 500);
        const std::size_t quoting = outer ? 28 : 48;
        CHECK(find(error, tcp) == Sighting{Relation::error, quoting + header + front});
      }
    }
  }
}

TEST_CASE("no part of a cookie is 0") {
  const Cookie cookie = make_cookie(udp, 0, 0);
  CHECK(cookie.protocol == udp);
  CHECK(cookie.sequence != 0);
  CHECK(cookie.id != 0);
  CHECK(cookie.payload[7] != 0);
  CHECK(make_cookie(udp, 1ULL << 50, 0).id != cookie.id);
}

TEST_CASE("what is cut off has no cookie") {
  const Bytes bytes = to_bytes(in_udp(probe(tcp, true), 22, true));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto found = find_cookie(ByteView(bytes).first(size), cookie_for(tcp));
    CHECK(found.has_value() == (size >= 20 + 8 + 22 + 20 + 8));
  }
}

}  // namespace unit::cookie_test
