#include <algorithm>

#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_obstacles_test {

using namespace unit::edge_loop;

namespace {

struct Listening : FakeSource {
  [[nodiscard]] bool listens() const override { return true; }
  void report(const PlannedMappings& planned) override {
    for (const auto& [name, status] : planned) reported.insert_or_assign(name.name, status);
  }
  std::map<std::string, std::optional<InstanceStatus>> reported;
};

// All traffic by TCP is dropped.
std::vector<Obstacle> drop_tcp(const std::vector<MappedFlow>& flows) {
  std::vector<Obstacle> found;
  for (std::size_t i = 0; i < flows.size(); ++i) {
    if (flows[i].protocol != Protocol::tcp) continue;
    found.push_back({i, false, "chain FORWARD of table ip filter",
                     "drops mapped traffic: its policy is drop", "let it pass with: true"});
  }
  return found;
}

}  // namespace

TEST_CASE("who drops mapped traffic is a warning, makes the edge not healthy, and goes again") {
  Fixture edge;
  Listening source;
  source.changes = edge.source.changes;
  cmd::EdgeLoop loop(edge.kernel, source, Fixture::settings(), 600s, edge.clock());
  const auto pass = [&] {
    for (int i = 0; i < 20; ++i) {
      edge.now += 1s;
      loop.step();
    }
  };
  pass();
  CHECK(loop.host_warnings().empty());
  CHECK(cmd::judge(loop.health(), edge.now).healthy);

  edge.kernel.blocked = drop_tcp;
  pass();
  REQUIRE(loop.host_warnings().size() == 1);
  CHECK(loop.host_warnings()[0] ==
        "chain FORWARD of table ip filter drops mapped traffic: its policy is drop (for example "
        "Mapping shop/web, 203.0.113.10:443/tcp to 10.1.0.2:8080, for clients by eth1); let it "
        "pass with: true");
  const cmd::EdgeVerdict verdict = cmd::judge(loop.health(), edge.now);
  CHECK_FALSE(verdict.healthy);
  CHECK(verdict.ready);  // another instance would fare no better
  REQUIRE(verdict.troubles.size() == 1);
  CHECK(verdict.troubles[0].find("chain FORWARD of table ip filter") != std::string::npos);
  // The author of the Mapping is told, and of no other.
  CHECK(source.reported.at("web")->obstacle.starts_with(
      "chain FORWARD of table ip filter of another program drops mapped traffic"));
  CHECK(source.reported.at("dns")->obstacle.empty());

  edge.kernel.blocked = nullptr;
  pass();
  CHECK(loop.host_warnings().empty());
  CHECK(cmd::judge(loop.health(), edge.now).healthy);
  CHECK(source.reported.at("web")->obstacle.empty());
}

TEST_CASE("what cannot be looked at changes nothing of what is known") {
  Fixture edge;
  edge.kernel.blocked = drop_tcp;
  edge.settle();
  REQUIRE(edge.loop.host_warnings().size() == 1);
  edge.kernel.blocked = [](const std::vector<MappedFlow>&) -> std::vector<Obstacle> {
    throw Error(Error::Kind::transient, "busy");
  };
  edge.now += 60s;
  edge.settle();
  CHECK(edge.loop.host_warnings().size() == 1);
  CHECK(edge.loop.health().trouble.empty());
}

TEST_CASE("of --backend clusterip it is asked about Services' own addresses") {
  BrokenKernel kernel;
  kernel.add_interface("eth1", {"203.0.113.10/24"});
  std::vector<MappedFlow> asked;
  kernel.blocked = [&](const std::vector<MappedFlow>& flows) {
    asked = flows;
    return std::vector<Obstacle>();
  };
  Fixture edge;
  FakeSource source;
  source.changes = edge.source.changes;
  EdgeSettings settings = Fixture::settings();
  settings.backend = BackendMode::cluster_ip;
  cmd::EdgeLoop loop(kernel, source, settings, 600s, edge.clock());
  for (int i = 0; i < 5; ++i, edge.now += 1s) loop.step();
  REQUIRE_FALSE(asked.empty());
  CHECK(std::ranges::all_of(asked, [](const MappedFlow& flow) {
    return flow.service && flow.endpoint == address("10.96.0.10");
  }));
}

}  // namespace unit::loop_obstacles_test
