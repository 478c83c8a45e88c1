// The fake refuses what Linux refuses: else the tests that rely on it prove nothing.
#include "support/fake_kernel.hpp"

#include <poll.h>

#include "core/constants.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::fake_kernel_test {

using namespace core;
using support::FakeKernel;

namespace {

const Route way{11201, Prefix::parse("0.0.0.0/0").value(), Address::parse("192.0.2.1"), "eth1"};
const PolicyRule rule{Family::ipv4, 1121, 0x200000, 0x7e00000, 11201, false};

nft::Set declare(SetId id, std::vector<nft::Type> key, std::vector<nft::Type> data = {}) {
  nft::Set set;
  set.name = to_string(id);
  set.key = std::move(key);
  set.data = std::move(data);
  set.interval = id == EdgeSet::ranges;
  set.counter = id == EdgeSet::pods;
  return set;
}

AddElement pod(std::uint8_t number) {
  Element element;
  element.key.set = EdgeSet::pods;
  element.key.key.append(std::array<std::uint8_t, 4>{10, 1, 0, number});
  return {element};
}

AddElement range(std::uint8_t address, std::uint8_t first, std::uint8_t last) {
  Element element;
  element.key.set = EdgeSet::ranges;
  element.key.key.append(std::array<std::uint8_t, 8>{203, 0, 113, address, 0, first, 0, 0});
  element.key.end.append(std::array<std::uint8_t, 2>{0, last});
  element.value.data.append(std::array<std::uint8_t, 2>{0, first});
  return {element};
}

AddElement verdict(const std::string& chain) {
  Element element;
  element.key.set = EdgeSet::returns;
  element.key.key.append(std::array<std::uint8_t, 4>{1, 0, 0, 0});
  element.value.chain.append({reinterpret_cast<const std::uint8_t*>(chain.data()), chain.size()});
  return {element};
}

Changes table() {
  using T = nft::Type;
  const Family family = Family::ipv4;
  return {
      AddTable{family, std::string(constants::edge_table)},
      AddSet{family, declare(EdgeSet::pods, {T::address})},
      AddSet{family, declare(EdgeSet::ranges, {T::address, T::inet_service}, {T::inet_service})},
      AddSet{family, declare(EdgeSet::returns, {T::mark}, {T::verdict})},
      AddChain{family, "first", nft::Hook{}},
      AddChain{family, "second", {}}};
}

ReplaceRules rules(const char* chain, std::vector<nft::Statement> statements) {
  return {Family::ipv4, {chain, {}, {{std::move(statements), "", ""}}}};
}
nft::Verdict jump(const char* chain) { return {nft::Verdict::Code::jump, chain}; }

std::string refusal(FakeKernel& kernel, const Changes& changes) {
  try {
    kernel.apply(changes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool readable(int descriptor) {
  pollfd poll{descriptor, POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a route needs a link that is there and up, and goes with it") {
  FakeKernel kernel;
  CHECK(refusal(kernel, {AddRoute{way}}) ==
        "ip route add default via 192.0.2.1 dev eth1 table 11201 proto 112: No such device");
  kernel.add_interface("eth1", {"192.0.2.2/24"});
  kernel.edit_host([](Host& host) { host.interfaces["eth1"].up = false; });
  CHECK(refusal(kernel, {AddRoute{way}}).ends_with("Network is down"));
  kernel.edit_host([](Host& host) { host.interfaces["eth1"].up = true; });
  kernel.apply({AddRoute{way}});
  CHECK(refusal(kernel, {AddRoute{way}}).ends_with("File exists"));
  kernel.drain();
  kernel.remove_interface("eth1");
  CHECK(kernel.state().routes.empty());
  const auto events = kernel.drain();
  CHECK(events.host);
  CHECK(events.routing);
  CHECK_FALSE(events.tables);
  CHECK(refusal(kernel, {DeleteRoute{way}}).ends_with("No such process"));
}

TEST_CASE("rules and sysctls") {
  FakeKernel kernel;
  kernel.add_interface("eth1.7");
  kernel.apply({AddRule{rule}, AddSysctl{{"net/ipv4/conf/eth1.7/rp_filter", "2"}}});
  CHECK(kernel.host().interfaces.at("eth1.7").rp_filter == 2);
  CHECK(refusal(kernel, {AddRule{rule}}).ends_with("File exists"));
  kernel.apply({DeleteRule{rule}});
  CHECK_FALSE(refusal(kernel, {DeleteRule{rule}}).empty());
  CHECK_FALSE(refusal(kernel, {AddSysctl{{"net/ipv4/conf/eth9/rp_filter", "2"}}}).empty());
  kernel.edit_host([](Host& host) { host.ipv6 = false; });
  CHECK_FALSE(refusal(kernel, {AddRule{{Family::ipv6, 1, 0, 0, 1, false}}}).empty());
}

TEST_CASE("nftables: what refers needs what it refers to") {
  FakeKernel kernel;
  CHECK_FALSE(refusal(kernel, {pod(1)}).empty());
  kernel.apply(table());
  const State before = kernel.state();
  const Family family = Family::ipv4;
  AddElement value = range(1, 10, 20);
  value.element.value.data.data[1] = 99;
  AddElement endless = range(1, 10, 20);
  endless.element.key.end = {};
  const std::vector<Changes> refused = {
      {rules("first", {jump("nowhere")})},
      {rules("first", {nft::InSet{{nft::Field::saddr}, "nothing", true}})},
      {rules("first", {nft::VerdictMap{{nft::Field::saddr}, "pods"}})},
      {rules("second", {jump("first")})},  // a base chain
      {rules("nowhere", {})},
      {verdict("nowhere")},
      {verdict("second"), DeleteChain{family, "second"}},
      {rules("first", {jump("second")}), DeleteChain{family, "second"}},
      {rules("first", {nft::InSet{{nft::Field::saddr}, "pods", true}}), DeleteSet{family, "pods"}},
      {rules("second", {jump("second")})},  // a circle
      {rules("second", {nft::VerdictMap{{nft::Field::mark}, "returns"}}), verdict("second")},
      {AddChain{family, "first", {}}},
      {DeleteElement{pod(1).element.key, {}}},
      {range(1, 10, 20), range(1, 20, 30)},
      {range(1, 10, 20), range(1, 5, 25)},
      {range(1, 10, 20), range(1, 12, 15)},
      {range(1, 10, 20), value},
      {endless},
  };
  for (std::size_t i = 0; i < refused.size(); ++i) {
    INFO("case " << i);
    CHECK_FALSE(refusal(kernel, refused[i]).empty());
    CHECK(kernel.state() == before);
  }
  kernel.apply({range(1, 10, 20), range(1, 21, 30), range(2, 10, 20), pod(1), pod(1),
                rules("first", {jump("second")}), verdict("second")});
  kernel.apply({DeleteElement{range(1, 10, 20).element.key, {}}, range(1, 1, 20)});
  kernel.apply({DeleteElement{verdict("second").element.key, {}}, rules("first", {}),
                DeleteChain{family, "second"}, DeleteSet{family, "returns"}});
  CHECK(kernel.state().elements.size() == 4);
}

TEST_CASE("a transaction is in effect as a whole or not at all, routing step by step") {
  FakeKernel kernel;
  kernel.add_interface("eth1");
  Changes changes = {AddRoute{way}};
  const Changes more = table();
  changes.insert(changes.end(), more.begin(), more.end());
  changes.push_back(AddRule{rule});
  kernel.fail_at(4);
  CHECK_FALSE(refusal(kernel, changes).empty());
  CHECK(kernel.state().routes.size() == 1);
  CHECK(kernel.state().tables.empty());
  CHECK(kernel.state().rules.empty());
  changes.erase(changes.begin());
  kernel.apply(changes);
  CHECK(kernel.state().rules.size() == 1);
  CHECK(kernel.transactions() == 1);
}

TEST_CASE("somebody else's table is seen and not changed") {
  FakeKernel kernel;
  kernel.apply(table());
  kernel.set_owned_by_other(Family::ipv4, true);
  CHECK(refusal(kernel, {pod(1)}).ends_with("Operation not permitted"));
  State expected;
  expected.tables[Family::ipv4].name = constants::edge_table;
  CHECK(kernel.observe(expected).tables.size() == 1);
  CHECK(kernel.observe({}).tables.empty());
}

TEST_CASE("our own changes ring no bell, others' do") {
  FakeKernel kernel;
  kernel.apply(table());
  CHECK_FALSE(readable(kernel.event_fd()));
  kernel.tamper([](State& state) { state.tables.clear(); });
  CHECK(readable(kernel.event_fd()));
  const auto events = kernel.drain();
  CHECK(events.tables);
  CHECK_FALSE(events.host);
  CHECK_FALSE(events.routing);
  CHECK_FALSE(readable(kernel.event_fd()));
  kernel.tamper([](State& state) { state.rules.insert(rule); });
  CHECK(kernel.drain().routing);
}

TEST_CASE("counts belong to an element and go with it") {
  FakeKernel kernel;
  kernel.apply(table());
  kernel.apply({pod(1), pod(2), range(1, 10, 20)});
  const ElementKey key = pod(1).element.key;
  kernel.count(key, 3, 180);
  kernel.count(key, 1, 60);
  core::Counts counts = kernel.counts(Family::ipv4, {EdgeSet::pods, EdgeSet::ranges});
  CHECK(counts.size() == 2);
  CHECK(counts.at(key).packets == 4);
  CHECK(counts.at(key).bytes == 240);
  kernel.apply({DeleteElement{key, {}}, pod(1)});
  CHECK(kernel.counts(Family::ipv4, {EdgeSet::pods}).at(key).packets == 0);
  CHECK(kernel.counts(Family::ipv6, {EdgeSet::pods}).empty());
}

TEST_CASE("sweeping deletes what is asked for") {
  FakeKernel kernel;
  const Address one = Address::parse("203.0.113.10").value();
  const Address two = Address::parse("203.0.113.11").value();
  for (const auto& [protocol, address] :
       {std::pair{Protocol::udp, one}, {Protocol::tcp, one}, {Protocol::udp, two}}) {
    Flow flow;
    flow.protocol = protocol;
    flow.original.destination = address;
    flow.original.destination_port = 53;
    kernel.conntrack.push_back(flow);
  }
  std::size_t visited = 0;
  CHECK(kernel.sweep({Protocol::udp, one, std::uint16_t{53}}, [&](const Flow&) {
    ++visited;
    return true;
  }) == 1);
  CHECK(visited == 1);
  CHECK(kernel.sweep({{}, {}, std::uint16_t{54}}, [](const Flow&) { return true; }) == 0);
  CHECK(kernel.sweep({}, [](const Flow&) { return false; }) == 0);
  CHECK(kernel.conntrack_fill().entries == 2);
}

}  // namespace unit::fake_kernel_test
