// What the kernel refuses of one object costs that object alone.
#include "core/edge/claims/mapping_report.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/edge/tables/static_state.hpp"
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_refusals_test {

using namespace unit::edge_loop;

bool is_element_of(const Element& element, SetId set, std::uint16_t port) {
  // address . protocol . port
  return element.key.set == set && element.key.key.data[8] == port >> 8 &&
         element.key.key.data[9] == (port & 0xff);
}

// An element of the Mapping that has this port.
auto slots_of(std::uint16_t port) {
  return [port](const Change& change) {
    const auto* const add = std::get_if<AddElement>(&change);
    return add != nullptr && is_element_of(add->element, EdgeSet::slots, port);
  };
}

std::size_t served(const Fixture& edge, std::uint16_t port) {
  std::size_t count = 0;
  for (const auto& [key, value] : edge.kernel.state().elements) {
    count += is_element_of({key, value}, EdgeSet::services, port) ? 1 : 0;
  }
  return count;
}

const MappingReport& report(const Fixture& edge, const std::string& name) {
  return *edge.loop.plan().report({Kind::mapping, {"shop", name}});
}

TEST_CASE("at a start, an object that the kernel refuses keeps no other from being served") {
  Fixture edge;
  for (std::uint16_t port = 1000; port < 1040; ++port) {
    edge.source.put(mapping("m" + std::to_string(port), port));
  }
  edge.kernel.refuses_change = slots_of(1017);
  edge.settle();
  edge.check_converged();
  for (std::uint16_t port = 1000; port < 1040; ++port) {
    CHECK(served(edge, port) == (port == 1017 ? 0 : 1));
  }
  CHECK(report(edge, "m1017").state == MappingReport::State::rejected);
  REQUIRE(report(edge, "m1017").reasons.size() == 1);
  CHECK_THAT(report(edge, "m1017").reasons[0], Catch::Contains("add element ip pona-edge slots"));
  CHECK_THAT(report(edge, "m1017").reasons[0], Catch::Contains(": refused"));
  CHECK(report(edge, "m1018").state == MappingReport::State::active);
  CHECK(cmd::judge(edge.loop.health(), edge.now).healthy);
}

TEST_CASE("a change that the kernel refuses goes with its object, others of the batch come in") {
  Fixture edge;
  edge.settle();
  edge.kernel.refuses_change = slots_of(53);
  edge.source.put(slice({"10.1.0.7", "10.1.0.8"}));  // for both Mappings
  edge.source.put(mapping("new", 54));
  edge.settle();
  edge.check_converged();
  CHECK(served(edge, 53) == 0);
  CHECK(served(edge, 54) == 1);
  CHECK(served(edge, 443) == 1);
  CHECK(report(edge, "dns").state == MappingReport::State::rejected);
  for (const auto& [key, value] : edge.kernel.state().elements) {
    CHECK_FALSE(is_element_of({key, value}, EdgeSet::slots, 53));
    if (key.set == EdgeSet::endpoints) CHECK(key.key.data[3] >= 7);
  }
}

TEST_CASE("what the kernel refused is tried again, ever more rarely, and when it changes at once") {
  Fixture edge;
  edge.kernel.refuses_change = slots_of(53);
  edge.settle();
  CHECK(served(edge, 53) == 0);
  edge.now += 59s;
  edge.kernel.refuses_change = nullptr;
  edge.loop.step();
  CHECK(served(edge, 53) == 0);
  edge.kernel.refuses_change = slots_of(53);
  edge.now += 2s;
  edge.settle();
  CHECK(served(edge, 53) == 0);
  edge.kernel.refuses_change = nullptr;
  edge.now += 100s;
  edge.settle();
  CHECK(served(edge, 53) == 0);
  edge.now += 30s;
  edge.settle();
  CHECK(served(edge, 53) == 1);
  CHECK(report(edge, "dns").state == MappingReport::State::active);

  edge.kernel.refuses_change = slots_of(53);
  edge.source.put(slice({"10.1.0.7"}));
  edge.settle();
  CHECK(served(edge, 53) == 0);
  edge.kernel.refuses_change = nullptr;
  Mapping other = mapping("dns", 53);
  other.affinity = Affinity::client_ip;
  edge.source.put(other);
  edge.settle();
  CHECK(served(edge, 53) == 1);
  edge.check_converged();
}

TEST_CASE("nobody is blamed where the kernel refuses all there is") {
  Fixture edge;
  edge.settle();
  edge.kernel.refuses = Error::Kind::permanent;
  edge.source.put(slice({"10.1.0.7"}));
  edge.loop.step();
  CHECK_FALSE(edge.loop.health().trouble.empty());
  CHECK(edge.loop.plan().rejections().empty());
  CHECK(served(edge, 53) == 1);
}

TEST_CASE("a route that the kernel refuses is left out with a warning") {
  Fixture edge;
  edge.kernel.refuses_change = [](const Change& change) {
    const auto* const add = std::get_if<AddRoute>(&change);
    return add != nullptr && add->what.gateway.has_value();
  };
  edge.settle();
  CHECK(served(edge, 53) == 1);
  CHECK(edge.kernel.state().routes.size() == 1);
  const auto warnings = edge.loop.plan().warnings();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Catch::Contains("ip route add default via 203.0.113.1"));
  edge.kernel.refuses_change = nullptr;
  edge.now += 61s;
  edge.settle();
  CHECK(edge.kernel.state().routes.size() == 2);
  CHECK(edge.loop.plan().warnings().empty());
}

