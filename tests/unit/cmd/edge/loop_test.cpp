#include "cmd/edge/loop.hpp"

#include <sys/eventfd.h>

#include "cmd/edge/collect_status.hpp"
#include "cmd/serve/log.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/fake_source.hpp"

namespace unit::loop_test {

using namespace std::chrono_literals;
using namespace core;
using support::FakeSource;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

// Fails a chosen call; what it lets through is the fake's.
class BrokenKernel : public support::FakeKernel {
 public:
  void apply(const Changes& changes) override {
    check();
    FakeKernel::apply(changes);
  }
  Host host() override {
    ++host_calls;
    return FakeKernel::host();
  }
  using FakeKernel::observe;
  State observe(const State& expected, ElementFilter& filter) override {
    ++comparisons;
    return FakeKernel::observe(expected, filter);
  }
  std::size_t sweep(const FlowFilter& filter,
                    const std::function<bool(const Flow&)>& visit) override {
    sweeps.push_back(filter);
    if (refuse_sweeps) throw Error(Error::Kind::transient, "sweep: busy");
    return FakeKernel::sweep(filter, visit);
  }

  std::optional<Error::Kind> refuses;
  bool refuse_sweeps = false;
  int host_calls = 0;
  int comparisons = 0;
  std::vector<FlowFilter> sweeps;

 private:
  void check() const {
    if (refuses) throw Error(*refuses, "apply: refused");
  }
};

Mapping mapping(const std::string& name, std::uint16_t port, Protocol protocol = Protocol::udp,
                std::uint16_t last = 0) {
  Mapping result;
  result.name = {"shop", name};
  result.addresses = {address("203.0.113.10")};
  result.service = "web";
  result.ports = {{{port, last == 0 ? port : last}, 80, protocol}};
  return result;
}

EndpointSlice slice(const std::vector<std::string>& pods) {
  EndpointSlice result;
  result.name = {"shop", "web-1"};
  result.service = "web";
  result.ports = {{"tcp", 8080, Protocol::tcp}, {"udp", 8080, Protocol::udp}};
  for (const std::string& pod : pods) result.endpoints.push_back({address(pod), true, true, false});
  return result;
}

Flow flow(Protocol protocol, const std::string& client, std::uint16_t port, const std::string& pod,
          std::uint16_t pod_port = 8080) {
  Flow result;
  result.protocol = protocol;
  result.original = {address(client), address("203.0.113.10"), 40000, port};
  result.reply = {address(pod), address(client), pod_port, 40000};
  result.tcp_state = 3;  // established
  return result;
}

using os::Clock;

struct Fixture {
  BrokenKernel kernel;
  FakeSource source;
  os::Time now{1h};
  cmd::EdgeLoop loop;

  static EdgeSettings settings() {
    EdgeSettings result;
    result.external_interfaces = "^eth1$";
    return result;
  }

  Fixture() : loop(kernel, source, settings(), 600s, clock()) {
    cmd::log::start(cmd::log::Format::text, cmd::log::Level::error);
    kernel.add_interface("eth1", {"203.0.113.10/24"});
    kernel.edit_host([](Host& host) { host.forwarding4 = true; });
    Service service;
    service.name = {"shop", "web"};
    service.cluster_ips = {address("10.96.0.10")};
    service.ports = {{"tcp", 80, Protocol::tcp, 0}, {"udp", 80, Protocol::udp, 0}};
    source.put(service);
    source.put(slice({"10.1.0.2", "10.1.0.3"}));
    source.put(mapping("web", 443, Protocol::tcp));
    source.put(mapping("dns", 53));
  }

  os::Clock clock() {
    return {[this] { return now; }, [] { return std::int64_t{1700000000}; }, [] { return 0.5; }};
  }

  // Steps until nothing is due within a second.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      const os::Time due = loop.step();
      if (due > now + 1s) return;
      now = std::max(due, now + 1ms);
    }
    FAIL("the loop does not settle");
  }

  // The kernel is what planning everything anew would make it.
  void check_converged() {
    const State state = kernel.state();
    const State planned = loop.plan().state();
    CHECK(state.tables == planned.tables);
    CHECK(state.elements == planned.elements);
    CHECK(state.routes == planned.routes);
    CHECK(state.rules == planned.rules);
    CHECK(loop.health().trouble.empty());
  }
};

}  // namespace

TEST_CASE("the loop brings the kernel in line, and a second pass changes nothing") {
  Fixture edge;
  edge.settle();
  edge.check_converged();
  CHECK_FALSE(edge.kernel.state().elements.empty());
  const auto changes = edge.loop.statistics().changes;
  edge.loop.resync();
  edge.settle();
  CHECK(edge.loop.statistics().changes == changes);
  const cmd::EdgeVerdict verdict = cmd::judge(edge.loop.health(), edge.now);
  CHECK(verdict.healthy);
  CHECK(verdict.ready);
}

