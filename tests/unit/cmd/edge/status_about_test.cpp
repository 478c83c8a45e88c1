#include "cmd/edge/collect_status.hpp"
#include "loop_rig.hpp"

namespace unit::status_about_test {

using namespace unit::edge_loop;

namespace {

std::vector<std::string> names(const cmd::EdgeStatus& status) {
  std::vector<std::string> result;
  for (const cmd::MappingStatus& mapping : status.mappings) result.push_back(mapping.name);
  return result;
}

core::ForwardKey key(const std::string& text) { return *core::parse_forward_key(text); }

}  // namespace

TEST_CASE("a status about one destination is that part of the whole, without counters") {
  Fixture fixture;
  fixture.source.put(mapping("zz-late", 443, Protocol::tcp));  // loses
  fixture.source.put(mapping("range", 5000, Protocol::udp, 5010));
  settle_loop(fixture.loop, fixture.now);
  const EdgePlan& plan = fixture.loop.plan();

  const cmd::EdgeStatus web = cmd::collect_about(plan, key("203.0.113.10:443/tcp"));
  CHECK_FALSE(web.counted);
  CHECK(names(web) == std::vector<std::string>{"web", "zz-late"});
  const cmd::EdgeStatus whole = cmd::collect(plan, fixture.source, fixture.kernel);
  for (const cmd::MappingStatus& part : web.mappings) {
    const auto same = std::ranges::find(whole.mappings, part.name, &cmd::MappingStatus::name);
    REQUIRE(same != whole.mappings.end());
    CHECK(part.state == same->state);
    CHECK(part.reasons == same->reasons);
    CHECK(part.unserved == same->unserved);
    REQUIRE(part.ports.size() == same->ports.size());
    for (std::size_t i = 0; i < part.ports.size(); ++i) {
      CHECK(part.ports[i].service == same->ports[i].service);
      CHECK(part.ports[i].endpoints.size() == same->ports[i].endpoints.size());
    }
  }
  CHECK(names(cmd::collect_about(plan, key("203.0.113.10:5003/udp"))) ==
        std::vector<std::string>{"range"});
  CHECK(names(cmd::collect_about(plan, key("203.0.113.10:5003/tcp"))).empty());
  CHECK(names(cmd::collect_about(plan, key("203.0.113.11:443/tcp"))).empty());
}

TEST_CASE("a status about a destination names who may not have its address") {
  Fixture fixture;
  core::AddressPool pool;
  pool.name = {"", "reserved"};
  pool.ranges = {{address("203.0.113.0"), address("203.0.113.255")}};
  pool.allowed_namespaces = {"other"};
  fixture.source.put(pool);
  settle_loop(fixture.loop, fixture.now);
  const cmd::EdgeStatus status =
      cmd::collect_about(fixture.loop.plan(), key("203.0.113.10:443/tcp"));
  REQUIRE(names(status) == std::vector<std::string>{"web"});
  CHECK(status.mappings[0].state == "rejected");
  CHECK(status.mappings[0].ports.empty());
}

}  // namespace unit::status_about_test