TEST_CASE("2.15: reverse path filtering is held where it is strict, and said while it is") {
  Fixture edge;
  edge.settle();
  const std::string interface = edge.loop.plan().external().front().name;
  // For all interfaces: this one's value must stay. Of its own: once it is changed, nothing is
  // strict.
  const bool all = GENERATE(true, false);
  edge.kernel.edit_host([&](Host& host) {
    (all ? host.rp_filter_all : host.interfaces.at(interface).rp_filter) = 1;
  });
  for (int turn = 0; turn < 3; ++turn) {
    edge.now += 1s;
    edge.settle();
    CHECK(edge.kernel.host().interfaces.at(interface).rp_filter == 2);
    CHECK(edge.loop.plan().warnings().size() == (all ? 1 : 0));
  }
  // Who makes it strict again is undone.
  edge.kernel.edit_host([&](Host& host) { host.interfaces.at(interface).rp_filter = 1; });
  edge.now += 1s;
  edge.settle();
  CHECK(edge.kernel.host().interfaces.at(interface).rp_filter == 2);
}

const std::string liberal(core::liberal_tracking);

bool is_liberal(const Change& change) {
  const auto* const add = std::get_if<AddSysctl>(&change);
  return add != nullptr && add->what.key == liberal;
}

TEST_CASE("connection tracking is told to be liberal, and that it was not is kept in the kernel") {
  Fixture edge;
  edge.settle();
  edge.check_converged();
  CHECK(edge.kernel.state().sysctls.at(liberal) == "1");
  CHECK(liberal_was_off(edge.kernel.state()));

  FakeSource again;
  cmd::EdgeLoop restarted(edge.kernel, again, Fixture::settings(), 600s, edge.clock());
  restarted.step();
  CHECK(liberal_was_off(edge.kernel.state()));
  CHECK(edge.kernel.state().tables == restarted.plan().state().tables);
}

TEST_CASE("who has set connection tracking to be liberal keeps it so") {
  Fixture edge;
  edge.kernel.tamper([](State& state) { state.sysctls[liberal] = "1"; });
  edge.settle();
  edge.check_converged();
  CHECK_FALSE(liberal_was_off(edge.kernel.state()));
}

TEST_CASE("where connection tracking cannot be told, the rest is served and a warning says so") {
  Fixture edge;
  edge.kernel.refuses_change = is_liberal;
  edge.settle();
  edge.check_converged();
  CHECK(served(edge, 53) == 1);
  CHECK_FALSE(liberal_was_off(edge.kernel.state()));
  const auto warnings = edge.loop.plan().warnings();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Catch::Contains("nf_conntrack_tcp_be_liberal=1"));
}

}  // namespace unit::loop_refusals_test
