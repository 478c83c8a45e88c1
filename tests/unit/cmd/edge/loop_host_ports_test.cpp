// What the host listens on, and claims of tenants.
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_host_ports_test {

using namespace unit::edge_loop;

namespace {

const ObjectId ssh{Kind::mapping, {"shop", "ssh"}};
const Listeners sshd = {{22, Protocol::tcp, address("203.0.113.10"), 0}};

Mapping claim(bool of_cluster) {
  Mapping result = mapping("ssh", 22, Protocol::tcp);
  if (of_cluster) result.created = 1'700'000'000;
  return result;
}

struct Rig : Fixture {
  Rig()
      : of_cluster(kernel, source, cluster_settings(), 600s, clock(), 60s,
                   [this] { return listening; }) {}

  static EdgeSettings cluster_settings() {
    EdgeSettings settings = Fixture::settings();
    settings.cluster = true;
    return settings;
  }
  void settle(cmd::EdgeLoop& which) {
    for (int i = 0; i < 20; ++i) {
      const os::Time due = which.step();
      if (due > now + 1s) return;
      now = std::max(due, now + 1ms);
    }
    FAIL("the loop does not settle");
  }
  bool carries(const cmd::EdgeLoop& which) { return !which.plan().forwards_of(ssh).empty(); }

  Listeners listening;
  cmd::EdgeLoop of_cluster;
};

}  // namespace

TEST_CASE("4.6: a tenant's claim on the host's own port is refused until the host lets it go") {
  Rig rig;
  rig.listening = sshd;
  rig.source.put(claim(true));
  rig.settle(rig.of_cluster);
  CHECK_FALSE(rig.carries(rig.of_cluster));
  CHECK(rig.of_cluster.plan().report(ssh)->state == MappingReport::State::rejected);
  CHECK(rig.of_cluster.plan().rejections().size() == 1);
  CHECK(rig.of_cluster.plan().over_limits().at("host-ports") == 1);

  // A service that is restarted finds its port as it left it, whoever changes claims meanwhile.
  rig.listening.clear();
  for (const os::Time until = rig.now + 25s; rig.now < until; rig.now += 5s) {
    Mapping again = claim(true);
    again.allowed_sources = {*Prefix::parse("198.51.100.0/24")};
    rig.source.put(again);
    rig.settle(rig.of_cluster);
  }
  rig.listening = sshd;
  rig.now += 5s;
  rig.settle(rig.of_cluster);
  CHECK_FALSE(rig.carries(rig.of_cluster));

  // Nothing tells that a socket is gone: it is looked for.
  rig.listening.clear();
  for (const os::Time until = rig.now + 60s; rig.now < until;) {
    const os::Time due = rig.of_cluster.step();
    if (rig.carries(rig.of_cluster)) break;
    REQUIRE(due <= rig.now + 5s);
    rig.now = std::max(due, rig.now + 1ms);
  }
  rig.settle(rig.of_cluster);
  CHECK(rig.carries(rig.of_cluster));
  CHECK(rig.of_cluster.plan().rejections().empty());
  const State planned = rig.of_cluster.plan().state();
  CHECK(rig.kernel.state().elements == planned.elements);
}

TEST_CASE("4.6: a claim in effect stays when the host listens later, also at the next start") {
  Rig rig;
  rig.source.put(claim(true));
  rig.settle(rig.of_cluster);
  REQUIRE(rig.carries(rig.of_cluster));

  rig.listening = sshd;
  rig.source.put(mapping("other", 81, Protocol::tcp));
  Mapping changed = claim(true);
  changed.allowed_sources = {*Prefix::parse("198.51.100.0/24")};
  rig.source.put(changed);
  rig.settle(rig.of_cluster);
  CHECK(rig.carries(rig.of_cluster));
  CHECK(rig.of_cluster.plan().host_ports().warnings().size() == 1);

  // Another process, over the same kernel.
  FakeSource source;
  for (const Object& object : {Object(changed), Object(slice({"10.1.0.2"}))}) source.put(object);
  Service service;
  service.name = {"shop", "web"};
  service.ports = {{"tcp", 80, Protocol::tcp, 0}};
  source.put(service);
  Mapping late = mapping("late", 2222, Protocol::tcp);
  late.created = 1;
  source.put(late);
  rig.listening.insert({2222, Protocol::tcp, address("203.0.113.10"), 0});
  cmd::EdgeLoop next(rig.kernel, source, Rig::cluster_settings(), 600s, rig.clock(), 60s,
                     [&] { return rig.listening; });
  rig.settle(next);
  CHECK(rig.carries(next));
  // What it did not carry, it does not take now.
  CHECK(next.plan().forwards_of({Kind::mapping, {"shop", "late"}}).empty());
}

TEST_CASE("4.6: a claim that waits for its address does not take what the host has there") {
  Rig rig;
  // eth1 has the default route: a socket for all addresses is the host's own.
  rig.kernel.edit_host([](Host& host) { host.interfaces["eth1"].default4 = true; });
  rig.listening = {{22, Protocol::tcp, address("0.0.0.0"), 0}};
  Mapping waiting = claim(true);
  waiting.addresses = {address("203.0.113.77")};
  rig.source.put(waiting);
  rig.settle(rig.of_cluster);
  CHECK(rig.of_cluster.plan().report(ssh)->state == MappingReport::State::inactive);
  rig.kernel.edit_host([](Host& host) {
    host.interfaces["eth1"].addresses.push_back(*Prefix::parse("203.0.113.77/24"));
  });
  rig.settle(rig.of_cluster);
  CHECK_FALSE(rig.carries(rig.of_cluster));
}

TEST_CASE("4.6: a kernel that cannot tell who listens costs no traffic, and is told of") {
  Rig rig;
  bool broken = true;
  cmd::EdgeLoop loop(rig.kernel, rig.source, Rig::cluster_settings(), 600s, rig.clock(), 60s, [&] {
    if (broken) throw Error(Error::Kind::permanent, "no such module");
    return sshd;
  });
  rig.source.put(claim(true));
  rig.settle(loop);
  CHECK(rig.carries(loop));
  REQUIRE(loop.host_warnings().size() == 1);
  CHECK(loop.host_warnings().front().find("no such module") != std::string::npos);
  broken = false;
  loop.resync();
  rig.settle(loop);
  CHECK(rig.carries(loop));
  CHECK(loop.host_warnings().empty());
}

TEST_CASE("4.6: who listens is asked when claims change, not for endpoints") {
  Fixture fixture;
  int asked = 0;
  EdgeSettings settings = Fixture::settings();
  cmd::EdgeLoop loop(fixture.kernel, fixture.source, settings, 600s, fixture.clock(), 60s, [&] {
    ++asked;
    return Listeners();
  });
  const auto settle = [&] {
    for (int i = 0; i < 20 && loop.step() <= fixture.now + 1s; ++i) fixture.now += 100ms;
  };
  settle();
  REQUIRE(asked > 0);
  asked = 0;
  for (const char* pod : {"10.1.0.7", "10.1.0.8", "10.1.0.9"}) {
    fixture.source.put(slice({pod}));
    settle();
  }
  CHECK(asked == 0);
  fixture.source.put(mapping("more", 90, Protocol::tcp));
  settle();
  CHECK(asked == 1);
}

TEST_CASE("4.6: an operator's file gets the host's own port, with a warning") {
  Rig rig;
  rig.listening = sshd;
  rig.source.put(claim(false));
  rig.settle(rig.of_cluster);
  CHECK(rig.carries(rig.of_cluster));
  const auto warnings = rig.of_cluster.plan().warnings();
  CHECK(std::ranges::any_of(warnings, [](const std::string& text) {
    return text.find("takes 203.0.113.10:22/tcp") != std::string::npos;
  }));
}

}  // namespace unit::loop_host_ports_test
