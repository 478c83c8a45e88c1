#include "core/edge/tables/limit_sets.hpp"

#include <algorithm>
#include <string>

#include "core/edge/plan_edge.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"

namespace unit::limit_sets_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

Mapping mapping(const std::string& name, std::uint16_t port, std::uint32_t rate,
                std::uint32_t connections = 0) {
  Mapping result;
  result.name = {"shop", name};
  result.addresses = {address("203.0.113.10"), address("2001:db8::10")};
  result.service = "web";
  result.ports = {{{port, port}, 80, Protocol::tcp}};
  result.new_connections_per_second = rate;
  result.max_connections_per_source = connections;
  return result;
}

ObjectChanges one(Object object) {
  auto pointer = std::make_shared<const Object>(std::move(object));
  return {{{kind_of(*pointer), name_of(*pointer)}, pointer}};
}

struct Planned {
  explicit Planned(EdgeSettings settings = {}) : plan(std::move(settings)) {
    Host host;
    host.interfaces["eth1"].up = true;
    host.interfaces["eth1"].addresses = {*Prefix::parse("203.0.113.10/24"),
                                         *Prefix::parse("2001:db8::10/64")};
    plan.update(host);
    Service service;
    service.name = {"shop", "web"};
    service.ports = {{"tcp", 80, Protocol::tcp, 0}};
    plan.update(one(service));
    state = plan.state();
  }

  // What the changes of an update make of the kernel.
  void take(const EdgeUpdate& update) {
    const State next = plan.state();
    CHECK(to_text(update.changes) == to_text(diff(state, next)));
    state = next;
  }
  [[nodiscard]] std::vector<std::string> limit_sets(Family family) const {
    std::vector<std::string> names;
    for (const nft::Set& set : state.tables.at(family).sets) {
      if (set.dynamic) names.push_back(set.name);
    }
    std::ranges::sort(names);
    return names;
  }

  EdgePlan plan;
  State state;
};

}  // namespace

TEST_CASE("4.7: each Mapping's limits have sets of their own, made and taken with it") {
  Planned edge;
  CHECK(edge.limit_sets(Family::ipv4).empty());
  edge.take(edge.plan.update(one(mapping("a", 80, 20))));
  edge.take(edge.plan.update(one(mapping("b", 81, 20, 100))));
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto names = edge.limit_sets(family);
    REQUIRE(names.size() == 3);
    CHECK(names[0].ends_with("-100"));
    CHECK(names[1] != names[2]);
  }
  edge.take(edge.plan.update(one(mapping("b", 81, 30))));
  CHECK(edge.limit_sets(Family::ipv4).size() == 2);
  edge.take(edge.plan.update({{{Kind::mapping, {"shop", "a"}}, nullptr}}));
  CHECK(edge.limit_sets(Family::ipv4).size() == 1);
  // An address less of one family takes its sets, and with a host that changes as well.
  Mapping less = mapping("b", 81, 30);
  less.addresses.pop_back();
  edge.take(edge.plan.update(one(less)));
  CHECK(edge.limit_sets(Family::ipv6).empty());
  edge.take(edge.plan.update({{{Kind::mapping, {"shop", "b"}}, nullptr}}));
  CHECK(edge.limit_sets(Family::ipv4).empty());
}

TEST_CASE("4.7: what a limit cannot remember is refused, or passes where that is wanted") {
  for (const bool refuse : {true, false}) {
    nft::Table table;
    table.family = Family::ipv6;
    add_source_limit(table, {42, 100, 20}, refuse);
    REQUIRE(table.chains.size() == 1);
    CHECK(table.chains.front().name == "limit-0000002a-100-20");
    const std::string text = to_text(table);
    const bool asks =
        text.find("ip6 saddr & ffff:ffff:ffff:ffff:: != @rate-0000002a-20") != std::string::npos;
    CHECK(asks == refuse);
    CHECK(table.chains.front().rules.size() == (refuse ? 4U : 2U));
    CHECK(text.find("update @rate-0000002a-20") != std::string::npos);
  }
}

}  // namespace unit::limit_sets_test
