#include "net/kernel.hpp"

#include <poll.h>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
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
  return {core::SetSysctl{{rp_filter, "2"}, {rp_filter, "1"}},
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

// Of another job: all that its scope can hold, without what needs modules of the kernel.
core::State of_client() {
  core::State state;
  core::Link gpe;
  gpe.name = "pona-gpe";
  gpe.body = core::GpeTunnel{core::constants::vxlan_gpe_port};
  gpe.mtu = 1444;
  state.links[gpe.name] = gpe;
  core::Nexthop nexthop;
  nexthop.id = core::constants::nexthop_base + 1;
  nexthop.device = gpe.name;
  nexthop.encapsulation = core::Encapsulation{117, *core::Address::parse("10.64.0.21")};
  state.nexthops[nexthop.id] = nexthop;
  state.routes = {{.table = core::constants::egress_table,
                   .destination = *core::Prefix::parse("203.0.113.0/24"),
                   .metric = core::constants::destination_metric,
                   .nexthop = nexthop.id},
                  {.table = core::constants::egress_table,
                   .destination = *core::Prefix::parse("203.0.113.0/24"),
                   .metric = core::constants::fence_metric,
                   .type = core::Route::Type::unreachable}};
  state.rules = {{.family = Family::ipv4,
                  .priority = core::constants::egress_rule_priority,
                  .table = core::constants::egress_table}};
  state.tables[Family::ipv4] = {
      Family::ipv4, std::string(core::constants::client_table), {}, {{"some", {}, {}}}};
  return state;
}

core::State of_edge() {
  core::State state = wanted();
  state.tables[Family::ipv4] = {
      Family::ipv4, std::string(core::constants::edge_table), {}, {{"some", {}, {}}}};
  return state;
}

}  // namespace

TEST_CASE("what was applied is observed, and applying it twice changes nothing") {
  in_namespace([] {
    make_ext1();
    const auto kernel = net::open_kernel(core::edge_scope(), false);
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
    const auto kernel = net::open_kernel(core::edge_scope(), false);
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
    const auto kernel = net::open_kernel(core::edge_scope(), false);
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
    const auto kernel = net::open_kernel(core::edge_scope(), false);
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

TEST_CASE("two jobs in one namespace leave each other alone, and everybody else") {
  in_namespace([] {
    make_ext1();
    shell(
        "ip route add 198.51.100.0/24 dev ext1 table 300 proto 112;"
        "ip route add 198.51.100.0/24 dev ext1 table 11201 proto static;"
        "ip route add 198.51.100.0/24 dev ext1 table 117 proto static metric 7;"
        "ip rule add pref 1122 lookup 11201 protocol 112;"
        "ip rule add pref 1121 lookup 300 protocol 4;"
        "ip rule add pref 1900 lookup 300 protocol 4;"
        "nft add table ip somebody");
    const auto edge = net::open_kernel(core::edge_scope(), false);
    const auto client = net::open_kernel(core::client_scope(), false);
    const core::State nothing = [] {
      core::State state;  // names the tables
      state.tables[Family::ipv4] = {Family::ipv4, "", {}, {}};
      return state;
    }();
    const auto reconcile = [](net::Kernel& kernel, const core::State& to) {
      kernel.apply(core::diff(kernel.observe(to), to));
    };
    reconcile(*edge, of_edge());
    reconcile(*client, of_client());
    CHECK(edge->observe(of_edge()) == of_edge());
    CHECK(client->observe(of_client()) == of_client());

    SECTION("a second pass finds nothing to do") {
      CHECK(core::diff(edge->observe(of_edge()), of_edge()).empty());
      CHECK(core::diff(client->observe(of_client()), of_client()).empty());
    }
    SECTION("one goes") {
      edge->apply(core::diff(edge->observe(nothing), {}));
      core::State gone = edge->observe(nothing);
      CHECK(gone == core::State());
      CHECK(client->observe(of_client()) == of_client());
    }
    SECTION("the other goes") {
      client->apply(core::diff(client->observe(nothing), {}));
      CHECK(client->observe(nothing) == core::State());
      CHECK(edge->observe(of_edge()) == of_edge());
    }
    // What is nobody's of the two is still there.
    shell(
        "ip route show table 300 | grep -q 'proto 112'; ip rule show pref 1122 | grep -q 11201;"
        "ip route show table 11201 | grep -q 'proto static';"
        "ip route show table 117 | grep -q 'metric 7';"
        "ip rule show pref 1121 | grep -q 'lookup 300'; ip rule show pref 1900 | grep -q 300;"
        "nft list table ip somebody >/dev/null");
  });
}

TEST_CASE("news of one job do not reach the other") {
  in_namespace([] {
    make_ext1();
    const auto edge = net::open_kernel(core::edge_scope(), false);
    const auto client = net::open_kernel(core::client_scope(), false);
    const auto idle = [](net::Kernel& kernel) {
      const auto events = settle(kernel);
      return !events.routing && !events.tables;
    };
    edge->apply(core::diff({}, of_edge()));
    client->apply(core::diff({}, of_client()));
    settle(*edge);
    settle(*client);
    core::State changed = of_client();
    changed.rules.clear();
    changed.routes.erase(changed.routes.begin());
    client->apply(core::diff(of_client(), changed));
    CHECK(idle(*edge));
    client->apply(core::diff(changed, {}));
    CHECK(idle(*edge));
    settle(*client);  // older kernels tell whose link it was of its going
    shell("ip rule del pref 1121; ip route flush table 11201; nft delete table ip pona-edge");
    CHECK(idle(*client));
    const auto events = settle(*edge);
    CHECK((events.routing && events.tables));
  });
}

}  // namespace unit::kernel_test
