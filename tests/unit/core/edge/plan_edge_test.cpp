#include "core/edge/plan_edge.hpp"

#include <algorithm>
#include <random>

#include "core/edge/tables/edge_rules.hpp"
#include "support/catch.hpp"

namespace unit::plan_edge_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

Mapping mapping(const std::string& name, const std::string& external, std::uint16_t port,
                const std::string& service = "web") {
  Mapping result;
  result.name = {"shop", name};
  result.addresses = {address(external)};
  result.service = service;
  result.ports = {{{port, port}, 80, Protocol::tcp}};
  return result;
}

Service service(const std::string& name = "web") {
  Service result;
  result.name = {"shop", name};
  result.cluster_ips = {address("10.96.0.10")};
  result.ports = {{"http", 80, Protocol::tcp, 0}};
  return result;
}

EndpointSlice slice(std::vector<std::string> pods, const std::string& of = "web") {
  EndpointSlice result;
  result.name = {"shop", of + "-1"};
  result.service = of;
  result.ports = {{"http", 8080, Protocol::tcp}};
  for (const std::string& pod : pods) {
    result.endpoints.push_back({address(pod), true, true, false});
  }
  return result;
}

void put(ObjectChanges& changes, Object object) {
  auto pointer = std::make_shared<const Object>(std::move(object));
  changes[{kind_of(*pointer), name_of(*pointer)}] = pointer;
}

ObjectChanges objects(std::vector<Object> list) {
  ObjectChanges result;
  for (Object& object : list) {
    put(result, std::move(object));
  }
  return result;
}

Host host() {
  Host result;
  Interface eth1;
  eth1.name = "eth1";
  eth1.index = 3;
  eth1.up = true;
  eth1.addresses = {*Prefix::parse("203.0.113.10/24"), *Prefix::parse("2001:db8::10/64")};
  result.interfaces["eth1"] = eth1;
  result.forwarding4 = result.forwarding6 = true;
  return result;
}

// The order of creation means nothing.
std::map<Family, nft::Table> by_name(std::map<Family, nft::Table> tables) {
  for (auto& [family, table] : tables) {
    std::ranges::sort(table.sets, {}, &nft::Set::name);
    std::ranges::sort(table.chains, {}, &nft::Chain::name);
  }
  return tables;
}

EdgeSettings settings() {
  EdgeSettings result;
  result.external_interfaces = "^eth1$";
  return result;
}

std::vector<std::string> reasons(const EdgePlan& plan, const std::string& name) {
  return plan.report({Kind::mapping, {"shop", name}})->reasons;
}

}  // namespace

TEST_CASE("a mapped port leads to the ready endpoints") {
  EdgePlan plan(settings());
  plan.update(host());
  plan.update(
      objects({mapping("web", "203.0.113.10", 443), service(), slice({"10.1.0.1", "10.1.0.2"})}));
  REQUIRE(plan.forwards().size() == 1);
  const Forward& forward = *plan.forwards().front();
  CHECK(to_string(forward.key) == "203.0.113.10:443/tcp");
  REQUIRE(forward.backends.size() == 2);
  CHECK(to_string(forward.backends[0]) == "10.1.0.1:8080");
  CHECK(forward.slots.size() == 16);
  CHECK(forward.active);
  CHECK((*plan.report({Kind::mapping, {"shop", "web"}})).state == MappingReport::State::active);
}

TEST_CASE("endpoints: ready ones, else those that serve while they terminate, else nobody") {
  EdgePlan plan(settings());
  plan.update(host());
  EndpointSlice pods = slice({"10.1.0.1", "10.1.0.2"});
  pods.endpoints[0].ready = false;
  pods.endpoints[0].terminating = true;
  plan.update(objects({mapping("web", "203.0.113.10", 443), service(), pods}));
  CHECK(plan.forwards().front()->backends.size() == 1);
  CHECK(plan.forwards().front()->draining.size() == 1);

  pods.endpoints[1] = pods.endpoints[0];
  pods.endpoints[1].address = address("10.1.0.2");
  plan.update(objects({pods}));
  CHECK(plan.forwards().front()->backends.size() == 2);

  pods.endpoints.clear();
  plan.update(objects({pods}));
  CHECK(plan.forwards().front()->slots.empty());
  CHECK((*plan.report({Kind::mapping, {"shop", "web"}})).state == MappingReport::State::degraded);
}

