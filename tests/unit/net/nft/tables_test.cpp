#include "net/nft/tables.hpp"
#include "core/edge/plan_edge.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "core/constants.hpp"
#include "core/edge/tables/edge_rules.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"
#include "unit/net/nft/tables_rig.hpp"

namespace unit::tables_test {

using namespace unit::nft_tables;

TEST_CASE("the edge's tables with all kinds of statements and elements are loaded and read back") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    converge(nft, edge());
  });
}

TEST_CASE("nft lists what pona made in words that say what it does") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    converge(nft, edge());
    const std::string list = output_of("nft -n list ruleset");
    CHECK_FALSE(contains(list, "[invalid"));
    CHECK_FALSE(contains(list, "unknown"));
    for (const char* part : {
             "203.0.113.1 . 17 . 80 counter packets 0 bytes 0 comment \"shop/web\" : goto flow-16",
             "203.0.113.1 . 17 . 80 . 0x00000003 : 10.10.10.10 . 8080",
             "203.0.113.2 . 17 . 50-60 : 50",
             "set allowed-00002a",
             "elements = { 10.10.10.10-12.12.12.12 }",
             "ip saddr != @allowed-00002a goto refused-source",
             "2001:db8::1 . 17 . 80 . 0x00000003",
             "\"eth2.5\" : jump from-eth2.5",
             "type filter hook forward priority -1; policy accept;",
             "dnat ip to ip daddr . meta l4proto . th dport . jhash ip saddr . th sport mod 16 "
             "seed "
             "0x706f6e61 map @slots",
             "ip saddr @pods meta mark set meta mark",
             "tcp option maxseg size set rt mtu",
             "reject with tcp reset",
             "limit rate over 20/second burst 20 packets",
             "ct count over 100",
             "ip6 daddr . meta l4proto . th dport vmap @services",
             "ct direction . ct original ip6 daddr . meta l4proto . ct original proto-dst @traffic",
             "comment \"dport stands for its value in @ranges\"",
         }) {
      INFO(part);
      CHECK(contains(list, part));
    }
  });
}

TEST_CASE("lists of sources come, change and go in the kernel as planned") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    core::Host host;
    host.ipv6 = true;
    host.interfaces["eth1"].up = true;
    host.interfaces["eth1"].addresses = {*core::Prefix::parse("203.0.113.10/24"),
                                         *core::Prefix::parse("2001:db8::10/64")};
    core::EdgePlan plan(core::EdgeSettings{});
    plan.update(host);
    core::Service service;
    service.name = {"shop", "web"};
    service.ports = {{"http", 80, core::Protocol::tcp, 0}};
    const auto put = [&](const core::Object& object) {
      const auto shared = std::make_shared<const core::Object>(object);
      return core::ObjectChanges{{{core::kind_of(object), core::name_of(object)}, shared}};
    };
    plan.update(put(service));
    const auto tables_of = [&plan] {
      core::State state = plan.state();
      state.sysctls.clear();  // not this reader's
      return state;
    };
    converge(nft, tables_of());
    const auto follow = [&](const std::string& name, const std::vector<const char*>& sources) {
      core::Mapping mapping;
      mapping.name = {"shop", name};
      mapping.addresses = {*core::Address::parse("203.0.113.10"),
                           *core::Address::parse("2001:db8::10")};
      mapping.service = "web";
      const auto port = static_cast<std::uint16_t>(name == "a" ? 80 : 443);
      mapping.ports = {{{port, port}, 80, core::Protocol::tcp},
                       {{8000, 8009}, 80, core::Protocol::tcp}};
      if (name != "a") mapping.ports.pop_back();
      for (const char* source : sources) {
        mapping.allowed_sources.push_back(*core::Prefix::parse(source));
      }
      nft.apply(plan.update(put(mapping)).changes);
      const core::State wanted = tables_of();
      for (const std::string& line : core::to_text(core::diff(observe(nft, wanted), wanted))) {
        UNSCOPED_INFO("left to do: " << line);
      }
      CHECK(core::diff(observe(nft, wanted), wanted).empty());
    };
    // Next to one another, the first and the last of all, and both families.
    follow("a", {"10.0.0.0/24", "10.0.1.0/24", "0.0.0.0/8", "224.0.0.0/3", "2001:db8:1::/48",
                 "ff00::/8", "::/16"});
    follow("b", {"10.0.0.0/24", "10.0.1.0/24", "0.0.0.0/8", "224.0.0.0/3"});
    follow("a", {"10.0.0.0/24", "0.0.0.0/8", "224.0.0.0/3", "ff00::/8", "::/16"});
    follow("a", {"10.0.0.0/8", "0.0.0.0/8"});
    follow("a", {"10.0.0.128/25", "10.0.1.0/24", "10.0.2.0/23", "255.255.255.255/32"});
    follow("b", {"10.0.0.128/25", "10.0.1.0/24", "10.0.2.0/23", "255.255.255.255/32"});
    follow("a", {});
    follow("b", {"2001:db8::/32"});
  });
}

TEST_CASE("an element's value changes within one transaction") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    core::State wanted = edge();
    converge(nft, wanted);
    core::Element slot = some_elements(Family::ipv4)[1];
    const core::ElementValue was = slot.value;
    slot.value.data.data[0] = 11;
    nft.apply({core::DeleteElement{slot.key, was}, core::AddElement{slot}});
    wanted.elements[slot.key] = slot.value;
    CHECK(observe(nft, wanted) == wanted);
  });
}

TEST_CASE("a refused transaction changes nothing and names the change") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    const core::State wanted = edge();
    converge(nft, wanted);
    std::vector<core::Element> pods;
    core::Changes changes;
    for (std::uint8_t host = 1; host <= 5; ++host) {
      pods.push_back(element(Family::ipv4, EdgeSet::pods, {10, 0, 0, host}));
      changes.push_back(core::AddElement{pods.back()});
    }
    nft.apply(changes);
    nft.apply({core::DeleteElement{pods[2].key, {}}});

    changes = {core::AddElement{element(Family::ipv4, EdgeSet::pods, {10, 0, 0, 9})}};
    for (const core::Element& pod : pods) changes.push_back(core::DeleteElement{pod.key, {}});
    const std::string message = message_of([&] { nft.apply(changes); });
    INFO(message);
    CHECK(contains(message, "10.0.0.3"));
    CHECK_FALSE(contains(message, "10.0.0.2"));
    CHECK(contains(message, "No such file or directory"));
    CHECK(observe(nft, wanted).elements.size() == wanted.elements.size() + 4);
  });
}

TEST_CASE("the rule that the kernel refuses is named") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    Chain chain;
    chain.name = "some";
    chain.rules = {Rule{{Verdict{Verdict::Code::accept, ""}}, "", ""},
                   Rule{{InSet{{Field::daddr}, "missing", true}}, "", ""}};
    const std::string message = message_of([&] {
      nft.apply({core::AddTable{Family::ipv4, "pona-edge"},
                 core::AddChain{Family::ipv4, "some", std::nullopt},
                 core::ReplaceRules{Family::ipv4, chain}});
    });
    INFO(message);
    CHECK(contains(message, "add rule ip pona-edge some ip daddr @missing"));
  });
}

}  // namespace unit::tables_test
