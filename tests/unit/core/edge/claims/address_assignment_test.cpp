#include "core/edge/claims/address_assignment.hpp"

#include "support/catch.hpp"

namespace unit::address_assignment_test {

using namespace core;

namespace {

using Names = std::vector<std::string>;

Address address(const std::string& text) { return *Address::parse(text); }

// A cluster whose leader assigns, and whose Services have at once what is decided.
class Cluster {
 public:
  Service& service(const std::string& name, std::int64_t created = 1000) {
    Service& service = services_[name];
    service.name = {"shop", name};
    service.type = Service::Type::load_balancer;
    service.ports = {{"http", 80, Protocol::tcp, 0}};
    service.load_balancer.emplace();
    service.load_balancer->created = created;
    service.load_balancer->families = {Family::ipv4};
    return service;
  }
  Service& operator[](const std::string& name) { return services_.at(name); }

  void put(const Object& object) {
    assignment_.update(
        {{{kind_of(object), name_of(object)}, std::make_shared<const Object>(object)}});
  }
  void pool(const std::string& name, const std::string& first, const std::string& last,
            bool automatic = true) {
    put(AddressPool{{"", name}, {{address(first), address(last)}}, {}, automatic});
  }
  void mapping(const std::string& name, const std::string& external, std::int64_t created) {
    Mapping mapping;
    mapping.name = {"shop", name};
    mapping.created = created;
    mapping.addresses = {address(external)};
    mapping.ports = {{{80, 80}, 80, Protocol::tcp}};
    put(mapping);
  }
  void remove(Kind kind, const std::string& name) {
    assignment_.update({{{kind, {kind == Kind::address_pool ? "" : "shop", name}}, nullptr}});
    if (kind == Kind::service) services_.erase(name);
  }

  // Who has got another decision.
  Names decide() {
    for (const auto& [name, service] : services_) put(service);
    Names changed;
    for (const ObjectName& name : assignment_.decide()) {
      changed.push_back(name.name);
      const auto* decision = assignment_.decision(name);
      if (decision != nullptr)
        services_.at(name.name).load_balancer->assigned = decision->addresses;
    }
    return changed;
  }
  std::string has(const std::string& name) {
    std::string text;
    for (const Address& one : services_.at(name).load_balancer->assigned) {
      text += (text.empty() ? "" : " ") + to_string(one);
    }
    return text;
  }
  std::string refusal(const std::string& name) {
    return assignment_.decision({"shop", name})->refusal;
  }
  AddressAssignment& assignment() { return assignment_; }

 private:
  std::map<std::string, Service> services_;
  AddressAssignment assignment_;
};

}  // namespace

TEST_CASE("each Service gets the lowest free address, and keeps it") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.2");
  cluster.service("b");
  cluster.service("a");
  CHECK(cluster.decide() == Names{"a", "b"});
  CHECK(cluster.has("a") == "203.0.113.1");
  CHECK(cluster.has("b") == "203.0.113.2");
  CHECK(cluster.decide().empty());

  cluster.service("c", 500);
  CHECK(cluster.decide() == Names{"c"});
  CHECK(cluster.has("c").empty());
  CHECK(cluster.refusal("c") ==
        "every IPv4 address of any AddressPool that namespace shop may use is taken");

  cluster.remove(Kind::service, "a");
  CHECK(cluster.decide() == Names{"a", "c"});
  CHECK(cluster.has("c") == "203.0.113.1");
  CHECK(cluster.refusal("c").empty());
}

TEST_CASE("a new leader gives nothing away that somebody has") {
  Cluster cluster;
  cluster.service("old", 2000).load_balancer->assigned = {address("203.0.113.1")};
  cluster.service("new", 1000);
  cluster.pool("public", "203.0.113.1", "203.0.113.9");
  CHECK(cluster.decide() == Names{"new", "old"});
  CHECK(cluster.has("old") == "203.0.113.1");
  CHECK(cluster.has("new") == "203.0.113.2");
}

TEST_CASE("who leads again knows only what the Services have") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.2");
  cluster.service("web");
  cluster.decide();
  // Another leader changed it meanwhile, and gave what was free to somebody else.
  cluster["web"].load_balancer->assigned = {address("203.0.113.2")};
  cluster.service("late", 2000).load_balancer->assigned = {address("203.0.113.1")};
  cluster.put(cluster["web"]);
  cluster.put(cluster["late"]);
  cluster.assignment().begin_anew();
  cluster.decide();
  CHECK(cluster.has("web") == "203.0.113.2");
  CHECK(cluster.has("late") == "203.0.113.1");
}

TEST_CASE("Services of two families get an address of each") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.9");
  cluster.service("web").load_balancer->families = {Family::ipv6, Family::ipv4};
  cluster.decide();
  CHECK(cluster.has("web") == "203.0.113.1");
  CHECK(cluster.refusal("web") ==
        "there is no IPv6 address of any AddressPool that namespace shop may use");
  cluster.pool("six", "2001:db8::1", "2001:db8::9");
  CHECK(cluster.decide() == Names{"web"});
  CHECK(cluster.has("web") == "203.0.113.1 2001:db8::1");
  CHECK(cluster.refusal("web").empty());
}

