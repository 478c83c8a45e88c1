// Who else has an address: what frames say, and what hosts on a link answer.
#include "net/who_has.hpp"

#include "net/view/live_network.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::who_has_test {

using core::Address;
using net::AddressOnLink;
using net::Mac;
using net::test::in_namespace;
using net::test::shell;

namespace {

constexpr Mac mac = {2, 0, 0, 0, 0, 9};
Address address(const std::string& text) { return Address::parse(text).value(); }

}  // namespace

TEST_CASE("frames that say who has an address") {
  const auto four = net::announcement(address("192.0.2.1"), mac);
  CHECK(net::claims_in(four, 3) == std::vector<AddressOnLink>{{3, mac, address("192.0.2.1")}});
  const auto six = net::announcement(address("2001:db8::1"), mac);
  CHECK(net::claims_in(six, 3) == std::vector<AddressOnLink>{{3, mac, address("2001:db8::1")}});
  // A question of duplicate address detection claims nothing.
  CHECK(net::claims_in(net::question(address("2001:db8::1"), mac), 3).empty());
  for (const auto& whole : {four, six}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto part = std::span(whole).first(size);
      const auto claims = net::claims_in(part, 3);
      CHECK((claims.empty() || size >= 14 + 28));
    }
  }
}

TEST_CASE("another host on the link that has an address is found, with its MAC") {
  in_namespace([] {
    shell(
        "ip link add here type veth peer name there; ip netns add pona-unit-who-has;"
        "ip link set there netns pona-unit-who-has; ip link set here up;"
        "ip -n pona-unit-who-has link set there address 02:00:00:00:00:09 up;"
        "ip -n pona-unit-who-has address add 192.0.2.1/24 dev there;"
        "ip -n pona-unit-who-has address add 2001:db8::1/64 dev there nodad;"
        "ip address add 192.0.2.1/24 dev here; ip address add 192.0.2.2/24 dev here;"
        "ip address add 2001:db8::1/64 dev here nodad; ip address add 2001:db8::2/64 dev here "
        "nodad");
    net::view::LiveNetwork network(net::Namespace::find("/proc/thread-self/ns/net").value());
    std::vector<AddressOnLink> asked;
    for (const auto& link : network.links()) {
      if (link.device.name != "here") continue;
      Mac own{};
      std::copy(link.mac.begin(), link.mac.end(), own.begin());
      for (const auto& text : {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"}) {
        asked.push_back({link.device.index, own, address(text)});
      }
    }
    REQUIRE(asked.size() == 4);
    auto found = net::who_else_has(asked, {asked[0].mac});
    shell("ip netns del pona-unit-who-has");
    REQUIRE(found.size() == 2);
    std::sort(found.begin(), found.end(),
              [](const auto& one, const auto& other) { return one.address < other.address; });
    CHECK(found[0] == AddressOnLink{asked[0].link, mac, address("192.0.2.1")});
    CHECK(found[1] == AddressOnLink{asked[0].link, mac, address("2001:db8::1")});
    CHECK(net::who_else_has({}, {}).empty());
  });
}

}  // namespace unit::who_has_test
