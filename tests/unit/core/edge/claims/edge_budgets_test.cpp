#include "core/edge/claims/edge_budgets.hpp"

#include "core/edge/plan_edge.hpp"
#include "core/edge/tables/edge_rules.hpp"
#include "support/catch.hpp"

namespace unit::edge_budgets_test {

using namespace core;

namespace {

ObjectId id(const std::string& ns, const std::string& name) { return {Kind::mapping, {ns, name}}; }

EdgeLimits small() {
  EdgeLimits limits;
  limits.forwards_per_mapping = 10;
  limits.forwards_per_namespace = 15;
  return limits;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void put(ObjectChanges& changes, Object object) {
  auto pointer = std::make_shared<const Object>(std::move(object));
  changes[{kind_of(*pointer), name_of(*pointer)}] = pointer;
}

Service service(const std::string& ns, std::vector<ServicePort> ports) {
  Service result;
  result.name = {ns, "web"};
  result.ports = std::move(ports);
  return result;
}

EndpointSlice slice(const std::string& ns, int endpoints, std::vector<EndpointPort> ports) {
  EndpointSlice result;
  result.name = {ns, "web-1"};
  result.service = "web";
  result.ports = std::move(ports);
  for (int i = 1; i <= endpoints; ++i) {
    result.endpoints.push_back({*Address::parse("10.2.0." + std::to_string(i)), true, true, false});
  }
  return result;
}

Mapping mapping(const std::string& ns, const std::string& name, int host, std::uint16_t first,
                std::uint16_t last) {
  Mapping result;
  result.name = {ns, name};
  result.addresses = {*Address::parse("203.0.113." + std::to_string(host))};
  result.service = "web";
  result.ports = {{{first, last}, 1, Protocol::tcp}};
  return result;
}

EdgeSettings anywhere(const EdgeLimits& limits) {
  EdgeSettings settings;
  settings.address_policy = AddressPolicy::any;
  settings.limits = limits;
  return settings;
}

}  // namespace

TEST_CASE("an object beyond its limit is told which setting it is") {
  EdgeBudgets budgets(small());
  CHECK(budgets.take(id("a", "one"), {10, 0, 0}).empty());
  const std::string reason = budgets.take(id("b", "two"), {11, 0, 0});
  CHECK(contains(reason, "11 forwards"));
  CHECK(contains(reason, "--max-forwards-per-mapping"));
  CHECK(budgets.refused().at("max-forwards-per-mapping") == 1);
  CHECK(budgets.take(id("b", "two"), {9, 0, 0}).empty());
  CHECK(budgets.refused().at("max-forwards-per-mapping") == 0);
  EdgeLimits defaults;
  CHECK(contains(budgets.take(id("c", "three"), {1, defaults.elements_per_mapping + 1U, 0}),
                 "--max-elements-per-mapping"));
  CHECK(contains(budgets.take(id("c", "three"), {1, 0, defaults.sources_per_mapping + 1U}),
                 "--max-sources-per-mapping"));
}

TEST_CASE("what a namespace has in effect stays, and what came later waits for room") {
  EdgeBudgets budgets(small());
  CHECK(budgets.take(id("a", "z"), {10, 0, 0}).empty());
  CHECK(contains(budgets.take(id("a", "b"), {6, 0, 0}), "--max-forwards-per-namespace"));
  CHECK(budgets.take(id("other", "b"), {10, 0, 0}).empty());
  CHECK(budgets.take(id("a", "c"), {5, 0, 0}).empty());
  CHECK(budgets.take_hopeful().empty());
  CHECK(budgets.take(id("a", "z"), {10, 0, 0}).empty());  // as it is: no room was made
  CHECK(budgets.take_hopeful().empty());
  CHECK(budgets.take(id("a", "z"), {9, 0, 0}).empty());
  CHECK(budgets.take_hopeful() == std::set{id("a", "b")});
  CHECK(budgets.take_hopeful().empty());
  budgets.give_back(id("a", "b"));  // it goes, and waits no more
  budgets.give_back(id("a", "c"));
  CHECK(budgets.take_hopeful().empty());
  CHECK(budgets.refused().at("max-forwards-per-namespace") == 0);
}

TEST_CASE("in the plan, one that is beyond a limit costs itself only, until there is room") {
  EdgePlan plan(anywhere(small()));
  ObjectChanges objects;
  put(objects, service("a", {}));
  for (const char* name : {"m1", "m2"}) {
    Mapping one = mapping("a", name, name[1] - '0', 1, 1);
    one.ports.clear();
    for (std::uint16_t port = 1; port <= 8; ++port) {
      one.ports.push_back({{port, port}, port, Protocol::tcp});
    }
    put(objects, one);
  }
  plan.update(objects);
  CHECK(plan.forwards_of(id("a", "m1")).size() == 8);
  CHECK(plan.forwards_of(id("a", "m2")).empty());
  CHECK(plan.report(id("a", "m2"))->state == MappingReport::State::rejected);
  CHECK(contains(plan.report(id("a", "m2"))->reasons.at(0), "--max-forwards-per-namespace"));
  CHECK(plan.over_limits().at("max-forwards-per-namespace") == 1);
  plan.update(ObjectChanges{{id("a", "m1"), nullptr}});
  CHECK(plan.forwards_of(id("a", "m2")).size() == 8);
  CHECK(plan.over_limits().at("max-forwards-per-namespace") == 0);
}

TEST_CASE("a range that the Service breaks up comes to its parts, not to its ports") {
  EdgePlan plan(anywhere({}));
  ObjectChanges objects;
  // Port 2 leads elsewhere than the run that port 1 begins.
  put(objects, service("a", {{"a", 1, Protocol::tcp, 1}, {"b", 2, Protocol::tcp, 7}}));
  put(objects, slice("a", 20, {{"a", 1, Protocol::tcp}, {"b", 7, Protocol::tcp}}));
  Mapping ranges = mapping("a", "m", 11, 9000, 9000);
  ranges.ports.clear();
  for (std::uint16_t i = 0; i < 50; ++i) {
    const auto first = static_cast<std::uint16_t>(9000 + 1024 * i);
    ranges.ports.push_back({{first, static_cast<std::uint16_t>(first + 1023)}, 1, Protocol::tcp});
  }
  put(objects, ranges);
  plan.update(objects);
  const auto forwards = plan.forwards_of(id("a", "m"));
  REQUIRE(forwards.size() == 150);
  CHECK(to_string(forwards[0]->key) == "203.0.113.11:9000/tcp");
  CHECK(to_string(forwards[0]->backends.front()) == "10.2.0.1:1");
  CHECK(to_string(forwards[1]->key) == "203.0.113.11:9001/tcp");
  CHECK(to_string(forwards[1]->backends.front()) == "10.2.0.1:7");
  CHECK(to_string(forwards[2]->key) == "203.0.113.11:9002-10023/tcp");
  CHECK(to_string(forwards[2]->backends.front()) == "10.2.0.1:3-1024");
  CHECK(forwards[2]->slots.size() == 256);
  CHECK(plan.report(id("a", "m"))->reasons.empty());
  CHECK(cost_of(std::vector<Forward>{*forwards[2]}).elements ==
        8 + 256 + forwards[2]->key.ports.size());
}

TEST_CASE("a range of named ports that follow one another is one run after the break") {
  EdgePlan plan(anywhere({}));
  ObjectChanges objects;
  std::vector<ServicePort> declared;
  std::vector<EndpointPort> ports;
  for (std::uint16_t i = 1; i <= 6; ++i) {
    const std::string name = "p" + std::to_string(i);
    const auto target = static_cast<std::uint16_t>(i < 3 ? i : 100 + i);
    declared.push_back({name, i, Protocol::tcp, target});
    ports.push_back({name, target, Protocol::tcp});
  }
  put(objects, service("a", declared));
  put(objects, slice("a", 2, ports));
  put(objects, mapping("a", "m", 1, 1, 6));
  plan.update(objects);
  const auto forwards = plan.forwards_of(id("a", "m"));
  REQUIRE(forwards.size() == 2);
  CHECK(to_string(forwards[0]->key.ports) == "1-2");
  CHECK(to_string(forwards[1]->key.ports) == "3-6");
  CHECK(to_string(forwards[1]->backends.front()) == "10.2.0.1:103-106");
}

TEST_CASE("reasons of an object that has very many are counted") {
  EdgePlan plan(anywhere({}));
  ObjectChanges objects;
  put(objects, service("a", {{"a", 1, Protocol::tcp, 1}}));
  Mapping many = mapping("a", "m", 1, 1, 1);
  many.addresses.clear();
  for (int i = 1; i <= 200; ++i) {
    many.addresses.push_back(*Address::parse("203.0.113." + std::to_string(i)));
  }
  put(objects, many);
  plan.update(objects);
  const auto& reasons = plan.report(id("a", "m"))->reasons;
  REQUIRE(reasons.size() == 101);
  CHECK(reasons.back() == "and 100 more of this kind");
}

}  // namespace unit::edge_budgets_test
