#include "core/egress/plan_nat.hpp"

#include <random>

#include "core/egress/nat_rules.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"

namespace unit::plan_nat_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

Egress egress(Egress::Encapsulation encapsulation = Egress::Encapsulation::vxlan) {
  Egress result;
  result.name = {"internet", "egress"};
  result.destinations = {*Prefix::parse("203.0.113.0/24")};
  result.encapsulation = encapsulation;
  return result;
}

EgressClients list(const std::string& name, std::vector<EgressClients::Client> clients) {
  EgressClients result;
  result.name = {"internet", name};
  result.egress = "egress";
  result.clients = std::move(clients);
  return result;
}

EgressClients::Client client(const std::string& text, const std::string& uid) {
  return {address(text), {"default", "pod-" + uid}, uid};
}

ObjectChanges one(Object object) {
  auto pointer = std::make_shared<const Object>(std::move(object));
  return {{{kind_of(*pointer), name_of(*pointer)}, pointer}};
}
ObjectChanges gone(Kind kind, const std::string& name) {
  return {{{kind, {"internet", name}}, nullptr}};
}

Host host() {
  Host result;
  Interface eth0;
  eth0.name = "eth0";
  eth0.index = 2;
  eth0.mtu = 1500;
  eth0.up = true;
  eth0.addresses = {*Prefix::parse("10.64.0.21/24"), *Prefix::parse("fd00:64::21/64")};
  eth0.default4 = eth0.default6 = true;
  result.interfaces["eth0"] = eth0;
  return result;
}

NatSettings settings() {
  NatSettings result;
  result.egress = {"internet", "egress"};
  result.addresses = {address("10.64.0.21"), address("fd00:64::21")};
  return result;
}

bool owned_by(const NatPlan& plan, const core::Address& client, const std::string& uid) {
  const auto* const owners = plan.owners(client);
  return owners != nullptr &&
         std::ranges::any_of(*owners, [&](const auto& owner) { return owner.uid == uid; });
}

