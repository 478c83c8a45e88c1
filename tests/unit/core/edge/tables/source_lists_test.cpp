#include "core/edge/tables/source_lists.hpp"

#include <algorithm>

#include "core/edge/plan_edge.hpp"
#include "core/edge/tables/edge_rules.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "support/catch.hpp"

namespace unit::source_lists_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }
Prefix prefix(const std::string& text) { return *Prefix::parse(text); }

std::vector<Prefix> country(std::size_t size) {
  std::vector<Prefix> result;
  for (std::size_t i = 0; i < size; ++i) {
    const std::array<std::uint8_t, 4> bytes = {static_cast<std::uint8_t>(20 + (i >> 15)),
                                               static_cast<std::uint8_t>(i >> 7),
                                               static_cast<std::uint8_t>(i << 1), 0};
    result.push_back({Address(bytes), 24});
  }
  return result;
}

Mapping mapping(const std::string& name, std::uint16_t first, std::uint16_t count,
                std::vector<Prefix> sources) {
  Mapping result;
  result.name = {"shop", name};
  result.addresses = {address("203.0.113.10")};
  result.service = "web";
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(first + i);
    result.ports.push_back({{port, port}, 80, Protocol::tcp});
  }
  result.allowed_sources = std::move(sources);
  return result;
}

void put(ObjectChanges& changes, Object object) {
  auto pointer = std::make_shared<const Object>(std::move(object));
  changes[{kind_of(*pointer), name_of(*pointer)}] = pointer;
}

ObjectChanges one(Object object) {
  ObjectChanges changes;
  put(changes, std::move(object));
  return changes;
}

// With a Service, which need not have endpoints: who may connect is asked before.
EdgePlan& begin(EdgePlan& plan) {
  Host host;
  host.interfaces["eth1"].up = true;
  host.interfaces["eth1"].addresses = {prefix("203.0.113.10/24")};
  plan.update(host);
  Service service;
  service.name = {"shop", "web"};
  service.ports = {{"http", 80, Protocol::tcp, 0}};
  plan.update(one(service));
  return plan;
}

struct Tally {
  std::size_t sets = 0;
  std::size_t sources = 0;
  std::size_t uses = 0;
  std::set<std::string> lists;  // that are led to
};

Tally tally(const EdgePlan& plan) {
  Tally result;
  const State state = plan.state();
  for (const nft::Set& set : state.tables.at(Family::ipv4).sets) {
    const auto id = parse_set(set.name);
    if (id && id->as<EdgeSet>() == EdgeSet::allowed) ++result.sets;
  }
  for (const auto& [key, value] : state.elements) {
    if (key.set.as<EdgeSet>() == EdgeSet::allowed) ++result.sources;
    const std::string chain(value.chain.view().begin(), value.chain.view().end());
    if (source_list_of(chain)) {
      ++result.uses;
      result.lists.insert(chain);
    }
  }
  return result;
}

}  // namespace

TEST_CASE("a list of sources is sorted and disjoint, and the wider prefix says it all") {
  const AllowedSources list{prefix("10.1.0.0/16"), prefix("192.0.2.7/24"), prefix("10.0.0.0/8"),
                            prefix("10.1.2.3/32"), prefix("11.0.0.0/8"),   prefix("10.0.0.0/8")};
  const std::vector<Prefix> wanted = {prefix("10.0.0.0/8"), prefix("11.0.0.0/8"),
                                      prefix("192.0.2.0/24")};
  CHECK(std::ranges::equal(list.prefixes(), wanted));
  CHECK(list == AllowedSources(wanted));
  CHECK(list.hash() == AllowedSources(wanted).hash());
  for (const char* inside : {"10.0.0.0", "10.1.2.3", "10.255.255.255", "11.0.0.1", "192.0.2.0"}) {
    CHECK(list.contains(address(inside)));
  }
  for (const char* outside : {"9.255.255.255", "12.0.0.0", "192.0.1.255", "192.0.3.0", "2001::1"}) {
    CHECK_FALSE(list.contains(address(outside)));
  }
  CHECK(AllowedSources{prefix("10.0.0.0/8"), prefix("0.0.0.0/0")}.empty());
  CHECK(AllowedSources{prefix("10.0.0.0/8")} != AllowedSources{prefix("10.0.0.0/9")});
  CHECK(AllowedSources{prefix("10.0.0.0/8")} != AllowedSources{});
}

TEST_CASE("of a list for one family, the other may not connect; of one for all, everybody") {
  const std::vector<Prefix> four = {prefix("10.0.0.0/8")};
  CHECK(sources_of(four, Family::ipv6).nobody);
  CHECK_FALSE(sources_of(four, Family::ipv4).nobody);
  CHECK(sources_of(four, Family::ipv4).list == AllowedSources(four));
  const std::vector<Prefix> all = {prefix("0.0.0.0/0")};
  CHECK(sources_of(all, Family::ipv4).list.empty());
  CHECK_FALSE(sources_of(all, Family::ipv4).nobody);
  CHECK_FALSE(sources_of({}, Family::ipv4).nobody);
}

TEST_CASE("a list of sources is in the kernel once, whatever has it") {
  EdgePlan plan(EdgeSettings{});
  begin(plan);
  plan.update(one(mapping("a", 1000, 50, country(2000))));
  CHECK(tally(plan).sets == 1);
  CHECK(tally(plan).sources == 2000);
  CHECK(tally(plan).uses == 50);
  std::vector<Prefix> same = country(2000);
  std::ranges::reverse(same);
  plan.update(one(mapping("b", 2000, 50, same)));
  CHECK(tally(plan).sets == 1);
  CHECK(tally(plan).sources == 2000);
  CHECK(tally(plan).uses == 100);
  CHECK(tally(plan).lists.size() == 1);
  plan.update(one(mapping("c", 3000, 1, country(3))));
  CHECK(tally(plan).sets == 2);
  CHECK(tally(plan).lists.size() == 2);
}

