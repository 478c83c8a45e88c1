#include "core/edge/claims/service_to_mapping.hpp"

#include "core/edge/claims/address_pools.hpp"
#include "core/edge/plan_edge.hpp"
#include "support/catch.hpp"

namespace unit::service_to_mapping_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

Service balanced(const std::string& name, std::vector<std::string> assigned) {
  Service result;
  result.name = {"shop", name};
  result.type = Service::Type::load_balancer;
  result.ports = {{"http", 80, Protocol::tcp, 0}};
  result.load_balancer.emplace();
  result.load_balancer->created = 2000;
  for (const std::string& text : assigned) {
    result.load_balancer->assigned.push_back(address(text));
  }
  return result;
}

EndpointSlice slice(const std::string& of) {
  EndpointSlice result;
  result.name = {"shop", of + "-1"};
  result.service = of;
  result.ports = {{"http", 8080, Protocol::tcp}};
  result.endpoints.push_back({address("10.1.0.1"), true, true, false, true});
  result.endpoints.push_back({address("10.1.0.2"), true, true, false, false});
  return result;
}

Mapping mapping(const std::string& name, const std::string& external, std::int64_t created) {
  Mapping result;
  result.name = {"shop", name};
  result.created = created;
  result.addresses = {address(external)};
  result.service = "web";
  result.ports = {{{80, 80}, 80, Protocol::tcp}};
  return result;
}

AddressPool pool(const std::string& name, const std::string& first, const std::string& last,
                 std::vector<std::string> namespaces = {}) {
  return {{"", name}, {{address(first), address(last)}}, std::move(namespaces), true};
}

ObjectChanges objects(const std::vector<Object>& list) {
  ObjectChanges result;
  for (const Object& object : list) {
    result[{kind_of(object), name_of(object)}] = std::make_shared<const Object>(object);
  }
  return result;
}

// An edge that has every address.
EdgeSettings settings() {
  EdgeSettings result;
  result.address_policy = AddressPolicy::any;
  return result;
}

const MappingReport& report(const EdgePlan& plan, Kind kind, const std::string& name) {
  const MappingReport* const found = plan.report({kind, {"shop", name}});
  REQUIRE(found != nullptr);
  return *found;
}

std::vector<std::string> backends(const EdgePlan& plan, const std::string& service) {
  std::vector<std::string> result;
  for (const auto& forward : plan.forwards_of({Kind::service, {"shop", service}})) {
    for (const Backend& backend : forward->backends) result.push_back(to_string(backend));
  }
  return result;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a Service of type LoadBalancer is reached at the addresses that it has") {
  EdgePlan plan(settings());
  Service web = balanced("web", {});
  plan.update(objects({web, slice("web")}));
  CHECK(plan.forwards().empty());
  CHECK(plan.report({Kind::service, {"shop", "web"}}) == nullptr);

  web.load_balancer->assigned = {address("203.0.113.7"), address("2001:db8::7")};
  web.load_balancer->allowed_sources = {*Prefix::parse("198.51.100.0/24")};
  plan.update(objects({web}));
  const auto forwards = plan.forwards();
  REQUIRE(forwards.size() == 2);
  CHECK(to_string(forwards[0]->key) == "203.0.113.7:80/tcp");
  CHECK(to_string(forwards[1]->key) == "[2001:db8::7]:80/tcp");
  CHECK(to_string(forwards[0]->owner) == "Service shop/web");
  CHECK(forwards[0]->sources == AllowedSources(web.load_balancer->allowed_sources));
  CHECK(backends(plan, "web") == Lines{"10.1.0.1:8080", "10.1.0.2:8080"});
  CHECK(report(plan, Kind::service, "web").state == MappingReport::State::degraded);

  const EdgeUpdate update = plan.update(ObjectChanges{{{Kind::service, {"shop", "web"}}, nullptr}});
  CHECK(update.planned == std::vector<ObjectId>{{Kind::service, {"shop", "web"}}});
  CHECK(plan.forwards().empty());
}

TEST_CASE("externalTrafficPolicy Local keeps the client's address, and on a node its own pods") {
  for (const bool node : {false, true}) {
    EdgeSettings set = settings();
    set.node = node;
    EdgePlan plan(set);
    Service web = balanced("web", {"203.0.113.7"});
    web.load_balancer->local = true;
    plan.update(objects({web, slice("web")}));
    REQUIRE(plan.forwards().size() == 1);
    CHECK(plan.forwards().front()->alter);
    CHECK(backends(plan, "web") ==
          (node ? Lines{"10.1.0.1:8080"} : Lines{"10.1.0.1:8080", "10.1.0.2:8080"}));
  }
}

TEST_CASE("Mappings and Services have one rule for conflicts") {
  EdgePlan plan(settings());
  plan.update(objects(
      {balanced("web", {"203.0.113.7"}), slice("web"), mapping("late", "203.0.113.7", 3000)}));
  CHECK(report(plan, Kind::service, "web").state == MappingReport::State::active);
  CHECK(report(plan, Kind::mapping, "late").reasons ==
        Lines{"203.0.113.7:80/tcp belongs to the older Service shop/web: take another address or "
              "port, or remove that one"});
  plan.update(objects({mapping("late", "203.0.113.7", 1000)}));
  CHECK(report(plan, Kind::mapping, "late").state == MappingReport::State::active);
  CHECK(report(plan, Kind::service, "web")
            .reasons.front()
            .starts_with("203.0.113.7:80/tcp belongs to the older Mapping shop/late"));
  REQUIRE(plan.forwards().size() == 1);
  CHECK(plan.forwards().front()->owner.kind == Kind::mapping);
}