bool lets_in(const NatPlan& plan, const std::string& text) {
  for (const auto& [key, value] : plan.state().elements) {
    if (key.set == NatSet::clients && Address(key.key.view()) == address(text)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("nat: before the Egress is known nobody gets through") {
  NatPlan plan(settings());
  plan.update(host());
  plan.update(one(list("a", {client("10.64.0.11", "u1")})));
  CHECK_FALSE(lets_in(plan, "10.64.0.11"));
  CHECK(plan.state().links.empty());
  plan.update(one(egress()));
  CHECK(lets_in(plan, "10.64.0.11"));
}

TEST_CASE("nat: pitfall 12: one address, two owners: the last one to leave takes it along") {
  NatPlan plan(settings());
  plan.update(host());
  plan.update(one(egress()));
  plan.update(one(list("a", {client("10.64.0.11", "old")})));
  plan.update(one(list("b", {client("10.64.0.11", "new")})));
  CHECK(owned_by(plan, address("10.64.0.11"), "old"));
  CHECK(owned_by(plan, address("10.64.0.11"), "new"));
  CHECK(plan.update(gone(Kind::egress_clients, "a")).empty());
  CHECK_FALSE(owned_by(plan, address("10.64.0.11"), "old"));
  CHECK(lets_in(plan, "10.64.0.11"));
  plan.update(gone(Kind::egress_clients, "b"));
  CHECK_FALSE(lets_in(plan, "10.64.0.11"));
}

TEST_CASE("nat: a client that moves from list to list is not interrupted") {
  NatPlan plan(settings());
  plan.update(host());
  plan.update(one(egress()));
  plan.update(one(list("a", {client("10.64.0.11", "u")})));
  CHECK(plan.update(one(list("b", {client("10.64.0.11", "u")}))).empty());
  CHECK(plan.update(one(list("a", {}))).empty());
  CHECK(lets_in(plan, "10.64.0.11"));
}

TEST_CASE("nat: lists of another Egress are none of its") {
  NatPlan plan(settings());
  plan.update(host());
  plan.update(one(egress()));
  EgressClients other = list("a", {client("10.64.0.11", "u")});
  other.egress = "other";
  plan.update(one(other));
  CHECK_FALSE(lets_in(plan, "10.64.0.11"));
}

TEST_CASE("nat: FoU has a device for each client, of the path's MTU without the headers") {
  NatPlan plan(settings());
  plan.update(host());
  plan.update(one(egress(Egress::Encapsulation::fou)));
  plan.update(one(list("a", {client("10.64.0.11", "u"), client("fd00:64::11", "u")})));
  REQUIRE(plan.state().links.size() == 2);
  const Link& four = plan.state().links.at("pona4-0a40000b");
  CHECK(four.mtu == 1472);
  CHECK(*remote_of(four) == address("10.64.0.11"));
  for (const auto& [name, tunnel] : plan.state().links) {
    CHECK(name.size() <= 15);
    if (remote_of(tunnel)->family() == Family::ipv6) CHECK(tunnel.mtu == 1452);
  }
  CHECK(plan.state().fou_ports.size() == 2);
}

TEST_CASE("nat: VXLAN's one device has the MTU that suits both families") {
  NatSettings in_order = settings();
  NatSettings reversed = settings();
  std::ranges::reverse(reversed.addresses);
  for (const NatSettings& each : {in_order, reversed}) {
    NatPlan plan(each);
    plan.update(host());
    plan.update(one(egress()));
    REQUIRE(plan.state().links.size() == 1);
    // Of IPv6 and UDP 48 bytes, of VXLAN 8: its inner packets have no Ethernet header.
    CHECK(plan.state().links.begin()->second.mtu == 1500 - 48 - 8);
  }
}

TEST_CASE("nat: 2.12: what leaves IPv6 less than 1280 bytes does not take it from the device") {
  for (const auto encapsulation : {Egress::Encapsulation::fou, Egress::Encapsulation::vxlan}) {
    for (const std::uint32_t mtu : {1280U, 1315U, 1335U}) {
      Host small = host();
      small.interfaces.at("eth0").mtu = mtu;
      NatPlan plan(settings());
      plan.update(small);
      plan.update(one(egress(encapsulation)));
      plan.update(one(list("a", {client("10.64.0.11", "u"), client("fd00:64::11", "u")})));
      for (const auto& [name, tunnel] : plan.state().links) {
        const bool six = name == "pona-gpe" || name.starts_with("pona6");
        CHECK((!six || tunnel.mtu >= 1280));
      }
      // TCP is kept to what gets through, both ways.
      const std::uint32_t head = encapsulation == Egress::Encapsulation::vxlan ? 56 : 48;
      std::set<std::uint32_t> clamps;
      for (const nft::Chain& chain : plan.state().tables.at(Family::ipv6).chains) {
        for (const nft::Rule& rule : chain.rules) {
          const auto* const clamp = std::get_if<nft::ClampMss>(&rule.statements.front());
          if (clamp == nullptr || clamp->to == 0) continue;
          CHECK((chain.name == "from-client" || chain.name == "to-client"));
          clamps.insert(clamp->to);
        }
      }
      CHECK(clamps == std::set<std::uint32_t>{mtu - head - 60});
    }
  }
}

TEST_CASE("nat: changes one by one lead where planning everything anew does") {
  std::mt19937 chance(7);
  for (const auto encapsulation : {Egress::Encapsulation::fou, Egress::Encapsulation::vxlan}) {
    NatPlan plan(settings());
    State followed = plan.state();
    const auto follow = [&](const Changes& changes) { followed = apply(changes, followed); };
    follow(plan.update(host()));
    follow(plan.update(one(egress(encapsulation))));
    ObjectChanges all = one(egress(encapsulation));
    for (int i = 0; i < 200; ++i) {
      std::vector<EgressClients::Client> clients;
      for (unsigned k = 0; k < chance() % 5; ++k) {
        const std::string number = std::to_string(10 + chance() % 8);
        clients.push_back(client((chance() % 2 == 0 ? "10.64.0." : "fd00:64::") + number,
                                 "u" + std::to_string(chance() % 3)));
      }
      const ObjectChanges change = one(list("l" + std::to_string(chance() % 4), clients));
      follow(plan.update(change));
      for (const auto& [id, object] : change) all[id] = object;
      REQUIRE(followed == plan.state());
      NatPlan anew(settings());
      anew.update(host());
      anew.update(all);
      // Names of IPv6 tunnels may differ where hashes collide; none does here.
      REQUIRE(anew.state() == plan.state());
    }
  }
}

TEST_CASE("nat: pitfall 24: one client more costs one client") {
  NatPlan plan(settings());
  plan.update(host());
  plan.update(one(egress()));
  std::vector<EgressClients::Client> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(client("10.64." + std::to_string(1 + i / 250) + "." + std::to_string(i % 250),
                          "u" + std::to_string(i)));
  }
  CHECK(plan.update(one(list("a", many))).size() >= 1000);
  CHECK(plan.update(one(list("b", {client("10.64.0.11", "u")}))).size() == 5);
}

TEST_CASE("nat: clients reach the Egress's destinations without exclusions, and nothing else") {
  const auto ranges = [](const NatPlan& plan) {
    std::set<std::string> texts;
    for (const auto& [key, value] : plan.state().elements) {
      if (key.set == NatSet::destinations) texts.insert(to_text(Element{key, value}));
    }
    return texts;
  };
  NatPlan plan(settings());
  plan.update(host());
  plan.update(one(list("a", {client("10.64.0.11", "u")})));
  CHECK(ranges(plan).empty());
  Egress some = egress();
  some.destinations = {*Prefix::parse("203.0.113.0/24"), *Prefix::parse("2001:db8:f::/64")};
  plan.update(one(some));
  CHECK(ranges(plan) ==
        std::set<std::string>{"original . 203.0.113.0/24", "original . 2001:db8:f::/64"});
  // One that changes interrupts no client.
  some.excluded = {*Prefix::parse("203.0.113.128/25")};
  const Changes changes = plan.update(one(some));
  CHECK(changes.size() == 2);
  CHECK(ranges(plan) ==
        std::set<std::string>{"original . 203.0.113.0/25", "original . 2001:db8:f::/64"});
  for (const Change& change : changes) CHECK_FALSE(NatPlan::client_of(change).has_value());
}

}  // namespace unit::plan_nat_test
