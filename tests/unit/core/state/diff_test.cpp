#include "core/state/diff.hpp"

#include <algorithm>
#include <random>

#include "core/constants.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/random_state.hpp"

namespace unit::diff_test {

using namespace core;
using support::in_order;
using support::random_state;

namespace {

constexpr std::uint32_t rounds = 2000;

void add_links(support::FakeKernel& kernel) {
  for (const char* const link : support::random_links) kernel.add_interface(link);
}

// As the reconcile loop does it; `frame` names what may be ours.
std::size_t reconcile(net::Kernel& kernel, const State& desired, const State& frame) {
  const Changes changes = diff(kernel.observe(frame), desired);
  kernel.apply(changes);
  return changes.size();
}

// What must be looked at to get from one state to another.
State both(const State& a, const State& b) {
  State frame = b;
  frame.tables.insert(a.tables.begin(), a.tables.end());
  return frame;
}

Element pod(std::uint8_t number, const char* comment = nullptr) {
  Element element;
  element.key.set = EdgeSet::pods;
  element.key.key.append(std::array<std::uint8_t, 4>{10, 1, 0, number});
  if (comment != nullptr) element.value.comment = std::make_shared<const std::string>(comment);
  return element;
}

Element translation(std::uint8_t pod, std::uint8_t address) {
  Element element;
  element.key.set = EdgeSet::snat;
  element.key.key.append(std::array<std::uint8_t, 4>{10, 1, 0, pod});
  element.value.data.append(std::array<std::uint8_t, 4>{203, 0, 113, address});
  return element;
}

Element interval(std::uint8_t first, std::uint8_t last) {
  Element element;
  element.key.set = EdgeSet::ranges;
  element.key.key.append(
      std::array<std::uint8_t, 12>{203, 0, 113, 10, 17, 0, 0, 0, 0, first, 0, 0});
  element.key.end.append(std::array<std::uint8_t, 2>{0, last});
  element.value.data.append(std::array<std::uint8_t, 2>{0, first});
  return element;
}

State table_with(std::vector<nft::Chain> chains) {
  State state;
  nft::Table& table = state.tables[Family::ipv4];
  table.name = constants::edge_table;
  table.chains = std::move(chains);
  return state;
}

Route route(const char* destination, const char* gateway, std::uint32_t table = 11201) {
  return {table, Prefix::parse(destination).value(), Address::parse(gateway), "eth1"};
}

}  // namespace

TEST_CASE("what the diff of two states says leads from one to the other") {
  for (std::uint32_t seed = 0; seed < rounds; ++seed) {
    std::mt19937 chance(seed);
    const State a = random_state(chance);
    const State b = random_state(chance);
    const Changes changes = diff(a, b);
    if (in_order(apply(changes, a)) != in_order(b) || !diff(a, a).empty()) {
      FAIL("seed " << seed);
    }
  }
}

TEST_CASE("a kernel takes the changes in the order in which they come") {
  for (std::uint32_t seed = 0; seed < rounds; ++seed) {
    INFO("seed " << seed);
    std::mt19937 chance(seed);
    const State a = random_state(chance);
    const State b = random_state(chance);
    support::FakeKernel kernel;
    add_links(kernel);
    const State frame = both(a, b);
    REQUIRE_NOTHROW(reconcile(kernel, a, frame));
    REQUIRE_NOTHROW(reconcile(kernel, b, frame));
    REQUIRE(in_order(kernel.observe(frame)) == in_order(b));
    REQUIRE(reconcile(kernel, b, frame) == 0);
    REQUIRE(kernel.transactions() <= 2);
    // Nothing of ours is left when nothing is wanted.
    reconcile(kernel, {}, frame);
    REQUIRE(kernel.state() == State{});
  }
}

TEST_CASE("a pass that failed anywhere is made good by the next") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 chance(seed);
    const State a = random_state(chance);
    const State b = random_state(chance);
    const State frame = both(a, b);
    support::FakeKernel kernel;
    add_links(kernel);
    reconcile(kernel, a, frame);
    const State before = kernel.state();
    const std::size_t steps = diff(kernel.observe(frame), b).size();
    if (steps == 0) continue;
    kernel.fail_at(1 + seed % steps);
    CHECK_THROWS(reconcile(kernel, b, frame));
    const State halfway = kernel.state();
    const bool all_or_nothing = halfway.tables == before.tables ||
                                in_order({{}, halfway.tables, {}}) == in_order({{}, b.tables, {}});
    CHECK(all_or_nothing);
    reconcile(kernel, b, frame);
    REQUIRE(in_order(kernel.observe(frame)) == in_order(b));
  }
}