TEST_CASE("of two Mappings that claim one port the older wins, in every order of arrival") {
  Mapping older = mapping("zebra", "203.0.113.10", 443);
  older.created = 100;
  Mapping newer = mapping("ant", "203.0.113.10", 443);
  newer.created = 200;
  newer.name.ns = "other";
  for (const bool older_first : {true, false}) {
    EdgePlan plan(settings());
    plan.update(host());
    plan.update(objects({service(), slice({"10.1.0.1"})}));
    plan.update(objects({older_first ? older : newer}));
    const EdgeUpdate second = plan.update(objects({older_first ? newer : older}));
    REQUIRE(plan.forwards().size() == 1);
    CHECK(plan.forwards().front()->owner.name == older.name);
    CHECK((*plan.report({Kind::mapping, newer.name})).reasons.front().find("shop/zebra") !=
          std::string::npos);
    if (older_first) {
      CHECK(second.changes.empty());  // the winner is not touched
    }
    ObjectChanges gone;
    gone[{Kind::mapping, older.name}] = nullptr;
    plan.update(gone);
    CHECK((*plan.report({Kind::mapping, newer.name})).reasons.front().find("does not exist") !=
          std::string::npos);
  }
}

TEST_CASE("a range and a port inside it conflict, also when the range is long") {
  EdgePlan plan(settings());
  plan.update(host());
  Mapping range = mapping("range", "203.0.113.10", 1000);
  range.ports = {{{1000, 60000}, 80, Protocol::tcp}};
  range.created = 1;
  Mapping inside = mapping("inside", "203.0.113.10", 50000);
  inside.created = 2;
  plan.update(objects({range, inside, service(), slice({"10.1.0.1"})}));
  CHECK(reasons(plan, "inside").front().find("shop/range") != std::string::npos);
}

TEST_CASE("rejections say what is wrong") {
  EdgePlan plan(settings());
  plan.update(host());
  plan.update(objects({mapping("web", "203.0.113.10", 443)}));
  CHECK(reasons(plan, "web").front() == "Service shop/web does not exist");
  Service external = service();
  external.type = Service::Type::external_name;
  plan.update(objects({external}));
  CHECK(reasons(plan, "web").front().find("ExternalName") != std::string::npos);
  Service other = service();
  other.ports[0].port = 81;
  plan.update(objects({other}));
  CHECK(reasons(plan, "web").front() == "Service shop/web has no port 80/tcp; it has 81/tcp");
}

TEST_CASE("without IPv6 on the host nothing of IPv6 is planned, and the object says why") {
  Mapping dual = mapping("dual", "203.0.113.10", 443);
  dual.addresses.push_back(address("2001:db8::10"));
  EndpointSlice six = slice({"fd00::1"});
  six.name.name += "-6";
  EdgePlan plan(settings());
  plan.update(objects({service(), slice({"10.1.0.1"}), six, dual}));
  Host without = host();
  without.ipv6 = false;
  plan.update(without);
  REQUIRE(plan.forwards().size() == 1);
  const State state = plan.state();
  CHECK(state.tables.size() == 1);
  for (const auto& [key, value] : state.elements) CHECK(key.family == Family::ipv4);
  CHECK(plan.report({Kind::mapping, {"shop", "dual"}})->state == MappingReport::State::degraded);
  REQUIRE(reasons(plan, "dual").size() == 1);
  CHECK_THAT(reasons(plan, "dual")[0],
             Catch::Contains("2001:db8::10") && Catch::Contains("IPv6 is disabled"));

  plan.update(host());  // it was switched on again
  CHECK(plan.forwards().size() == 2);
  CHECK(reasons(plan, "dual").empty());
}

