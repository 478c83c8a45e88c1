#include "core/egress/tunnels.hpp"

#include <map>
#include <string>

#include "support/catch.hpp"

namespace unit::tunnels_test {

using namespace core;

namespace {

using Links = std::map<std::string, Link>;

Link tunnel(const std::string& text, const Links& links = {}) {
  const Address remote = *Address::parse(text);
  return fou_tunnel(links, *Address::parse(text.find(':') == std::string::npos ? "0.0.0.0" : "::"),
                    remote, 5555, true);
}

std::string name(const std::string& text, const Links& links = {}) {
  return tunnel(text, links).name;
}

}  // namespace

TEST_CASE("pitfall 11: an IPv4 address has a name of its own, that of IPv6 gives way") {
  CHECK(name("10.64.0.21") == "pona4-0a400015");
  CHECK(name("255.255.255.255") == "pona4-ffffffff");
  // Two addresses of one hash.
  const std::string first = "fd00:64::c0d:9169", second = "fd00:64::ad8f:cd4d";
  REQUIRE(name(first) == name(second));
  const Links links = {{name(first), tunnel(first)}};
  CHECK(name(first, links) == name(first));
  CHECK(name(second, links) != name(first));
  CHECK(name(second, links).size() <= 15);
  // Whatever it is that has the name.
  const Links other = {{name(first), {.name = name(first), .body = OtherLink{"dummy"}}}};
  CHECK(name(first, other) != name(first));
}

}  // namespace unit::tunnels_test