TEST_CASE("somebody tampers, one pass repairs") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 chance(seed);
    const State wanted = random_state(chance);
    const State other = random_state(chance);
    support::FakeKernel kernel;
    add_links(kernel);
    reconcile(kernel, wanted, wanted);
    kernel.drain();
    // A table of ours that is not wanted would not be looked for.
    kernel.tamper([&](State& state) {
      const auto sysctls = state.sysctls;
      state = other;
      state.sysctls = sysctls;
      std::erase_if(state.tables,
                    [&](const auto& table) { return !wanted.tables.contains(table.first); });
      std::erase_if(state.elements, [&](const auto& element) {
        return !wanted.tables.contains(element.first.family);
      });
    });
    REQUIRE_NOTHROW(reconcile(kernel, wanted, wanted));
    REQUIRE(in_order(kernel.observe(wanted)) == in_order(wanted));
    REQUIRE(reconcile(kernel, wanted, wanted) == 0);
  }
}

TEST_CASE("elements may come from a generator, and those of the state are then ignored") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 chance(seed);
    const State a = random_state(chance);
    const State b = random_state(chance);
    State frame = b;
    frame.elements = a.elements;
    const Changes changes = diff(a, frame, [&](const auto& visit) {
      for (const auto& [key, value] : b.elements) visit({key, value});
    });
    REQUIRE(in_order(apply(changes, a)) == in_order(b));
  }
}

TEST_CASE("a changed value deletes before it adds, so that intervals never meet") {
  const Changes changes = diff({interval(1, 9), interval(20, 29), translation(2, 10)},
                               {interval(5, 15), interval(20, 29), translation(2, 11)});
  CHECK(to_text(changes, 1) ==
        std::vector<std::string>{
            "delete element ip pona-edge ranges { 203.0.113.10 . udp . 1-9 }",
            "delete element ip pona-edge snat-addresses { 10.1.0.2 }",
            "add element ip pona-edge ranges { 203.0.113.10 . udp . 5-15 : 5 }",
            "add element ip pona-edge snat-addresses { 10.1.0.2 : 203.0.113.11 }"});
}

TEST_CASE("a comment alone is no reason to touch an element") {
  CHECK(diff({pod(2, "shop/web")}, {pod(2, "shop/api")}).empty());
  CHECK(diff({pod(2)}, {pod(2), pod(3)}).size() == 1);
  CHECK(diff({pod(2), pod(3)}, {pod(3)}).size() == 1);
  CHECK(diff({}, std::vector<Element>{}).empty());
}

TEST_CASE("the order of sets and chains is no difference") {
  State a = table_with({{"x", {}, {}}, {"y", {}, {}}});
  State b = table_with({{"y", {}, {}}, {"x", {}, {}}});
  CHECK(diff(a, b).empty());
}

TEST_CASE("chains that lead to each other are emptied before they go") {
  const auto leads = [](const char* to) {
    return nft::Rule{{nft::Verdict{nft::Verdict::Code::jump, to}}, "", ""};
  };
  const State before =
      table_with({{"a", {}, {leads("b")}}, {"b", {}, {leads("c")}}, {"c", {}, {}}});
  CHECK(to_text(diff(before, table_with({}))) ==
        std::vector<std::string>{"flush chain ip pona-edge a", "flush chain ip pona-edge b",
                                 "delete chain ip pona-edge a", "delete chain ip pona-edge b",
                                 "delete chain ip pona-edge c"});
}