TEST_CASE("what is asked for is given where nobody uses it") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.9");
  cluster.service("web");
  cluster.decide();
  cluster.service("wish", 1).load_balancer->requested = {address("203.0.113.1")};
  cluster.decide();
  CHECK(cluster.has("wish").empty());
  CHECK(cluster.refusal("wish") ==
        "203.0.113.1 is in use by Service shop/web: ask for another address, or use other ports");
  CHECK(cluster.has("web") == "203.0.113.1");

  cluster["wish"].ports[0].port = 81;
  cluster.decide();
  CHECK(cluster.has("wish") == "203.0.113.1");
  cluster["wish"].load_balancer->requested = {address("198.51.100.1")};
  cluster.decide();
  CHECK(cluster.has("wish").empty());
  CHECK(cluster.refusal("wish") ==
        "198.51.100.1 is in no AddressPool: take another address, or add it to a pool");
  cluster["wish"].load_balancer->requested.clear();
  cluster.decide();
  CHECK(cluster.has("wish") == "203.0.113.2");
}

TEST_CASE("a pool is asked for by name, and a wish that cannot be read changes nothing") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.9");
  cluster.pool("rare", "192.0.2.1", "192.0.2.1", false);
  cluster.service("web");
  cluster.decide();
  CHECK(cluster.has("web") == "203.0.113.1");
  cluster["web"].load_balancer->pool = "rare";
  cluster.decide();
  CHECK(cluster.has("web") == "192.0.2.1");
  cluster["web"].load_balancer->pool.clear();
  cluster["web"].load_balancer->fault = "annotation pona.dev/addresses: \"x\" is not an address";
  cluster.decide();
  CHECK(cluster.has("web") == "192.0.2.1");
  CHECK(cluster.refusal("web") == cluster["web"].load_balancer->fault);
}

TEST_CASE("a Service that asks for more addresses than it may gets none, and is told the setting") {
  Cluster cluster;
  Service& greedy = cluster.service("greedy");
  cluster.service("modest").load_balancer->requested = {address("203.0.113.1")};
  for (std::int64_t i = 0; i < 16'000; ++i) {
    greedy.load_balancer->requested.push_back(address("203.0.113.0").plus(i));
  }
  CHECK(cluster.decide() == Names{"greedy", "modest"});
  CHECK(cluster.has("greedy").empty());
  CHECK(cluster.refusal("greedy") ==
        "it asks for 16000 addresses, the limit is 256: ask for fewer, or raise "
        "--max-addresses-per-service");
  CHECK(cluster.has("modest") == "203.0.113.1");
  greedy.load_balancer->requested.resize(256);
  CHECK(cluster.decide() == Names{"greedy"});
  CHECK(cluster["greedy"].load_balancer->assigned.size() == 255);
  CHECK(cluster.refusal("greedy").starts_with("203.0.113.1 is in use by Service shop/modest"));
}

TEST_CASE("of very many wishes that are refused, some are told and the rest is counted") {
  Cluster cluster;
  for (const char* name : {"first", "second"}) {
    Service& one = cluster.service(name, name == std::string("first") ? 1000 : 2000);
    for (std::int64_t i = 0; i < 100; ++i) {
      one.load_balancer->requested.push_back(address("203.0.113.0").plus(i));
    }
  }
  cluster.decide();
  CHECK(cluster["first"].load_balancer->assigned.size() == 100);
  CHECK(cluster.has("second").empty());
  CHECK(cluster.refusal("second").ends_with("; and 90 more"));
}

TEST_CASE("Mappings' addresses are not given, and an older Mapping takes its own") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.9");
  cluster.mapping("first", "203.0.113.1", 1);
  cluster.service("web");
  cluster.decide();
  CHECK(cluster.has("web") == "203.0.113.2");
  cluster.mapping("late", "203.0.113.2", 2000);
  CHECK(cluster.decide().empty());
  cluster.mapping("early", "203.0.113.2", 2);
  CHECK(cluster.decide() == Names{"web"});
  CHECK(cluster.has("web") == "203.0.113.3");
}

TEST_CASE("an address that left its pool is replaced, and without pools all stays") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.1");
  cluster.service("web");
  cluster.decide();
  cluster.remove(Kind::address_pool, "public");
  CHECK(cluster.decide().empty());
  CHECK(cluster.has("web") == "203.0.113.1");
  cluster.pool("other", "198.51.100.1", "198.51.100.1");
  CHECK(cluster.decide() == Names{"web"});
  CHECK(cluster.has("web") == "198.51.100.1");
}

TEST_CASE("a Service that is no longer ours has no decision") {
  Cluster cluster;
  cluster.pool("public", "203.0.113.1", "203.0.113.1");
  cluster.service("web");
  cluster.decide();
  Service plain = cluster["web"];
  cluster.remove(Kind::service, "web");
  plain.load_balancer.reset();
  cluster.put(plain);
  CHECK(cluster.assignment().decide() == std::vector<ObjectName>{{"shop", "web"}});
  CHECK(cluster.assignment().decision({"shop", "web"}) == nullptr);
}

}  // namespace unit::address_assignment_test
