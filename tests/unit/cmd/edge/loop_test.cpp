#include "cmd/edge/loop.hpp"

#include <sys/eventfd.h>

#include "cmd/edge/collect_status.hpp"
#include "cmd/edge/read_elements.hpp"
#include "cmd/serve/log.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/fake_source.hpp"
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_test {

using namespace unit::edge_loop;

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

TEST_CASE("what cannot be read holds back deletions, and nothing else") {
  Fixture edge;
  Mapping guarded = mapping("guarded", 8443, Protocol::tcp);
  guarded.allowed_sources = {*Prefix::parse("198.51.100.0/24")};
  edge.source.put(guarded);
  edge.settle();
  const auto served = [&] {
    std::set<std::uint16_t> ports;
    for (const auto& [key, value] : edge.kernel.state().elements) {
      if (key.set != EdgeSet::services && key.set != EdgeSet::guarded) continue;
      ports.insert(cmd::fields_of(key)->key.ports.first);
    }
    return ports;
  };
  REQUIRE(served() == std::set<std::uint16_t>{53, 443, 8443});
  const State before = edge.kernel.state();

  // A new process cannot read dns and guarded; web asks for another port meanwhile.
  FakeSource source;
  source.complete = false;
  source.readable_part = true;
  for (Object object : {Object(slice({"10.1.0.2"})), Object(mapping("web", 444, Protocol::tcp))}) {
    source.put(std::move(object));
  }
  Service service;
  service.name = {"shop", "web"};
  service.ports = {{"tcp", 80, Protocol::tcp, 0}, {"udp", 80, Protocol::udp, 0}};
  source.put(service);
  const bool tampered = GENERATE(false, true);
  if (tampered) {
    // Their tables are made anew with what they held.
    edge.kernel.tamper([](State& state) {
      for (auto& [family, table] : state.tables) table.sets.front().counter = true;
    });
  }
  cmd::EdgeLoop restarted(edge.kernel, source, Fixture::settings(), 600s, edge.clock());
  restarted.step();
  CHECK(restarted.health().trouble.empty());
  CHECK(served() == std::set<std::uint16_t>{53, 443, 444, 8443});
  for (const auto& [key, value] : before.elements) {
    INFO(core::to_text({AddElement{{key, value}}}).front());
    CHECK(edge.kernel.state().elements.contains(key));
  }
  const cmd::EdgeVerdict verdict = cmd::judge(restarted.health(), edge.now);
  CHECK(verdict.healthy);
  CHECK(verdict.ready);
  // A deletion that is told is one.
  source.remove({Kind::mapping, {"shop", "web"}});
  edge.now += 2s;
  restarted.step();
  CHECK(served() == std::set<std::uint16_t>{53, 443, 8443});

  source.complete = true;
  source.readable_part = false;
  edge.now += 2s;
  restarted.step();
  CHECK(served().empty());
  CHECK(edge.kernel.state().elements == restarted.plan().state().elements);
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
      count += key.set == EdgeSet::services;
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

}  // namespace unit::loop_test
