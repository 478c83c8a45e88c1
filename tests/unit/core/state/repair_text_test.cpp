#include "core/state/repair_text.hpp"

#include "core/constants.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/state/diff.hpp"
#include "support/catch.hpp"

namespace unit::repair_text_test {

using namespace core;

namespace {

Route route(const std::string& gateway) {
  Route result;
  result.destination = *Prefix::parse("0.0.0.0/0");
  result.gateway = Address::parse(gateway);
  result.device = "eth1";
  result.table = 2010;
  return result;
}

Element pod(std::uint8_t last) {
  Element element;
  element.key.family = Family::ipv4;
  element.key.set = EdgeSet::pods;
  const Address address = Address::parse("10.1.0.0")->plus(last);
  element.key.key.append(address.bytes());
  return element;
}

State intact() {
  State state;
  state.routes.insert(route("192.0.2.1"));
  PolicyRule rule;
  rule.priority = 1121;
  rule.table = 2010;
  state.rules.insert(rule);
  state.sysctls["net/ipv4/conf/eth1/rp_filter"] = "2";
  nft::Table table{Family::ipv4, "pona-edge", {}, {}};
  table.chains = {{"nat", {}, {}}, {"filter", {}, {}}};
  state.tables[Family::ipv4] = table;
  return state;
}

using Strings = std::vector<std::string>;

Strings lines(const Changes& changes, const Meddlers& meddlers = {}, bool elements = true) {
  Intact before{intact(), elements};
  return repairs_in(changes, before, meddlers, "pona-edge").lines;
}

const Meddlers networkd{Meddler{"systemd-networkd", 321}, Meddler{"nft", 77}};

}  // namespace

TEST_CASE("1.24: who took a route and that it is back is one line in plain words") {
  CHECK(lines({AddRoute{route("192.0.2.1")}}, networkd) ==
        Strings{"route default via 192.0.2.1 dev eth1 table 2010 was removed by "
                "\"systemd-networkd\" (pid 321): put back"});
  CHECK(lines({AddRoute{route("192.0.2.1")}}, {Meddler(), {}}) ==
        Strings{"route default via 192.0.2.1 dev eth1 table 2010 was removed by another program: "
                "put back"});
  // The kernel itself removes routes, as with an address.
  CHECK(lines({AddRoute{route("192.0.2.1")}}) ==
        Strings{"route default via 192.0.2.1 dev eth1 table 2010 was missing: put back"});
  CHECK(lines({DeleteRoute{route("192.0.2.9")}}, networkd) ==
        Strings{"route default via 192.0.2.9 dev eth1 table 2010 was added by "
                "\"systemd-networkd\" (pid 321): removed"});
  CHECK(lines({Add<PolicyRule>{*intact().rules.begin()}}, {Meddler{"ip", 0}, {}}) ==
        Strings{"rule pref 1121 table 2010 was removed by \"ip\": put back"});
  CHECK(lines({SetSysctl{{"net/ipv4/conf/eth1/rp_filter", "2"},
                         {"net/ipv4/conf/eth1/rp_filter", "1"}}}) ==
        Strings{"sysctl net/ipv4/conf/eth1/rp_filter was changed to 1: set to 2 again"});
}

TEST_CASE("1.24: what was changed in tables is counted, not spelt out") {
  const Changes three = {AddElement{pod(1)}, DeleteElement{pod(1).key, {}}, AddElement{pod(2)},
                         AddElement{pod(3)}};
  CHECK(lines(three, networkd) ==
        Strings{"table ip pona-edge: 3 elements were changed by \"nft\" (pid 77): put back"});
  CHECK(lines({AddElement{pod(1)}}) ==
        Strings{"table ip pona-edge: 1 element was removed by another program: put back"});
  CHECK(lines({DeleteElement{pod(1).key, {}}}) ==
        Strings{"table ip pona-edge: 1 element was added by another program: removed"});
  const nft::Chain nat = intact().tables[Family::ipv4].chains[0];
  CHECK(lines({ReplaceRules{Family::ipv4, nat}}, networkd) ==
        Strings{"chain nat of table ip pona-edge was changed by \"nft\" (pid 77): put back"});
  CHECK(lines({AddChain{Family::ipv4, "nat", {}}, ReplaceRules{Family::ipv4, nat}}) ==
        Strings{"chain nat of table ip pona-edge was removed by another program: put back"});
  CHECK(lines({DeleteChain{Family::ipv4, "odd"}}) ==
        Strings{"chain odd of table ip pona-edge was added by another program: removed"});
}

TEST_CASE("1.24: a table that is gone is one line, with all that comes back in it, in parts too") {
  const nft::Chain nat = intact().tables[Family::ipv4].chains[0];
  Intact before{intact(), true};
  const Repairs first =
      repairs_in({AddTable{Family::ipv4, "pona-edge"}, AddChain{Family::ipv4, "nat", {}},
                  ReplaceRules{Family::ipv4, nat}, AddElement{pod(1)}},
                 before, networkd, "pona-edge");
  CHECK(first.lines == Strings{"table ip pona-edge was deleted by \"nft\" (pid 77): put back"});
  CHECK(first.others.empty());
  const Repairs second = repairs_in({AddElement{pod(2)}}, before, networkd, "pona-edge");
  CHECK(second.lines.empty());
  CHECK(second.others.empty());
}

TEST_CASE("1.24: what was to come anyway is no repair") {
  Intact before{intact(), false};
  const Repairs repairs = repairs_in({AddRoute{route("192.0.2.7")}, DeleteRoute{route("192.0.2.1")},
                                      AddRoute{route("192.0.2.1")}, AddElement{pod(1)}},
                                     before, networkd, "pona-edge");
  CHECK(repairs.lines.size() == 1);
  CHECK(repairs.others.size() == 3);
}

}  // namespace unit::repair_text_test
