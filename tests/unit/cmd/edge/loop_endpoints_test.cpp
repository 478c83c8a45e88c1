// Endpoints that nobody may be led to.
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_endpoints_test {

using namespace unit::edge_loop;

namespace {
const ObjectId web{Kind::mapping, {"shop", "web"}};
}  // namespace

TEST_CASE("4.6: endpoints that are no other host's get no traffic, and are named") {
  Fixture fixture;
  fixture.source.put(slice({"10.1.0.2", "127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0"}));
  fixture.settle();
  REQUIRE_FALSE(fixture.loop.plan().forwards_of(web).empty());
  for (const auto& forward : fixture.loop.plan().forwards_of(web)) {
    REQUIRE(forward->backends.size() == 1);
    CHECK(forward->backends.front() == Backend{address("10.1.0.2"), {8080, 8080}});
  }
  const MappingReport& report = *fixture.loop.plan().report(web);
  CHECK(report.state == MappingReport::State::degraded);
  const std::string rest = ": it gets no traffic; name a pod's or another host's address";
  CHECK(report.reasons ==
        std::vector<std::string>{
            "endpoint 127.0.0.1 of EndpointSlice shop/web-1 is a loopback address" + rest,
            "endpoint 169.254.169.254 of EndpointSlice shop/web-1 is a link-local address" + rest,
            "endpoint 224.0.0.1 of EndpointSlice shop/web-1 is a multicast address" + rest,
            "endpoint 0.0.0.0 of EndpointSlice shop/web-1 is the unspecified address" + rest});

  // One that leaves serves no more than one that stays.
  EndpointSlice leaving = slice({"127.0.0.1"});
  leaving.endpoints.front() = {address("127.0.0.1"), false, true, true};
  fixture.source.put(leaving);
  fixture.settle();
  for (const auto& forward : fixture.loop.plan().forwards_of(web)) {
    CHECK(forward->backends.empty());
    CHECK(forward->draining.empty());
  }
  fixture.check_converged();
}

TEST_CASE("4.6: a ClusterIP that is no other host's gets no traffic") {
  FakeSource source;
  Fixture fixture;
  EdgeSettings settings = Fixture::settings();
  settings.backend = BackendMode::cluster_ip;
  Service service;
  service.name = {"shop", "web"};
  service.cluster_ips = {address("127.0.0.1")};
  service.ports = {{"tcp", 80, Protocol::tcp, 0}};
  source.put(service);
  source.put(mapping("web", 443, Protocol::tcp));
  cmd::EdgeLoop loop(fixture.kernel, source, settings, 600s, fixture.clock());
  loop.step();
  CHECK(loop.plan().forwards_of(web).empty());
  CHECK(loop.plan().report(web)->state == MappingReport::State::rejected);
}

}  // namespace unit::loop_endpoints_test
