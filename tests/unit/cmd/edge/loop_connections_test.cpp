// What becomes of connections when objects change, and what a status shows.
#include "cmd/edge/loop.hpp"

#include <sys/eventfd.h>

#include "cmd/edge/collect_status.hpp"
#include "cmd/serve/log.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/fake_source.hpp"
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_connections_test {

using namespace unit::edge_loop;

TEST_CASE("UDP follows the endpoints after the commit, TCP drains") {
  Fixture edge;
  edge.settle();
  edge.kernel.sweeps.clear();
  edge.kernel.conntrack = {flow(Protocol::udp, "198.51.100.7", 53, "10.1.0.2"),
                           flow(Protocol::udp, "198.51.100.8", 53, "10.1.0.3"),
                           flow(Protocol::tcp, "198.51.100.7", 443, "10.1.0.3")};
  edge.source.put(slice({"10.1.0.2"}));
  edge.settle();
  REQUIRE(edge.kernel.conntrack.size() == 2);
  CHECK(edge.kernel.conntrack[0].reply.source == address("10.1.0.2"));
  CHECK(edge.kernel.conntrack[1].protocol == Protocol::tcp);
  // One look, at the only forward that can hold stale entries, and only at its own.
  REQUIRE(edge.kernel.sweeps.size() == 1);
  CHECK(edge.kernel.sweeps[0].protocol == Protocol::udp);
  CHECK(edge.kernel.sweeps[0].original_destination == address("203.0.113.10"));
  CHECK(edge.kernel.sweeps[0].original_destination_port == 53);
  CHECK(edge.loop.statistics().flows == 1);
}

TEST_CASE("endpoints that only join leave conntrack alone") {
  Fixture edge;
  edge.settle();
  edge.kernel.sweeps.clear();
  edge.source.put(slice({"10.1.0.2", "10.1.0.3", "10.1.0.4"}));
  edge.settle();
  CHECK(edge.kernel.sweeps.empty());
}

TEST_CASE("removing a mapping and narrowing its sources end its connections") {
  Fixture edge;
  edge.settle();
  const Flow allowed = flow(Protocol::tcp, "198.51.100.7", 443, "10.1.0.2");
  edge.kernel.conntrack = {allowed, flow(Protocol::tcp, "192.0.2.9", 443, "10.1.0.2"),
                           flow(Protocol::udp, "192.0.2.9", 53, "10.1.0.2")};
  Mapping narrowed = mapping("web", 443, Protocol::tcp);
  narrowed.allowed_sources = {*Prefix::parse("198.51.100.0/24")};
  edge.source.put(narrowed);
  edge.source.remove({Kind::mapping, {"shop", "dns"}});
  edge.settle();
  REQUIRE(edge.kernel.conntrack.size() == 1);
  CHECK(edge.kernel.conntrack[0].original == allowed.original);
}

struct Away : Fixture {
  Away() {
    settle();
    kernel.conntrack = {flow(Protocol::udp, "198.51.100.7", 53, "10.1.0.2"),
                        flow(Protocol::udp, "198.51.100.8", 53, "10.1.0.3"),
                        flow(Protocol::tcp, "198.51.100.7", 443, "10.1.0.3")};
    give({});
  }
  void give(const std::vector<Prefix>& addresses) {
    kernel.edit_host([&](Host& host) { host.interfaces["eth1"].addresses = addresses; });
    settle();
  }
  void give_back() { give({*Prefix::parse("203.0.113.10/24")}); }
};

TEST_CASE("an address that is away for a moment ends no connection") {
  Away edge;
  CHECK(edge.kernel.conntrack.size() == 3);
  edge.now += 58s;
  edge.loop.step();
  edge.give_back();
  edge.now += 600s;
  edge.settle();
  CHECK(edge.kernel.conntrack.size() == 3);
}

TEST_CASE("an address that stays away ends its connections after the time that is set") {
  Away edge;
  edge.now += 50s;
  edge.settle();
  CHECK(edge.kernel.conntrack.size() == 3);
  CHECK(edge.loop.step() <= edge.now + 10s);
  edge.now += 11s;
  edge.settle();
  CHECK(edge.kernel.conntrack.empty());
  edge.give_back();
  edge.kernel.conntrack = {flow(Protocol::tcp, "198.51.100.7", 443, "10.1.0.3")};
  edge.now += 600s;
  edge.settle();
  CHECK(edge.kernel.conntrack.size() == 1);
}

TEST_CASE("what else ends connections does so while their address is away") {
  Away edge;
  edge.source.put(slice({"10.1.0.3"}));  // the other's UDP goes
  edge.settle();
  REQUIRE(edge.kernel.conntrack.size() == 2);
  CHECK(edge.kernel.conntrack[0].reply.source == address("10.1.0.3"));
  edge.source.remove({Kind::mapping, {"shop", "dns"}});
  edge.settle();
  REQUIRE(edge.kernel.conntrack.size() == 1);
  CHECK(edge.kernel.conntrack[0].protocol == Protocol::tcp);
  edge.give_back();
  CHECK(edge.kernel.conntrack.size() == 1);
}

TEST_CASE("endpoints that left while an address was away are found when it is back") {
  Away edge;
  edge.source.put(slice({"10.1.0.2"}));
  edge.kernel.edit_host(
      [](Host& host) { host.interfaces["eth1"].addresses = {*Prefix::parse("203.0.113.10/24")}; });
  edge.settle();
  REQUIRE(edge.kernel.conntrack.size() == 2);
  CHECK(edge.kernel.conntrack[0].reply.source == address("10.1.0.2"));
}

TEST_CASE("a restart while an address is away ends no connection either, until its time is over") {
  Away edge;
  edge.give_back();
  edge.kernel.edit_host([](Host& host) { host.interfaces["eth1"].addresses.clear(); });
  FakeSource again;
  Service service;
  service.name = {"shop", "web"};
  service.ports = {{"tcp", 80, Protocol::tcp, 0}, {"udp", 80, Protocol::udp, 0}};
  again.put(service);
  again.put(slice({"10.1.0.2", "10.1.0.3"}));
  again.put(mapping("web", 443, Protocol::tcp));
  again.put(mapping("dns", 53));
  cmd::EdgeLoop restarted(edge.kernel, again, Fixture::settings(), 600s, edge.clock());
  restarted.step();
  CHECK(edge.kernel.conntrack.size() == 3);
  edge.now += 61s;
  restarted.step();
  CHECK(edge.kernel.conntrack.empty());
}

TEST_CASE("with many changed forwards conntrack is read once") {
  Fixture edge;
  for (std::uint16_t port = 1000; port < 1040; ++port) {
    edge.source.put(mapping("m" + std::to_string(port), port));
  }
  edge.source.put(mapping("range", 2000, Protocol::udp, 2010));
  edge.settle();
  edge.kernel.sweeps.clear();
  // Ranges go to the same offset: 2005 to 85.
  edge.kernel.conntrack = {flow(Protocol::udp, "198.51.100.7", 1005, "10.1.0.3"),
                           flow(Protocol::udp, "198.51.100.7", 1006, "10.1.0.2"),
                           flow(Protocol::udp, "198.51.100.7", 3000, "10.1.0.3"),
                           flow(Protocol::udp, "198.51.100.7", 2005, "10.1.0.3", 8085)};
  edge.source.put(slice({"10.1.0.2"}));
  edge.source.remove({Kind::mapping, {"shop", "range"}});
  edge.settle();
  REQUIRE(edge.kernel.sweeps.size() == 1);
  CHECK_FALSE(edge.kernel.sweeps[0].original_destination.has_value());
  REQUIRE(edge.kernel.conntrack.size() == 2);
  CHECK(edge.kernel.conntrack[0].original.destination_port == 1006);
  CHECK(edge.kernel.conntrack[1].original.destination_port == 3000);
}

TEST_CASE("a restart sweeps what changed while nobody looked") {
  Fixture edge;
  edge.settle();
  edge.kernel.conntrack = {flow(Protocol::udp, "198.51.100.7", 53, "10.1.0.3"),
                           flow(Protocol::tcp, "198.51.100.7", 443, "10.1.0.3"),
                           flow(Protocol::udp, "198.51.100.7", 9, "203.0.113.10", 9)};
  FakeSource later;
  later.put(slice({"10.1.0.2"}));  // without the Mappings: they were deleted
  cmd::EdgeLoop restarted(edge.kernel, later, Fixture::settings(), 600s, edge.clock());
  restarted.step();
  REQUIRE(edge.kernel.conntrack.size() == 1);
  CHECK(edge.kernel.conntrack[0].original.destination_port == 9);  // the host's own
}

TEST_CASE("a failed sweep is logged and done later") {
  Fixture edge;
  edge.settle();
  edge.kernel.conntrack = {flow(Protocol::udp, "198.51.100.8", 53, "10.1.0.3")};
  edge.kernel.refuse_sweeps = true;
  edge.source.put(slice({"10.1.0.2"}));
  const auto due = edge.loop.step();
  edge.check_converged();
  CHECK(edge.kernel.conntrack.size() == 1);
  CHECK(edge.loop.statistics().errors.at("sweep") == 1);
  CHECK(cmd::judge(edge.loop.health(), edge.now).healthy);
  edge.kernel.refuse_sweeps = false;
  edge.now = due;
  edge.settle();
  edge.now += 5s;
  edge.loop.step();
  CHECK(edge.kernel.conntrack.empty());
}

TEST_CASE("the resync finds what no notification told") {
  Fixture edge;
  edge.settle();
  edge.kernel.tamper([](State& state) { state.rules.clear(); });
  edge.kernel.drain();  // lost
  edge.loop.step();
  CHECK(edge.kernel.state().rules.empty());
  edge.now += 600s;
  edge.loop.step();
  edge.check_converged();
}

TEST_CASE("status joins reports, forwards and counters") {
  EdgeSettings counting = Fixture::settings();
  counting.accounting = core::Accounting::traffic;
  Fixture edge(counting);
  Mapping limited = mapping("dns", 53);
  limited.allowed_sources = {*Prefix::parse("198.51.100.0/24")};
  edge.source.put(limited);
  edge.source.put(mapping("range", 2000, Protocol::udp, 2010));
  Mapping lost = mapping("lost", 1);
  lost.service = "nowhere";
  edge.source.put(lost);
  edge.settle();
  for (const auto& [key, value] : edge.kernel.state().elements) {
    if (key.set == EdgeSet::services) edge.kernel.count(key, 10, 600);
    if (key.set == EdgeSet::guarded) edge.kernel.count(key, 6, 360);
    if (key.set == EdgeSet::range_services) edge.kernel.count(key, 7, 600);
    if (key.set == EdgeSet::refused_source) edge.kernel.count(key, 4, 240);
    if (key.set == EdgeSet::traffic) {
      const bool reply = key.key.data[0] == 1;
      edge.kernel.count(key, reply ? 200 : 100, reply ? 20000 : 10000);
    }
    if (key.set == EdgeSet::endpoints) edge.kernel.count(key, 3, 180);
  }
  const cmd::EdgeStatus status = cmd::collect(edge.loop.plan(), edge.source, edge.kernel);
  REQUIRE(status.mappings.size() == 4);
  const cmd::MappingStatus& dns = status.mappings[0];
  CHECK(dns.name == "dns");
  CHECK(dns.state == "active");
  REQUIRE(dns.ports.size() == 1);
  CHECK(dns.ports[0].connections == 6);
  CHECK(dns.ports[0].refused_source == 4);
  REQUIRE(dns.ports[0].traffic);
  CHECK(dns.ports[0].traffic->received.packets == 100);
  CHECK(dns.ports[0].traffic->sent.bytes == 20000);
  REQUIRE(dns.ports[0].endpoints.size() == 2);
  CHECK(dns.ports[0].endpoints[0].address == "10.1.0.2:8080");
  CHECK(dns.ports[0].endpoints[0].connections == 3);
  CHECK(dns.ports[0].endpoints[0].share + dns.ports[0].endpoints[1].share == Approx(100));
  CHECK(status.mappings[1].state == "rejected");
  CHECK(status.mappings[2].ports.at(0).ports == "2000-2010");
  CHECK(status.mappings[2].ports.at(0).connections == 7);
  CHECK(status.rejections.size() == 1);
  CHECK(status.interfaces.at(0).name == "eth1");
  CHECK(status.interfaces.at(0).gateway4 == "203.0.113.1");
  CHECK(status.objects.at("Mapping") == 4);

  // And the kernel alone tells the same, as far as it knows.
  const cmd::EdgeStatus alone = cmd::collect(edge.kernel);
  REQUIRE(alone.mappings.size() == 3);
  for (const std::size_t i : {0U, 1U, 2U}) {
    const cmd::MappingStatus& known = status.mappings[i == 0 ? 0 : i + 1];
    const cmd::MappingStatus& found = alone.mappings[i];
    CHECK(found.name == known.name);
    REQUIRE(found.ports.size() == known.ports.size());
    CHECK(found.ports[0].ports == known.ports[0].ports);
    CHECK(found.ports[0].connections == known.ports[0].connections);
    REQUIRE(found.ports[0].endpoints.size() == known.ports[0].endpoints.size());
    for (std::size_t e = 0; e < found.ports[0].endpoints.size(); ++e) {
      CHECK(found.ports[0].endpoints[e].address == known.ports[0].endpoints[e].address);
      CHECK(found.ports[0].endpoints[e].share == Approx(known.ports[0].endpoints[e].share));
    }
  }
  CHECK(alone.interfaces.at(0).gateway4 == "203.0.113.1");
}

TEST_CASE("edge: a connection table that is nearly full is told, until there is room again") {
  Fixture edge;
  edge.settle();
  CHECK(edge.loop.host_warnings().empty());
  edge.kernel.conntrack = {flow(Protocol::udp, "198.51.100.1", 53, "10.1.0.2")};
  const auto look = [&](std::uint64_t limit) {
    edge.kernel.conntrack_limit = limit;
    edge.now += 10s;
    edge.settle();
    return !edge.loop.host_warnings().empty();
  };
  edge.kernel.conntrack.resize(80, edge.kernel.conntrack.front());
  CHECK_FALSE(look(89));
  CHECK(look(88));
  CHECK(look(100));  // 80 %: still told
  CHECK_FALSE(look(101));
  CHECK_FALSE(look(0));
}

}  // namespace unit::loop_connections_test