TEST_CASE("where there are pools, only their addresses may be claimed, by whom they allow") {
  EdgePlan plan(settings());
  plan.update(
      objects({balanced("web", {"203.0.113.7"}), slice("web"), mapping("mine", "203.0.113.8", 1000),
               mapping("stray", "198.51.100.1", 1000)}));
  CHECK(plan.forwards().size() == 3);

  plan.update(objects({pool("public", "203.0.113.0", "203.0.113.15")}));
  CHECK(report(plan, Kind::mapping, "stray").reasons ==
        Lines{"198.51.100.1 is in no AddressPool: take another address, or add it to a pool"});
  CHECK(plan.forwards().size() == 2);

  plan.update(objects({pool("public", "203.0.113.0", "203.0.113.7", {"other"}),
                       pool("shop", "203.0.113.8", "203.0.113.8", {"a", "shop"})}));
  CHECK(report(plan, Kind::service, "web").reasons ==
        Lines{"namespace shop may not use 203.0.113.7 of AddressPool public: take another address, "
              "or add the namespace to spec.allowedNamespaces"});
  CHECK(report(plan, Kind::mapping, "mine").state == MappingReport::State::active);
  CHECK(plan.forwards().size() == 1);

  plan.update(ObjectChanges{{{Kind::address_pool, {"", "public"}}, nullptr},
                            {{Kind::address_pool, {"", "shop"}}, nullptr}});
  CHECK(plan.forwards().size() == 3);
}

TEST_CASE("who may not have an address does not keep others from it") {
  EdgePlan plan(settings());
  Mapping other = mapping("other", "203.0.113.7", 1);
  other.name.ns = "evil";
  plan.update(objects({other, balanced("web", {"203.0.113.7"}), slice("web")}));
  CHECK(report(plan, Kind::service, "web").state == MappingReport::State::rejected);
  plan.update(objects({pool("shop", "203.0.113.7", "203.0.113.7", {"shop"})}));
  CHECK(report(plan, Kind::service, "web").state == MappingReport::State::active);
}

TEST_CASE("1.22: how much of a pool is used is counted, however large it is") {
  AddressPools pools;
  CHECK(pools.use({}).empty());
  const auto add = [&](AddressPool one) {
    const ObjectName name = one.name;
    pools.set(name, std::make_shared<const Object>(std::move(one)));
  };
  add(pool("b", "203.0.113.0", "203.0.113.9"));
  add(pool("c", "2001:db8::", "2001:db8:0:0:ffff:ffff:ffff:ffff"));
  const std::vector<Address> used = {address("192.0.2.1"), address("203.0.113.0"),
                                     address("203.0.113.9"), address("203.0.113.10"),
                                     address("2001:db8::5")};
  const std::vector<AddressPools::Use> expected = {{"b", 10, 2}, {"c", 18446744073709551616.0, 1}};
  CHECK(pools.use(used) == expected);
}

TEST_CASE("pools give the lowest address that is free") {
  AddressPools pools;
  const auto add = [&](AddressPool one) {
    const ObjectName name = one.name;
    pools.set(name, std::make_shared<const Object>(std::move(one)));
  };
  const auto any = [](const Address&) { return true; };
  CHECK_FALSE(pools.find({"shop", "", Family::ipv4}, any));
  CHECK(pools.shortage({"shop", "", Family::ipv4}) ==
        "there is no AddressPool: create one with the addresses to give");

  add(pool("b", "203.0.113.0", "203.0.113.1"));
  add(pool("c", "2001:db8::", "2001:db8:ffff::"));
  AddressPool asked = pool("a", "192.0.2.1", "192.0.2.1");
  asked.auto_assign = false;
  add(asked);
  CHECK(pools.find({"shop", "", Family::ipv4}, any) == address("203.0.113.0"));
  CHECK(pools.find({"shop", "", Family::ipv6}, any) == address("2001:db8::"));
  CHECK(pools.find({"shop", "a", Family::ipv4}, any) == address("192.0.2.1"));
  CHECK(pools.find({"shop", "", Family::ipv4}, [](const Address& one) {
    return one != address("203.0.113.0");
  }) == address("203.0.113.1"));
  CHECK_FALSE(pools.find({"shop", "", Family::ipv4}, [](const Address&) { return false; }));
  CHECK(pools.shortage({"shop", "", Family::ipv4}) ==
        "every IPv4 address of any AddressPool that namespace shop may use is taken");
  CHECK(pools.shortage({"shop", "a", Family::ipv6}) == "there is no IPv6 address of AddressPool a");
  CHECK(pools.shortage({"shop", "x", Family::ipv6}) == "there is no AddressPool x");
  add(pool("c", "2001:db8::", "2001:db8:ffff::", {"other"}));
  CHECK(pools.shortage({"shop", "c", Family::ipv6}) ==
        "namespace shop may not use AddressPool c: see its spec.allowedNamespaces");
}

}  // namespace unit::service_to_mapping_test