TEST_CASE("nothing is touched before the source is complete") {
  Fixture edge;
  edge.settle();
  const State before = edge.kernel.state();

  FakeSource empty;
  empty.complete = false;
  cmd::EdgeLoop restarted(edge.kernel, empty, Fixture::settings(), 600s, edge.clock());
  restarted.step();
  edge.now += 700s;
  restarted.step();
  CHECK(edge.kernel.state() == before);
  const cmd::EdgeVerdict verdict = cmd::judge(restarted.health(), edge.now);
  CHECK_FALSE(verdict.healthy);
  CHECK_FALSE(verdict.ready);

  empty.complete = true;  // and there is nothing: now it may go
  restarted.step();
  CHECK(edge.kernel.state().elements.size() < before.elements.size());
}

TEST_CASE("an ordinary change is applied without comparing everything") {
  Fixture edge;
  edge.settle();
  const int comparisons = edge.kernel.comparisons;
  const int host_calls = edge.kernel.host_calls;
  edge.source.put(slice({"10.1.0.2", "10.1.0.4"}));
  edge.settle();
  edge.check_converged();
  edge.source.remove({Kind::mapping, {"shop", "dns"}});
  edge.settle();
  edge.check_converged();
  CHECK(edge.kernel.comparisons == comparisons);
  CHECK(edge.kernel.host_calls == host_calls);
}

TEST_CASE("somebody tampers, the next step repairs") {
  Fixture edge;
  edge.settle();
  edge.now += 1s;
  edge.kernel.tamper([](State& state) {
    state.tables.clear();
    state.elements.clear();
  });
  edge.loop.step();
  edge.check_converged();
  edge.now += 1s;
  edge.kernel.tamper([](State& state) {
    state.routes.clear();
    state.rules.clear();
  });
  edge.loop.step();
  edge.check_converged();
}

TEST_CASE("who tampers all the time does not keep the loop busy, and loses in the end") {
  Fixture edge;
  edge.settle();
  edge.now += 1s;
  const int comparisons = edge.kernel.comparisons;
  for (int i = 0; i < 100; ++i) {
    edge.kernel.tamper([](State& state) { state.elements.clear(); });
    edge.loop.step();
    edge.now += 1ms;
  }
  CHECK(edge.kernel.comparisons - comparisons <= 6);  // one every 20 ms
  edge.settle();
  edge.check_converged();
}

TEST_CASE("addresses that come and go are followed by notification") {
  Fixture edge;
  edge.settle();
  const auto served = [&] {
    std::size_t count = 0;
    for (const auto& [key, value] : edge.kernel.state().elements)
      count += key.set == SetId::services;
    return count;
  };
  CHECK(served() == 2);
  edge.kernel.edit_host([](Host& host) { host.interfaces["eth1"].addresses.clear(); });
  edge.settle();
  edge.check_converged();
  CHECK(served() == 0);
  edge.kernel.edit_host(
      [](Host& host) { host.interfaces["eth1"].addresses = {*Prefix::parse("203.0.113.10/24")}; });
  edge.settle();
  CHECK(served() == 2);
}

TEST_CASE("a refused change is retried by comparing, ever more slowly, and no news is lost") {
  Fixture edge;
  edge.settle();
  edge.kernel.refuses = Error::Kind::transient;
  edge.source.put(slice({"10.1.0.9"}));
  std::vector<os::Time> attempts;
  while (attempts.size() < 12) {
    const auto before = edge.loop.statistics().errors["sync"];
    const auto due = edge.loop.step();
    if (edge.loop.statistics().errors["sync"] != before) attempts.push_back(edge.now);
    edge.now = due;
  }
  CHECK(attempts[1] - attempts[0] == 100ms);
  CHECK(attempts[2] - attempts[1] == 200ms);
  CHECK(attempts[3] - attempts[2] == 400ms);
  CHECK(attempts[11] - attempts[10] == 30s);
  const cmd::EdgeVerdict verdict = cmd::judge(edge.loop.health(), edge.now);
  CHECK_FALSE(verdict.healthy);
  CHECK(verdict.ready);  // the older plan still forwards
  CHECK(verdict.troubles == std::vector<std::string>{"apply: refused"});

  edge.kernel.refuses.reset();
  edge.loop.step();
  edge.check_converged();
  CHECK(cmd::judge(edge.loop.health(), edge.now).healthy);
}