TEST_CASE("the host's stack gets nothing of a mapped port, unless an endpoint is that very port") {
  const auto kept_away = [](const EdgePlan& plan) {
    std::size_t count = 0;
    plan.each_element(
        [&](const Element& element) { count += to_string(element.key.set) == "mapped" ? 1 : 0; });
    return count;
  };
  EdgePlan plan(settings());
  plan.update(host());
  plan.update(objects({mapping("web", "203.0.113.10", 443), service(), slice({"10.1.0.1"})}));
  CHECK(kept_away(plan) == 1);
  plan.update(objects({slice({})}));
  CHECK(kept_away(plan) == 1);
  plan.update(objects({slice({"203.0.113.10"})}));  // by port 8080 there
  CHECK(kept_away(plan) == 1);
  plan.update(objects({mapping("web", "203.0.113.10", 8080)}));
  CHECK(kept_away(plan) == 0);
}

TEST_CASE("a range goes to one run of ports on the endpoints") {
  EdgePlan plan(settings());
  plan.update(host());
  Mapping range = mapping("range", "203.0.113.10", 5000);
  range.ports = {{{5000, 5010}, 80, Protocol::tcp}};
  plan.update(objects({range, service(), slice({"10.1.0.1", "10.1.0.2"})}));
  REQUIRE(plan.forwards().size() == 1);
  CHECK(to_string(plan.forwards().front()->backends[0]) == "10.1.0.1:8080-8090");
  CHECK(plan.forwards().front()->shifted());
  CHECK(plan.forwards().front()->slots.size() == 256);
}

TEST_CASE("a changed endpoint costs its own slots, whatever else is there") {
  EdgePlan plan(settings());
  plan.update(host());
  ObjectChanges all;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "s" + std::to_string(i);
    put(all, mapping("m" + std::to_string(i), "203.0.113.10", static_cast<std::uint16_t>(1000 + i),
                     name));
    put(all, service(name));
    put(all, slice({"10.1.0.1", "10.1.0.2", "10.1.0.3"}, name));
  }
  plan.update(all);
  const EdgeUpdate update = plan.update(objects({slice({"10.1.0.1", "10.1.0.2"}, "s7")}));
  CHECK(update.forwards.size() == 1);
  CHECK(update.changes.size() <= 2 * 16 + 1);  // at most every slot once out and in, one endpoint
  CHECK_FALSE(update.changes.empty());
}

TEST_CASE("of a Mapping's ports those that changed are told, and no others") {
  EdgePlan plan(settings());
  plan.update(host());
  Mapping two = mapping("web", "203.0.113.10", 443);
  two.ports.push_back({{8443, 8443}, 80, Protocol::tcp});
  CHECK(plan.update(objects({two, service(), slice({"10.1.0.1"})})).forwards.size() == 2);
  CHECK(plan.update(objects({two})).forwards.empty());

  two.ports.pop_back();
  const EdgeUpdate less = plan.update(objects({two}));
  REQUIRE(less.forwards.size() == 1);
  CHECK(to_string(less.forwards[0].before->key) == "203.0.113.10:8443/tcp");
  CHECK(less.forwards[0].after == nullptr);

  two.ports.push_back({{9443, 9443}, 80, Protocol::tcp});
  const EdgeUpdate more = plan.update(objects({two}));
  REQUIRE(more.forwards.size() == 1);
  CHECK(more.forwards[0].before == nullptr);
  CHECK(to_string(more.forwards[0].after->key) == "203.0.113.10:9443/tcp");
}