TEST_CASE("a source more or less is one element, and the list's set stays") {
  EdgePlan plan(EdgeSettings{});
  begin(plan);
  plan.update(one(mapping("a", 1000, 50, country(2000))));
  const auto lists = tally(plan).lists;
  std::vector<Prefix> more = country(2000);
  more.push_back(prefix("198.51.100.0/24"));
  const EdgeUpdate added = plan.update(one(mapping("a", 1000, 50, more)));
  REQUIRE(added.changes.size() == 1);
  CHECK(std::holds_alternative<AddElement>(added.changes.front()));
  CHECK(tally(plan).lists == lists);
  const EdgeUpdate taken = plan.update(one(mapping("a", 1000, 50, country(2000))));
  REQUIRE(taken.changes.size() == 1);
  CHECK(std::holds_alternative<DeleteElement>(taken.changes.front()));

  // A wider one takes the place of what it contains: what goes goes first.
  more = country(2000);
  more.push_back(prefix("20.0.0.0/22"));
  const EdgeUpdate widened = plan.update(one(mapping("a", 1000, 50, more)));
  REQUIRE(widened.changes.size() == 3);
  CHECK(std::holds_alternative<DeleteElement>(widened.changes[0]));
  CHECK(std::holds_alternative<DeleteElement>(widened.changes[1]));
  CHECK(std::holds_alternative<AddElement>(widened.changes[2]));
}

TEST_CASE("a set of sources comes with its first user and goes with its last") {
  EdgePlan plan(EdgeSettings{});
  begin(plan);
  State kernel = plan.state();
  const auto follow = [&](ObjectChanges news) {
    kernel = core::apply(plan.update(news).changes, std::move(kernel));
    CHECK(diff(kernel, plan.state()).empty());
  };
  const ObjectChanges no_a = {{{Kind::mapping, {"shop", "a"}}, nullptr}};
  follow(one(mapping("a", 1000, 2, country(5))));
  follow(one(mapping("b", 2000, 2, country(5))));
  CHECK(tally(plan).sets == 1);
  // The list was named after a port of Mapping a.
  follow(no_a);
  CHECK(tally(plan).sets == 1);
  CHECK(tally(plan).sources == 5);
  follow(one(mapping("a", 1000, 2, country(6))));
  CHECK(tally(plan).sets == 2);
  follow(one(mapping("b", 2000, 2, {})));
  CHECK(tally(plan).sets == 1);
  CHECK(tally(plan).sources == 6);
  // Two that swap their lists.
  follow(one(mapping("b", 2000, 2, country(7))));
  ObjectChanges swapped = one(mapping("a", 1000, 2, country(7)));
  put(swapped, mapping("b", 2000, 2, country(6)));
  follow(swapped);
  CHECK(tally(plan).sources == 13);
  follow(no_a);
  follow({{{Kind::mapping, {"shop", "b"}}, nullptr}});
  CHECK(tally(plan).sets == 0);
  CHECK(tally(plan).uses == 0);
  CHECK(kernel.tables.at(Family::ipv4).sets.size() ==
        plan.state().tables.at(Family::ipv4).sets.size());
}

// Version 0.1.0 deletes chains that it does not know before the sets that it does not know.
TEST_CASE("a version that does not know our newest sets can delete what elements lead to") {
  const std::set<std::string> known = {"services",      "range-services", "guarded",
                                       "range-guarded", "limits",         "external",
                                       "returns",       "departures",     "snat-interfaces"};
  EdgePlan plan(EdgeSettings{});
  begin(plan);
  plan.update(one(mapping("listed", 80, 3, country(2))));
  Mapping range = mapping("range", 2000, 1, country(3));
  range.ports[0].ports.last = 2010;
  plan.update(one(range));
  Mapping nobody = mapping("nobody", 90, 1, {prefix("2001:db8::/32")});
  nobody.max_connections_per_source = 10;
  plan.update(one(nobody));
  std::set<std::string> led_to;
  for (const auto& [key, value] : plan.state().elements) {
    if (value.chain.view().empty()) continue;
    CHECK(known.contains(std::string(to_string(key.set))));
    const auto chain = value.chain.view();
    led_to.emplace(chain.begin(), chain.end());
  }
  CHECK(std::ranges::count_if(
            led_to, [](const std::string& name) { return source_list_of(name).has_value(); }) == 2);
  CHECK(led_to.contains("refused-source"));
  CHECK(std::ranges::any_of(led_to,
                            [](const std::string& name) { return name.starts_with("limit-"); }));
}

TEST_CASE("lists have the same numbers after a start") {
  EdgePlan plan(EdgeSettings{});
  begin(plan);
  plan.update(one(mapping("b", 2000, 3, country(4))));
  plan.update(one(mapping("a", 1000, 3, country(4))));
  plan.update(one(mapping("c", 3000, 3, country(9))));
  plan.update(one(mapping("c", 3000, 3, country(8))));
  EdgePlan anew(EdgeSettings{});
  begin(anew);
  ObjectChanges all;
  put(all, mapping("a", 1000, 3, country(4)));
  put(all, mapping("b", 2000, 3, country(4)));
  put(all, mapping("c", 3000, 3, country(8)));
  anew.update(all);
  CHECK(plan.state().elements == anew.state().elements);
}

}  // namespace unit::source_lists_test
