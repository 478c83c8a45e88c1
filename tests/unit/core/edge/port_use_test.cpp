#include "core/edge/port_use.hpp"

#include <string>

#include "support/catch.hpp"

namespace unit::port_use_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

Flow masqueraded(int port, const std::string& pod = "10.1.0.2",
                 const std::string& source = "10.1.0.1", Protocol protocol = Protocol::tcp) {
  Flow flow;
  const auto number = static_cast<std::uint16_t>(port);
  flow.protocol = protocol;
  flow.original = {address("198.51.100.7"), address("203.0.113.10"), number, 443};
  flow.reply = {address(pod), address(source), 8080, number};
  flow.status = 16 | 32;
  return flow;
}

}  // namespace

TEST_CASE("4.7: source ports are counted for each endpoint, protocol and address of the host") {
  PortCount count;
  for (int i = 0; i < 10; ++i) count.add(masqueraded(2000 + i));
  for (int i = 0; i < 12; ++i) count.add(masqueraded(2000 + i, "10.1.0.3"));
  for (int i = 0; i < 3; ++i) count.add(masqueraded(2000 + i, "10.1.0.2", "10.1.0.9"));
  for (int i = 0; i < 4; ++i) {
    count.add(masqueraded(2000 + i, "10.1.0.2", "10.1.0.1", Protocol::udp));
  }
  // A client's own port below 1024 gets one from there; and who keeps his address has all of them.
  count.add(masqueraded(700));
  Flow kept = masqueraded(3000);
  kept.status = 32;
  count.add(kept);

  const auto found = count.at_least(4);
  REQUIRE(found.size() == 3);
  CHECK(found[0] == PortUse{{Protocol::tcp, address("10.1.0.3"), 8080, address("10.1.0.1")}, 12});
  CHECK(found[1] == PortUse{{Protocol::tcp, address("10.1.0.2"), 8080, address("10.1.0.1")}, 10});
  CHECK(found[2] == PortUse{{Protocol::udp, address("10.1.0.2"), 8080, address("10.1.0.1")}, 4});
  CHECK(count.at_least(13).empty());
}

}  // namespace unit::port_use_test