TEST_CASE("external interfaces get a table, a rule and their own chains") {
  EdgePlan plan(settings());
  plan.update(host());
  CHECK(plan.frame().routes.size() == 4);  // subnet and default, both families
  CHECK(plan.frame().rules.size() == 2);
  CHECK(to_string(*plan.external().front().gateway4) == "203.0.113.1");
  CHECK(to_string(*plan.external().front().gateway6) == "2001:db8::1");
}

TEST_CASE("the gateway: own default route, else by offset from either end") {
  Interface interface = host().interfaces.at("eth1");
  CHECK(to_string(*gateway_of(interface, Family::ipv4, -1)) == "203.0.113.254");
  CHECK(to_string(*gateway_of(interface, Family::ipv4, 0)) == "203.0.113.0");
  interface.gateway4 = address("203.0.113.77");
  CHECK(to_string(*gateway_of(interface, Family::ipv4, -1)) == "203.0.113.77");
}

TEST_CASE("planning step by step comes to the same as planning everything anew") {
  const std::uint32_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto pick = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  for (int round = 0; round < 60; ++round) {
    EdgeSettings options = settings();
    options.snat = pick(2) == 0;
    options.masquerade = pick(2) == 0;
    EdgePlan steps(options);
    State kernel;
    ObjectChanges world;
    Host now = host();
    steps.update(now);
    kernel = steps.state();
    for (int step = 0; step < 30; ++step) {
      ObjectChanges news;
      const std::string name = std::to_string(pick(4));
      switch (pick(5)) {
        case 0:
        case 1: {
          Mapping one = mapping("m" + name, pick(2) == 0 ? "203.0.113.10" : "203.0.113.11",
                                static_cast<std::uint16_t>(1000 + pick(3)), "s" + name);
          if (pick(3) == 0) {
            one.ports[0].ports.last =
                static_cast<std::uint16_t>(one.ports[0].ports.first + pick(4));
          }
          if (pick(3) != 0) {
            for (const char* source :
                 {"10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "2001:db8::/32"}) {
              if (pick(2) == 0) one.allowed_sources.push_back(*Prefix::parse(source));
            }
          }
          if (pick(3) == 0) {
            one.preserve_client_ip = pick(2) == 0;
            one.new_connections_per_second = pick(3);
          }
          one.created = static_cast<std::int64_t>(pick(3));
          put(news, one);
          break;
        }
        case 2:
          put(news, service("s" + name));
          break;
        case 3: {
          std::vector<std::string> pods;
          for (std::uint32_t i = 0; i < pick(6); ++i) {
            pods.push_back("10.1.0." + std::to_string(1 + pick(8)));
          }
          put(news, slice(pods, "s" + name));
          break;
        }
        default:
          news[{static_cast<Kind>(pick(3)),
                {"shop", pick(2) == 0 ? "m" + name : "s" + name + (pick(2) == 0 ? "-1" : "")}}] =
              nullptr;
      }
      for (const auto& [id, object] : news) {
        world[id] = object;
      }
      kernel = core::apply(steps.update(news).changes, std::move(kernel));
      if (pick(5) == 0) {
        now.interfaces["eth1"].addresses.resize(1);
        if (pick(2) == 0) {
          now.interfaces["eth1"].addresses.push_back(*Prefix::parse("203.0.113.11/24"));
        }
        kernel = core::apply(steps.update(now).changes, std::move(kernel));
      }
    }
    EdgePlan anew(options);
    anew.update(now);
    anew.update(world);
    for (const auto& [key, value] : kernel.elements) {
      INFO(to_string(key.set) << " " << round);
      REQUIRE(anew.state().elements.contains(key));
    }
    REQUIRE(steps.state().elements == anew.state().elements);
    REQUIRE(kernel.elements == anew.state().elements);
    REQUIRE(by_name(kernel.tables) == by_name(anew.state().tables));
    REQUIRE(by_name(steps.state().tables) == by_name(anew.state().tables));
    REQUIRE(kernel.routes == anew.state().routes);
    REQUIRE(kernel.rules == anew.state().rules);
    REQUIRE(steps.reports().size() == anew.reports().size());
    for (const auto& [name, report] : anew.reports()) {
      REQUIRE(steps.reports().at(name).reasons == report.reasons);
    }
  }
}

TEST_CASE("stale flows: UDP follows the endpoints, TCP drains, strangers go") {
  Forward forward;
  forward.key = {address("203.0.113.10"), Protocol::udp, {53, 53}};
  forward.backends = {{address("10.1.0.1"), {5353, 5353}}};
  forward.draining = {{address("10.1.0.2"), {5353, 5353}}};
  Flow flow;
  flow.protocol = Protocol::udp;
  flow.original = {address("198.51.100.7"), address("203.0.113.10"), 4000, 53};
  const auto to = [&](const std::string& pod, std::uint16_t port) {
    flow.reply = {address(pod), address("198.51.100.7"), port, 4000};
    return flow;
  };
  CHECK_FALSE(is_stale(to("10.1.0.1", 5353), &forward, true));
  CHECK_FALSE(is_stale(to("10.1.0.2", 5353), &forward, true));
  CHECK(is_stale(to("10.1.0.3", 5353), &forward, true));
  CHECK(is_stale(to("203.0.113.10", 53), &forward, false));  // began before the Mapping
  flow.protocol = Protocol::tcp;
  flow.tcp_state = 3;  // established
  CHECK_FALSE(is_stale(to("10.1.0.3", 5353), &forward, true));
  flow.tcp_state = 1;  // SYN sent
  CHECK(is_stale(to("10.1.0.3", 5353), &forward, true));
  flow.tcp_state = 3;
  CHECK(is_stale(to("10.1.0.1", 5353), nullptr, true));
  CHECK_FALSE(is_stale(to("203.0.113.10", 53), nullptr, true));  // a local service's
  forward.sources = AllowedSources{*Prefix::parse("192.0.2.0/24")};
  CHECK(is_stale(to("10.1.0.1", 5353), &forward, true));
}

TEST_CASE("1.10: more endpoints than there are slots for are told") {
  EdgePlan plan(settings());
  plan.update(host());
  EndpointSlice many = slice({});
  for (int i = 0; i < 16400; ++i) {
    const std::string pod = "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
    many.endpoints.push_back({address(pod), true, true, false});
  }
  plan.update(objects({mapping("web", "203.0.113.10", 443), service(), many}));
  const std::vector<std::string> expected = {
      "Service shop/web has 16400 endpoints: only 16381 of them get connections; use several "
      "Services"};
  CHECK(reasons(plan, "web") == expected);
  many.endpoints.resize(6000);
  plan.update(objects({many}));
  CHECK(reasons(plan, "web").empty());
}

TEST_CASE("1.10: a Mapping's clients stay with their pods on all its ports") {
  EdgePlan plan(settings());
  plan.update(host());
  Mapping two = mapping("web", "203.0.113.10", 443);
  two.affinity = Affinity::client_ip;
  two.ports.push_back({{444, 444}, 81, Protocol::tcp});
  Service both = service();
  both.ports.push_back({"admin", 81, Protocol::tcp, 0});
  EndpointSlice pods = slice({"10.1.0.1", "10.1.0.2", "10.1.0.3"});
  pods.ports.push_back({"admin", 9090, Protocol::tcp});
  plan.update(objects({two, both, pods}));
  const auto forwards = plan.forwards();
  REQUIRE(forwards.size() == 2);
  for (std::size_t slot = 0; slot < forwards[0]->slots.size(); ++slot) {
    CHECK(forwards[0]->backends[forwards[0]->slots[slot]].address ==
          forwards[1]->backends[forwards[1]->slots[slot]].address);
  }
}

}  // namespace unit::plan_edge_test