TEST_CASE("another hook or declaration takes the table anew, elements and all") {
  State before = table_with({{"input", nft::Hook{}, {}}});
  nft::Set pods;
  pods.name = to_string(EdgeSet::pods);
  pods.key = {nft::Type::address};
  before.tables[Family::ipv4].sets = {pods};
  before.elements.emplace(pod(2).key, pod(2).value);

  State after = before;
  after.tables[Family::ipv4].chains[0].hook->priority = 7;
  CHECK(to_text(diff(before, after)) ==
        std::vector<std::string>{
            "delete table ip pona-edge", "add table ip pona-edge",
            "add set ip pona-edge pods { type ipv4_addr; }",
            "add chain ip pona-edge input { type filter hook prerouting priority filter + 7; "
            "policy accept; }",
            "add element ip pona-edge pods { 10.1.0.2 }"});

  after = before;
  after.tables[Family::ipv4].sets[0].counter = true;
  const std::vector<std::string> text = to_text(diff(before, after));
  CHECK(text.front() == "delete table ip pona-edge");
  CHECK(text.back() == "add element ip pona-edge pods { 10.1.0.2 }");
}

TEST_CASE("a way exists before traffic is sent there, and as long as traffic is") {
  State before;
  before.routes = {route("0.0.0.0/0", "192.0.2.1")};
  before.rules = {{Family::ipv4, 1121, 0x200000, 0x7e00000, 11201, false}};
  before.sysctls["net.ipv4.conf.eth1.rp_filter"] = "1";
  State after = table_with({});
  after.routes = {route("0.0.0.0/0", "192.0.2.9", 11202)};
  after.rules = {{Family::ipv4, 1121, 0x400000, 0x7e00000, 11202, false}};
  after.sysctls["net.ipv4.conf.eth1.rp_filter"] = "2";
  CHECK(to_text(diff(before, after)) ==
        std::vector<std::string>{
            "sysctl -w net.ipv4.conf.eth1.rp_filter=2 (was 1)",
            "ip route add default via 192.0.2.9 dev eth1 table 11202 proto 112",
            "ip rule add pref 1121 fwmark 0x00400000/0x07e00000 table 11202 protocol 112",
            "add table ip pona-edge",
            "ip rule del pref 1121 fwmark 0x00200000/0x07e00000 table 11201 protocol 112",
            "ip route del default via 192.0.2.1 dev eth1 table 11201 proto 112"});
}

TEST_CASE("rules are there before the tunnel whose packets they judge, and as long as it is") {
  State with;
  with.links["pona-gpe"].name = "pona-gpe";
  with.tables[Family::ipv4] = {Family::ipv4, "pona-nat", {}, {}};
  const auto place_of = [](const Changes& changes, auto is) {
    return std::ranges::find_if(changes, is) - changes.begin();
  };
  const Changes comes = diff(State(), with);
  CHECK(place_of(comes, [](const Change& c) { return std::holds_alternative<AddTable>(c); }) <
        place_of(comes, [](const Change& c) { return std::holds_alternative<AddLink>(c); }));
  const Changes goes = diff(with, State());
  CHECK(place_of(goes, [](const Change& c) { return std::holds_alternative<DeleteLink>(c); }) <
        place_of(goes, [](const Change& c) { return std::holds_alternative<DeleteTable>(c); }));
}

