#include "net/kernel.hpp"

#include <poll.h>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "core/state/text.hpp"
#include "net/sysctl.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::kernel_test {

using core::Family;
using net::test::in_namespace;
using net::test::shell;

namespace {

constexpr std::uint32_t table = core::constants::edge_route_table_base + 1;
constexpr const char* rp_filter = "net/ipv4/conf/ext1/rp_filter";

const core::Route via_gateway{.table = table,
                              .destination = *core::Prefix::parse("0.0.0.0/0"),
                              .gateway = core::Address::parse("192.0.2.1"),
                              .device = "ext1"};
const core::PolicyRule by_mark{Family::ipv4, 1121, 0x200000, 0x1fe00000, table, false};

void make_ext1() {
  shell(
      "ip link set lo up; ip link add ext1 type veth peer name peer1;"
      "ip link set ext1 up; ip link set peer1 up; ip addr add 192.0.2.2/24 dev ext1;"
      "echo 1 > /proc/sys/net/ipv4/conf/ext1/rp_filter");
}

core::State wanted() {
  core::State state;
  state.routes = {via_gateway};
  state.rules = {by_mark};
  state.sysctls = {{rp_filter, "2"}};
  return state;
}

core::Changes all_changes() {
  return {core::SetSysctl{{rp_filter, "2"}, "1"},
          core::AddTable{Family::ipv4, std::string(core::constants::edge_table)},
          core::AddRoute{via_gateway}, core::AddRule{by_mark}};
}

bool readable(const net::Kernel& kernel) {
  pollfd ready{kernel.event_fd(), POLLIN, 0};
  return poll(&ready, 1, 0) == 1;
}

// What is pending, by now.
net::Kernel::Events settle(net::Kernel& kernel) {
  const auto events = kernel.drain();
  CHECK_FALSE(readable(kernel));
  return events;
}

}  // namespace

TEST_CASE("what was applied is observed, and applying it twice changes nothing") {
  in_namespace([] {
    make_ext1();
    const auto kernel = net::open_kernel(false);
    core::State state = kernel->observe(wanted());
    CHECK(state.routes.empty());
    CHECK(state.rules.empty());
    CHECK(state.sysctls == std::map<std::string, std::string>{{rp_filter, "1"}});

    kernel->apply(all_changes());
    state = kernel->observe(wanted());
    CHECK(state.routes == wanted().routes);
    CHECK(state.rules == wanted().rules);
    CHECK(state.sysctls == wanted().sysctls);
    shell("nft list table ip pona-edge >/dev/null");

    kernel->apply({core::AddRoute{via_gateway}, core::AddRule{by_mark}});
    CHECK(kernel->observe(wanted()).routes == wanted().routes);

    kernel->apply({core::DeleteRule{by_mark}, core::DeleteRoute{via_gateway},
                   core::DeleteTable{Family::ipv4, std::string(core::constants::edge_table)}});
    state = kernel->observe(wanted());
    CHECK(state.routes.empty());
    CHECK(state.rules.empty());
    shell("test -z \"$(nft list tables)\"");
  });
}

TEST_CASE("a change that fails is named with what the kernel said, and what follows is not done") {
  in_namespace([] {
    make_ext1();
    shell("ip link set ext1 down");
    const auto kernel = net::open_kernel(false);
    try {
      kernel->apply({core::AddRule{by_mark}, core::AddRoute{via_gateway},
                     core::AddTable{Family::ipv4, std::string(core::constants::edge_table)}});
      FAIL("it was applied");
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::Error::Kind::transient);
      const std::string text = error.what();
      CHECK(text.find(to_text(core::Changes{core::AddRoute{via_gateway}}).front()) == 0);
      CHECK(text.find("Network is down (Nexthop device is not up)") != std::string::npos);
    }
    CHECK(kernel->observe(wanted()).rules == wanted().rules);
    shell("test -z \"$(nft list tables)\"");
  });
}

TEST_CASE("one descriptor tells of links, rules and tables, and not of our own doing") {
  in_namespace([] {
    make_ext1();
    const auto kernel = net::open_kernel(false);
    kernel->apply(all_changes());
    kernel->observe(wanted());
    settle(*kernel);  // the parameter tells everybody, ourselves as well

    kernel->apply({core::DeleteRule{by_mark}, core::AddRule{by_mark},
                   core::DeleteRoute{via_gateway}, core::AddRoute{via_gateway}});
    auto events = settle(*kernel);
    CHECK_FALSE((events.host || events.routing || events.tables));

    shell("ip addr add 203.0.113.1/32 dev ext1");
    CHECK(readable(*kernel));
    events = settle(*kernel);
    CHECK((events.host && !events.routing && !events.tables));
    CHECK(kernel->host().is_local(*core::Address::parse("203.0.113.1")));

    shell("ip rule del pref 1121");
    CHECK(readable(*kernel));
    events = settle(*kernel);
    CHECK((!events.host && events.routing && !events.tables));

    shell("nft delete table ip pona-edge");
    CHECK(readable(*kernel));
    events = settle(*kernel);
    CHECK((!events.host && !events.routing && events.tables));
  });
}

TEST_CASE("default routes are seen at once, whether somebody drains or not") {
  in_namespace([] {
    make_ext1();
    const auto kernel = net::open_kernel(false);
    const auto gateway = [&] { return kernel->host().interfaces.at("ext1").gateway4; };
    CHECK_FALSE(gateway());
    shell("ip route add default via 192.0.2.1");
    CHECK(gateway() == core::Address::parse("192.0.2.1"));
    settle(*kernel);
    CHECK(gateway() == core::Address::parse("192.0.2.1"));
    shell("ip route replace default via 192.0.2.7");
    settle(*kernel);
    CHECK(gateway() == core::Address::parse("192.0.2.7"));
    shell("ip link set ext1 down");  // the route goes without a notification of its own
    settle(*kernel);
    CHECK_FALSE(gateway());
  });
}

}  // namespace unit::kernel_test
