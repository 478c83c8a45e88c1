#include "core/edge/port_use.hpp"
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_ports_test {

using namespace unit::edge_loop;

namespace {

struct Listening : FakeSource {
  [[nodiscard]] bool listens() const override { return true; }
  void report(const PlannedMappings& planned) override {
    for (const auto& [name, status] : planned) reported.insert_or_assign(name.name, status);
  }
  std::map<std::string, std::optional<InstanceStatus>> reported;
};

// An edge whose kernel tracks any number of masqueraded connections.
struct Ports {
  Fixture edge;
  Listening source;
  int counts = 0;
  cmd::EdgeLoop loop;

  Ports()
      : loop(
            edge.kernel, source, Fixture::settings(), 600s, edge.clock(), 60s,
            [] { return Listeners(); }, [this](std::uint32_t least) { return count(least); }) {
    source.changes = edge.source.changes;
  }

  std::optional<std::vector<PortUse>> count(std::uint32_t least) {
    ++counts;
    PortCount count;
    for (const Flow& one : edge.kernel.conntrack) count.add(one);
    return count.at_least(least);
  }
  // To one endpoint.
  void track(std::uint32_t number, const std::string& pod = "10.1.0.2") {
    edge.kernel.conntrack.clear();
    for (std::uint32_t i = 0; i < number; ++i) {
      Flow one = flow(Protocol::tcp, "198.51.100.7", 443, pod);
      one.status = 16 | 32;
      one.reply.destination = address("10.1.0.1");
      one.original.source_port = one.reply.destination_port = static_cast<std::uint16_t>(1024 + i);
      edge.kernel.conntrack.push_back(one);
    }
    pass();
  }
  void pass() {
    for (int i = 0; i < 25; ++i) {
      edge.now += 1s;
      loop.step();
    }
  }
};

}  // namespace

TEST_CASE("4.7: an endpoint that runs out of source ports is a warning and tells its Mappings") {
  Ports ports;
  ports.track(1000);
  CHECK(ports.loop.host_warnings().empty());
  CHECK(ports.counts == 0);  // too few for anything

  ports.track(57'000);
  CHECK(ports.counts > 0);
  CHECK(ports.loop.host_warnings().empty());
  REQUIRE(ports.loop.port_use().size() == 1);
  CHECK(ports.loop.port_use()[0].used == 57'000);

  ports.track(58'100);
  REQUIRE(ports.loop.host_warnings().size() == 1);
  CHECK(ports.loop.host_warnings()[0].starts_with(
      "Mapping shop/web: at least 90% of the 64512 source ports that 10.1.0.1 has towards endpoint "
      "10.1.0.2:8080/tcp are in use"));
  CHECK(cmd::judge(ports.loop.health(), ports.edge.now).healthy);
  CHECK(ports.source.reported.at("web")->shortage.starts_with("at least 90% of the 64512"));
  CHECK(ports.source.reported.at("web")->entry.message ==
        ports.source.reported.at("web")->shortage);
  CHECK(ports.source.reported.at("dns")->shortage.empty());

  // Not on and off at each connection.
  ports.track(55'000);
  CHECK(ports.loop.host_warnings().size() == 1);
  ports.track(40'000);
  CHECK(ports.loop.host_warnings().empty());
  CHECK(ports.loop.port_use().empty());
  CHECK(ports.source.reported.at("web")->shortage.empty());
  CHECK(ports.source.reported.at("web")->entry.message.empty());
}

TEST_CASE("4.7: what no Mapping leads to is nobody's shortage") {
  Ports ports;
  ports.track(60'000, "10.9.9.9");
  CHECK(ports.counts > 0);
  CHECK(ports.loop.host_warnings().empty());
  CHECK(ports.loop.port_use().empty());
}

}  // namespace unit::loop_ports_test