TEST_CASE("a route gives way to another to the same destination, whoever made it") {
  State before;
  before.routes = {route("0.0.0.0/0", "192.0.2.1"), route("0.0.0.0/0", "192.0.2.2")};
  State after;
  after.routes = {route("0.0.0.0/0", "192.0.2.3")};
  CHECK(to_text(diff(before, after)) ==
        std::vector<std::string>{
            "ip route del default via 192.0.2.1 dev eth1 table 11201 proto 112",
            "ip route del default via 192.0.2.2 dev eth1 table 11201 proto 112",
            "ip route add default via 192.0.2.3 dev eth1 table 11201 proto 112"});
  after.routes = {route("0.0.0.0/0", "192.0.2.2")};
  CHECK(to_text(diff(before, after)) ==
        std::vector<std::string>{
            "ip route del default via 192.0.2.1 dev eth1 table 11201 proto 112"});
}

TEST_CASE("what goes with a tunnel that is made anew is made anew in the same pass") {
  State before;
  for (const std::uint32_t number : {1U, 2U, 3U}) {
    Link tunnel;
    tunnel.name = "pona-" + std::to_string(number);
    tunnel.body = GpeTunnel{5555};
    before.links.emplace(tunnel.name, tunnel);
    Nexthop nexthop;
    nexthop.id = number;
    nexthop.device = tunnel.name;
    before.nexthops.emplace(nexthop.id, nexthop);
  }
  const auto group = [&](std::uint32_t id, std::vector<Nexthop::Member> members) {
    Nexthop nexthop;
    nexthop.id = id;
    nexthop.buckets = 8;
    nexthop.members = std::move(members);
    before.nexthops.emplace(id, nexthop);
  };
  group(10, {{1}, {2}});
  group(11, {{1}});
  const auto over = [&](const char* destination, const char* device, std::uint32_t nexthop) {
    before.routes.insert({.table = constants::egress_table,
                          .destination = Prefix::parse(destination).value(),
                          .device = device,
                          .nexthop = nexthop});
  };
  over("10.0.0.0/8", "pona-1", 0);
  over("10.1.0.0/16", "", 1);
  over("10.2.0.0/16", "", 10);
  over("10.3.0.0/16", "", 11);
  over("10.4.0.0/16", "pona-3", 0);
  State after = before;
  after.links["pona-1"].body = GpeTunnel{5556};

  support::FakeKernel kernel;
  reconcile(kernel, before, before);
  REQUIRE(kernel.state() == before);
  reconcile(kernel, after, after);
  CHECK(kernel.state() == after);
  CHECK(reconcile(kernel, after, after) == 0);
}

TEST_CASE("sets of another version go before the chains that their elements may lead to") {
  State before = table_with({{"a", {}, {}}, {"theirs", {}, {}}});
  nft::Set theirs;
  theirs.name = "verdicts-of-another-version";
  theirs.key = {nft::Type::address};
  theirs.data = {nft::Type::verdict};
  before.tables.at(Family::ipv4).sets.push_back(theirs);
  const State after = table_with({{"a", {}, {}}});
  const Changes changes = diff(before, after);
  const auto at = [&](auto&& wanted) {
    return std::ranges::find_if(changes, wanted) - changes.begin();
  };
  const auto set = at([](const Change& one) { return std::holds_alternative<DeleteSet>(one); });
  const auto chain = at([](const Change& one) { return std::holds_alternative<DeleteChain>(one); });
  REQUIRE(chain < static_cast<std::ptrdiff_t>(changes.size()));
  CHECK(set < chain);
  CHECK(apply(changes, before) == after);
}

TEST_CASE("what does not fit is not applied") {
  State state = table_with({{"a", {}, {}}});
  const State before = state;
  const Changes changes = {
      DeleteElement{pod(9).key, {}},           DeleteChain{Family::ipv4, "nothing"},
      DeleteSet{Family::ipv6, "pods"},         ReplaceRules{Family::ipv6, {"a", {}, {}}},
      DeleteTable{Family::ipv4, "somebody's"}, DeleteRoute{route("0.0.0.0/0", "192.0.2.1")}};
  CHECK(apply(changes, state) == before);
}

}  // namespace unit::diff_test
