#include "core/ip.hpp"

#include <string>
#include <unordered_set>

#include "support/catch.hpp"

namespace unit::ip_test {

using core::Address;
using core::PortRange;
using core::Prefix;

namespace {

std::string round_trip(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? to_string(*address) : "-";
}

std::string prefix_round_trip(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  return prefix ? to_string(*prefix) : "-";
}

Address address(std::string_view text) { return Address::parse(text).value(); }

}  // namespace

TEST_CASE("addresses are printed as RFC 5952 wants them") {
  const auto [text, printed] = GENERATE(table<std::string, std::string>({
      {"0.0.0.0", "0.0.0.0"},
      {"203.0.113.10", "203.0.113.10"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::00A0", "2001:db8::a0"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"0:0:0:0:0:ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"fe80:0:0:0:0:0:0:0", "fe80::"},
  }));
  CHECK(round_trip(text) == printed);
}

TEST_CASE("what is not exactly an address is none") {
  const auto* const text =
      GENERATE("", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1", "01.2.3.4",
               "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "1.2.3.4/24", "1.2.3.0x4", ":",
               ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
               "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0",
               "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "[::1]");
  INFO(text);
  CHECK(round_trip(text) == "-");
}

TEST_CASE("what Kubernetes has stored before it was exact is read as it reads it") {
  const auto sloppy = [](const char* text) {
    const auto address = Address::parse_sloppy(text);
    return address ? to_string(*address) : "none";
  };
  CHECK(sloppy("192.0.002.010") == "192.0.2.10");
  CHECK(sloppy("000.0.0.00") == "0.0.0.0");
  CHECK(sloppy("2001:db8::192.000.2.1") == "2001:db8::c000:201");
  CHECK(sloppy("::ffff:192.0.2.01") == "192.0.2.1");
  CHECK(sloppy("2001:db8::01") == "2001:db8::1");
  for (const char* text :
       {"", ".", "1.2.3", "1.2.3.256", "1.2.3.4.5", " 1.2.3.4", "::g", "0x1.2.3.4"}) {
    CHECK(sloppy(text) == "none");
  }
  CHECK(to_string(Prefix::parse_sloppy(" 192.000.2.0/24\t").value()) == "192.0.2.0/24");
  CHECK(to_string(Prefix::parse_sloppy("2001:db8::/32 ").value()) == "2001:db8::/32");
  for (const char* text : {"", " ", "192.0.2.0 /24", "192.0.2.0/33", "192.0.2.0/024"}) {
    CHECK_FALSE(Prefix::parse_sloppy(text));
  }
}

TEST_CASE("addresses sort by family, then by number") {
  CHECK(address("9.0.0.0") < address("10.0.0.0"));
  CHECK(address("255.255.255.255") < address("::"));
  CHECK(address("::ffff") < address("::1:0"));
}

TEST_CASE("an offset carries over octets and wraps inside the family") {
  const auto [from, offset, to] = GENERATE(table<std::string, std::int64_t, std::string>({
      {"10.0.0.255", 1, "10.0.1.0"},
      {"10.0.1.0", -1, "10.0.0.255"},
      {"10.0.0.0", 65536, "10.1.0.0"},
      {"255.255.255.255", 1, "0.0.0.0"},
      {"0.0.0.0", -1, "255.255.255.255"},
      {"2001:db8::ffff:ffff:ffff:ffff", 1, "2001:db8:0:1::"},
      {"2001:db8:0:1::", -1, "2001:db8::ffff:ffff:ffff:ffff"},
      {"::", -2, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"},
  }));
  CHECK(to_string(address(from).plus(offset)) == to);
  CHECK(address(to).plus(-offset) == address(from));
}

TEST_CASE("prefixes are parsed with and without a length") {
  CHECK(prefix_round_trip("10.0.0.0/8") == "10.0.0.0/8");
  CHECK(prefix_round_trip("10.0.0.1") == "10.0.0.1/32");
  CHECK(prefix_round_trip("2001:db8::1") == "2001:db8::1/128");
  CHECK(prefix_round_trip("::/0") == "::/0");
  const auto* const bad = GENERATE("10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8",
                                   "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/8 ", "10.0.0/8");
  INFO(bad);
  CHECK(prefix_round_trip(bad) == "-");
}

TEST_CASE("a prefix knows its first and last address") {
  const auto [text, first, last] = GENERATE(table<std::string, std::string, std::string>({
      {"192.0.2.77/26", "192.0.2.64", "192.0.2.127"},
      {"192.0.2.77/32", "192.0.2.77", "192.0.2.77"},
      {"192.0.2.77/0", "0.0.0.0", "255.255.255.255"},
      {"2001:db8:ffff::1/33", "2001:db8:8000::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
  }));
  const Prefix prefix = Prefix::parse(text).value();
  CHECK(to_string(prefix.first()) == first);
  CHECK(to_string(prefix.last()) == last);
  CHECK(prefix.masked().address == prefix.first());
  CHECK(prefix.contains(prefix.first()));
  CHECK(prefix.contains(prefix.last()));
  CHECK((prefix.length == 0 || !prefix.contains(prefix.last().plus(1))));
}

TEST_CASE("a prefix of one family contains nothing of the other") {
  CHECK_FALSE(Prefix::parse("0.0.0.0/0")->contains(address("::1")));
  CHECK_FALSE(Prefix::parse("::/0")->contains(address("10.0.0.1")));
}

TEST_CASE("ports and port ranges are decimal and not zero") {
  CHECK(PortRange::parse("443") == PortRange{443, 443});
  CHECK(PortRange::parse("5000-5010") == PortRange{5000, 5010});
  CHECK(PortRange::parse("1-65535")->size() == 65535);
  CHECK(to_string(PortRange{443, 443}) == "443");
  CHECK(to_string(PortRange{5000, 5010}) == "5000-5010");
  const auto* const bad = GENERATE("", "0", "65536", "00080", "080", "-1", "+1", "1-", "-", "10-9",
                                   "1-2-3", "1 - 2", "0-5", "0x50", "99999999999");
  INFO(bad);
  CHECK_FALSE(PortRange::parse(bad));
}

TEST_CASE("protocols are known in any case") {
  CHECK(core::parse_protocol("TCP") == core::Protocol::tcp);
  CHECK(core::parse_protocol("Udp") == core::Protocol::udp);
  CHECK(core::parse_protocol("sctp") == core::Protocol::sctp);
  CHECK_FALSE(core::parse_protocol("icmp"));
  CHECK_FALSE(core::parse_protocol("tc"));
  CHECK_FALSE(core::parse_protocol(""));
}

TEST_CASE("neighbouring addresses have different hashes") {
  std::unordered_set<std::size_t> hashes;
  for (int i = 0; i < 4096; ++i) {
    hashes.insert(std::hash<Address>()(address("10.0.0.0").plus(i)));
    hashes.insert(std::hash<Address>()(address("2001:db8::").plus(i)));
  }
  CHECK(hashes.size() == 8192);
  CHECK(std::hash<Address>()(address("0.0.0.0")) != std::hash<Address>()(address("::")));
}

}  // namespace unit::ip_test