TEST_CASE("news shortens the wait after a failure to a second") {
  Fixture edge;
  edge.settle();
  edge.now += 2s;
  edge.kernel.refuses = Error::Kind::permanent;
  edge.source.put(slice({"10.1.0.9"}));
  CHECK(edge.loop.step() == edge.now + 30s);
  edge.kernel.refuses.reset();
  edge.now += 100ms;
  edge.source.put(slice({"10.1.0.8"}));
  edge.loop.step();
  CHECK_FALSE(edge.loop.health().trouble.empty());
  edge.now += 900ms;
  edge.loop.step();
  edge.check_converged();
}

TEST_CASE("what cannot be mended ends a start, but not a running edge") {
  Fixture edge;
  edge.kernel.refuses = Error::Kind::permanent;
  CHECK_THROWS_AS(edge.loop.step(), Error);

  Fixture running;
  running.settle();
  running.kernel.refuses = Error::Kind::permanent;
  running.source.put(slice({}));
  CHECK_NOTHROW(running.loop.step());
}

TEST_CASE("each kernel operation may fail once and the end is the same") {
  Fixture clean;
  clean.settle();
  for (std::size_t operation = 1; operation < 400; ++operation) {
    Fixture edge;
    edge.kernel.fail_at(operation);
    edge.settle();
    edge.check_converged();
    CHECK(edge.kernel.state() == clean.kernel.state());
    if (!edge.loop.statistics().errors.contains("sync")) {
      CHECK(operation > 10);
      return;
    }
  }
  FAIL("there is no end of operations");
}

TEST_CASE("tampering while the repair fails makes the edge not ready") {
  Fixture edge;
  edge.settle();
  edge.now += 1s;
  edge.kernel.refuses = Error::Kind::transient;
  edge.kernel.tamper([](State& state) {
    state.tables.clear();
    state.elements.clear();
  });
  edge.loop.step();
  CHECK_FALSE(cmd::judge(edge.loop.health(), edge.now).ready);
  edge.kernel.refuses.reset();
  edge.settle();
  CHECK(cmd::judge(edge.loop.health(), edge.now).ready);
}

TEST_CASE("traffic by saved objects is healthy and ready, and known to be stale") {
  Fixture edge;
  edge.source.stale = 1'690'000'000;
  edge.settle();
  CHECK(edge.loop.health().stale_since == 1'690'000'000);
  CHECK(cmd::judge(edge.loop.health(), edge.now).healthy);
  CHECK(cmd::judge(edge.loop.health(), edge.now).ready);
  edge.source.stale.reset();
  edge.loop.step();
  CHECK_FALSE(edge.loop.health().stale_since);
}

TEST_CASE("a loop that is busy for long is not healthy") {
  cmd::EdgeHealth health;
  health.synced = true;
  health.last_sync = 1;
  const os::Time now{1h};
  CHECK(cmd::judge(health, now).healthy);
  health.busy_since = now - 5s;
  CHECK(cmd::judge(health, now).healthy);
  health.busy_since = now - 11s;
  CHECK_FALSE(cmd::judge(health, now).healthy);
}

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
  Fixture edge;
  Mapping limited = mapping("dns", 53);
  limited.allowed_sources = {*Prefix::parse("198.51.100.0/24")};
  edge.source.put(limited);
  edge.source.put(mapping("range", 2000, Protocol::udp, 2010));
  Mapping lost = mapping("lost", 1);
  lost.service = "nowhere";
  edge.source.put(lost);
  edge.settle();
  for (const auto& [key, value] : edge.kernel.state().elements) {
    if (key.set == SetId::services) edge.kernel.count(key, 10, 600);
    if (key.set == SetId::guarded) edge.kernel.count(key, 6, 360);
    if (key.set == SetId::range_services) edge.kernel.count(key, 7, 600);
    if (key.set == SetId::refused_source) edge.kernel.count(key, 4, 240);
    if (key.set == SetId::traffic) {
      const bool reply = key.key.data[0] == 1;
      edge.kernel.count(key, reply ? 200 : 100, reply ? 20000 : 10000);
    }
    if (key.set == SetId::endpoints) edge.kernel.count(key, 3, 180);
  }
  const cmd::EdgeStatus status = cmd::collect(edge.loop.plan(), edge.source, edge.kernel);
  REQUIRE(status.mappings.size() == 4);
  const cmd::MappingStatus& dns = status.mappings[0];
  CHECK(dns.name == "dns");
  CHECK(dns.state == "active");
  REQUIRE(dns.ports.size() == 1);
  CHECK(dns.ports[0].connections == 6);
  CHECK(dns.ports[0].refused_source == 4);
  CHECK(dns.ports[0].received.packets == 100);
  CHECK(dns.ports[0].sent.bytes == 20000);
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

}  // namespace unit::loop_test
