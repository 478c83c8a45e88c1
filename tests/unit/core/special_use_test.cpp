#include "core/special_use.hpp"

#include "support/catch.hpp"

namespace unit::special_use_test {

TEST_CASE("addresses that are no other host's are told apart") {
  const auto use = [](const char* text) { return core::special_use(*core::Address::parse(text)); };
  CHECK(use("0.0.0.0") == "the unspecified address");
  CHECK(use("::") == "the unspecified address");
  for (const char* loopback : {"127.0.0.1", "127.255.0.9", "::1"}) {
    CHECK(use(loopback) == "a loopback address");
  }
  for (const char* local : {"169.254.169.254", "fe80::1", "febf::1"}) {
    CHECK(use(local) == "a link-local address");
  }
  for (const char* many : {"224.0.0.1", "239.255.255.255", "ff02::1"}) {
    CHECK(use(many) == "a multicast address");
  }
  CHECK(use("255.255.255.255") == "the broadcast address");
  CHECK(use("::ffff:10.0.0.1") == "an IPv4 address in IPv6 form");
  for (const char* usual : {"10.1.0.2", "128.0.0.1", "169.253.0.1", "223.255.255.255", "240.0.0.1",
                            "fd00::1", "2001:db8::1", "::2", "fec0::1", "1::1"}) {
    CHECK(use(usual).empty());
  }
}

}  // namespace unit::special_use_test
