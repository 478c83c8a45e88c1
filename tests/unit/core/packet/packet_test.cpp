#include "core/packet/packet.hpp"

#include "core/packet/checksum.hpp"
#include "core/packet/context.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_test {

using namespace packet_rig;

namespace {

std::uint16_t at16(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// What a receiver adds up: 0xffff where the sum in it is right.
std::uint16_t transport_sum(const Packet& packet) {
  const Bytes bytes = to_bytes(packet);
  const ByteView all = ByteView(bytes).subspan(network_header_size(packet));
  const std::uint32_t pseudo =
      packet.protocol == core::packet::icmp
          ? 0
          : pseudo_header_sum(packet.source, packet.destination, packet.protocol,
                              static_cast<std::uint32_t>(all.size()));
  return internet_checksum(all, pseudo);
}

Packet echo(Family family) {
  Packet packet = family == Family::ipv4 ? tcp_syn() : tcp_syn6();
  packet.protocol = family == Family::ipv4 ? core::packet::icmp : core::packet::icmpv6;
  packet.icmp_type = family == Family::ipv4 ? 8 : 128;
  packet.icmp_id = 77;
  packet.icmp_sequence = 3;
  packet.source_port = packet.destination_port = 0;
  packet.tcp_flags = 0;
  packet.mss = 0;
  packet.payload = {1, 2, 3};
  return packet;
}

Packet datagram(std::uint8_t protocol) {
  Packet packet = tcp_syn();
  packet.protocol = protocol;
  packet.tcp_flags = 0;
  packet.mss = 0;
  packet.payload = {'p', 'o', 'n', 'a', '!'};
  return packet;
}

std::vector<Packet> packets() {
  Packet with_options = tcp_syn();
  with_options.options = {148, 4, 0, 0};  // router alert
  Packet fragment = datagram(core::packet::udp);
  fragment.fragment_offset = 185;
  fragment.source_port = fragment.destination_port = 0;
  fragment.dont_fragment = false;
  Packet first = datagram(core::packet::udp);
  first.more_fragments = true;
  first.dont_fragment = false;
  Packet extended = tcp_syn6();
  extended.options = {0, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0};
  Packet plain = tcp_syn();
  plain.mss = 0;
  plain.tcp_flags = ack;
  plain.sequence = 0xdeadbeef;
  plain.acknowledgement = 0x01020304;
  plain.tos = 0xb8;
  plain.ttl = 3;
  plain.payload = {9, 9};
  Packet labelled = tcp_syn6();
  labelled.flow_label = 0xabcde;
  labelled.tos = 0x2e;
  Packet tagged = datagram(core::packet::sctp);
  tagged.sequence = 0x11223344;
  return {tcp_syn(),
          tcp_syn6(),
          with_options,
          fragment,
          first,
          extended,
          plain,
          labelled,
          datagram(core::packet::udp),
          tagged,
          datagram(core::packet::udplite),
          datagram(core::packet::dccp),
          echo(Family::ipv4),
          echo(Family::ipv6)};
}

}  // namespace

TEST_CASE("packets become bytes and packets again") {
  for (const Packet& packet : packets()) {
    const Bytes bytes = to_bytes(packet);
    CAPTURE(to_text(packet), packet.protocol);
    CHECK(bytes.size() == size_of(packet));
    CHECK(parse_packet(bytes) == packet);
  }
}

TEST_CASE("the sums in packets are right") {
  for (const Packet& packet : packets()) {
    CAPTURE(to_text(packet), packet.protocol);
    if (packet.family == Family::ipv4) {
      const Bytes bytes = to_bytes(packet);
      CHECK(internet_checksum(ByteView(bytes).first(network_header_size(packet))) == 0);
    }
    const bool summed = packet.protocol != core::packet::sctp &&
                        packet.protocol != core::packet::dccp && packet.fragment_offset == 0;
    if (summed) CHECK(transport_sum(packet) == 0);
  }
  const Bytes digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(crc32c(digits) == 0xe3069283);  // the check value that all catalogues have
}

TEST_CASE("the bytes are those of the RFCs") {
  const Bytes bytes = to_bytes(tcp_syn());
  REQUIRE(bytes.size() == 44);
  CHECK(bytes[0] == 0x45);
  CHECK(at16(bytes, 2) == 44);
  CHECK(at16(bytes, 6) == 0x4000);
  CHECK(bytes[9] == 6);
  CHECK(at16(bytes, 20) == 40000);
  CHECK(at16(bytes, 22) == 443);
  CHECK(bytes[32] == 0x60);
  CHECK(bytes[33] == syn);
  CHECK(at16(bytes, 40) == 0x0204);
  CHECK(at16(bytes, 42) == 1460);
  Packet extended = tcp_syn6();
  extended.options = {0, 0, 1, 4, 0, 0, 0, 0};
  const Bytes six = to_bytes(extended);
  CHECK(six[6] == 0);   // hop by hop comes first
  CHECK(six[40] == 6);  // and says that TCP is next
  CHECK(at16(six, 4) == 32);
}

TEST_CASE("a fragment of IPv6 has a header that says so") {
  Packet packet = tcp_syn6();
  packet.fragment_offset = 2;
  packet.source_port = packet.destination_port = 0;
  packet.tcp_flags = 0;
  packet.mss = 0;
  packet.payload = {1, 2, 3, 4};
  const Bytes bytes = to_bytes(packet);
  CHECK(bytes[6] == 44);
  CHECK(bytes[40] == core::packet::tcp);
  const auto parsed = parse_packet(bytes);
  REQUIRE(parsed);
  CHECK(parsed->fragment_offset == 2);
  CHECK(parsed->protocol == core::packet::tcp);
  CHECK(parsed->payload == packet.payload);
  CHECK(to_bytes(*parsed) == bytes);
}

TEST_CASE("what is cut off is no reason to read behind it") {
  for (const Packet& packet : packets()) {
    const Bytes bytes = to_bytes(packet);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // Each in memory of its own, for the address sanitizer.
      const Bytes some(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const auto parsed = parse_packet(some);
      if (parsed) CHECK(parsed->source == packet.source);
    }
    // Lengths that lie.
    for (std::size_t at = 0; at < std::min<std::size_t>(bytes.size(), 60); ++at) {
      for (const int value : {0, 1, 0x4f, 0x60, 0xff}) {
        Bytes changed = bytes;
        changed[at] = static_cast<std::uint8_t>(value);
        if (const auto parsed = parse_packet(changed)) (void)to_bytes(*parsed);
      }
    }
  }
}

TEST_CASE("a fragment of a fragment is no packet") {
  Packet packet = tcp_syn6();
  packet.options = {44, 0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0, 0, 0, 0, 2};
  CHECK(!parse_packet(to_bytes(packet)));
}

TEST_CASE("an error of ICMP quotes enough of TCP for its ports") {
  Bytes bytes = to_bytes(tcp_syn());
  bytes.resize(28);
  const auto quoted = parse_packet(bytes);
  REQUIRE(quoted);
  CHECK(tuple_of(*quoted) == tuple_of(tcp_syn()));
}

TEST_CASE("packets and flows have texts") {
  CHECK(to_text(tcp_syn()) == "10.0.0.1:40000 > 192.0.2.7:443");
  CHECK(to_text(tcp_syn6()) == "[2001:db8::1]:40000 > [2001:db8::7]:443");
  CHECK(to_text(echo(Family::ipv4)) == "10.0.0.1 > 192.0.2.7");
  CHECK(to_text(tuple_of(tcp_syn())) == "tcp 10.0.0.1:40000 > 192.0.2.7:443");
  CHECK(to_text(reversed(tuple_of(tcp_syn6()))) == "tcp [2001:db8::7]:443 > [2001:db8::1]:40000");
  CHECK(tuple_of(echo(Family::ipv6)).source_port == 77);
  CHECK(protocol_text(47) == "47");
  CHECK(protocol_text(58) == "icmpv6");
}

}  // namespace unit::packet_test
