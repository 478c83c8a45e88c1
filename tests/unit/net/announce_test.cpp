#include "net/announce.hpp"

#include "support/catch.hpp"

namespace unit::announce_test {

namespace {

using Bytes = std::vector<std::uint8_t>;

const net::Mac mac = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee};

}  // namespace

TEST_CASE("an IPv4 address is announced by an ARP request for itself") {
  const Bytes expected = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xaa, 0xbb, 0xcc,
      0xdd, 0xee, 0x08, 0x06,                                    // Ethernet
      0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,            // request
      0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 203,  0,    113,  10,  // sender
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 203,  0,    113,  10,  // target
  };
  CHECK(net::announcement(*core::Address::parse("203.0.113.10"), mac) == expected);
}

TEST_CASE("who has an address is asked as by who has none") {
  const Bytes expected = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xaa, 0xbb, 0xcc,
      0xdd, 0xee, 0x08, 0x06,                                    // Ethernet
      0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,            // request
      0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0,    0,    0,    0,   // sender
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 203,  0,    113,  10,  // target
  };
  CHECK(net::question(*core::Address::parse("203.0.113.10"), mac) == expected);
  const Bytes six = net::question(*core::Address::parse("2001:db8:2::12:3456"), mac);
  REQUIRE(six.size() == 14 + 40 + 24);
  CHECK(Bytes(six.begin(), six.begin() + 6) == Bytes{0x33, 0x33, 0xff, 0x12, 0x34, 0x56});
  CHECK(Bytes(six.begin() + 22, six.begin() + 38) == Bytes(16, 0));
  CHECK(Bytes(six.begin() + 38, six.begin() + 54) ==
        Bytes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x12, 0x34, 0x56});
  CHECK(six[54] == 135);
}

TEST_CASE("an IPv6 address is announced to all nodes by an advertisement that overrides") {
  const Bytes frame = net::announcement(*core::Address::parse("2001:db8:2::10"), mac);
  REQUIRE(frame.size() == 14 + 40 + 32);
  CHECK(Bytes(frame.begin(), frame.begin() + 6) == Bytes{0x33, 0x33, 0, 0, 0, 1});
  CHECK(Bytes(frame.begin() + 6, frame.begin() + 12) == Bytes(mac.begin(), mac.end()));
  CHECK(frame[12] == 0x86);
  CHECK(frame[13] == 0xdd);

  const Bytes ip(frame.begin() + 14, frame.begin() + 54);
  CHECK(ip[5] == 32);   // payload length
  CHECK(ip[6] == 58);   // ICMPv6
  CHECK(ip[7] == 255);  // receivers drop anything else
  CHECK(Bytes(ip.begin() + 8, ip.begin() + 24) ==
        Bytes{0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10});
  CHECK(Bytes(ip.begin() + 24, ip.end()) ==
        Bytes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

  const Bytes icmp(frame.begin() + 54, frame.end());
  CHECK(icmp[0] == 136);
  CHECK(icmp[4] == 0xa0);  // router, not solicited, override
  CHECK(Bytes(icmp.begin() + 8, icmp.begin() + 24) == Bytes(ip.begin() + 8, ip.begin() + 24));
  CHECK(Bytes(icmp.begin() + 24, icmp.end()) ==
        Bytes{2, 1, 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee});  // target link-layer address

  // RFC 4443, 2.3: with the pseudo header all 16-bit words add up to ffff.
  std::uint32_t sum = 32 + 58;
  for (std::size_t i = 8; i < 40; i += 2) sum += ip[i] * 256U + ip[i + 1];
  for (std::size_t i = 0; i < icmp.size(); i += 2) sum += icmp[i] * 256U + icmp[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16U);
  CHECK(sum == 0xffff);
}

}  // namespace unit::announce_test
