#include "core/egress/tunnels.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

namespace unit::tunnels_test {

using namespace core;

namespace {

std::string name(const std::string& text, const std::set<std::string>& taken = {}) {
  return tunnel_name(*Address::parse(text),
                     [&](const std::string& other) { return taken.contains(other); });
}

}  // namespace

TEST_CASE("pitfall 11: an IPv4 address has a name of its own, that of IPv6 gives way") {
  CHECK(name("10.64.0.21") == "pona4-0a400015");
  CHECK(name("255.255.255.255") == "pona4-ffffffff");
  // Two addresses of one hash.
  const std::string first = "fd00:64::c0d:9169", second = "fd00:64::ad8f:cd4d";
  REQUIRE(name(first) == name(second));
  CHECK(name(second, {name(first)}) != name(first));
  CHECK(name(second, {name(first)}).size() <= 15);
}

}  // namespace unit::tunnels_test
