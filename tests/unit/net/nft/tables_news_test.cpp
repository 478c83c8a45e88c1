// Whose a table is, what others did to it, and what counts.
#include "net/nft/tables.hpp"

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

namespace unit::tables_news_test {

using namespace unit::nft_tables;

TEST_CASE("an owned table survives others' flush and our end, and is adopted by who comes next") {
  in_namespace([] {
    const core::State wanted = edge();
    {
      net::Nft first(true, core::constants::edge_table);
      converge(first, wanted);
      if (!contains(output_of("nft list table ip pona-edge"), "flags owner")) {
        WARN("left out: this kernel has no owned tables that persist");
        return;
      }
      shell("nft flush ruleset");
      CHECK(observe(first, wanted) == wanted);

      net::Nft second(true, core::constants::edge_table);
      const std::string message = message_of([&] { observe(second, wanted); });
      INFO(message);
      CHECK(contains(message, "table ip pona-edge is owned by another process"));
      CHECK(contains(message, "unit"));  // the name of this process
      net::Nft reader(false, core::constants::edge_table);
      CHECK(observe(reader, wanted) == wanted);
      CHECK(contains(message_of([&] {
                       reader.apply({core::DeleteTable{Family::ipv4, "pona-edge"}});
                     }),
                     "owned by another process"));
    }
    net::Nft third(true, core::constants::edge_table);
    CHECK(observe(third, wanted) == wanted);
    shell("nft flush ruleset");
    CHECK(observe(third, wanted) == wanted);
  });
}

TEST_CASE("a table without owner can be removed by a tool that owns nothing") {
  in_namespace([] {
    const core::State wanted = edge();
    { converge(*std::make_unique<net::Nft>(true, core::constants::edge_table), wanted); }
    net::Nft tool(false, core::constants::edge_table);
    tool.apply(core::diff(observe(tool, wanted), core::State{}));
    CHECK(observe(tool, wanted).tables.empty());
    CHECK(output_of("nft list ruleset").empty());
  });
}

TEST_CASE("foreign objects in our table are seen and removed") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    const core::State wanted = edge();
    converge(nft, wanted);
    shell(
        "nft add rule ip pona-edge input tcp dport 22 drop;"
        // Of expressions that pona has no use for, and so does not know.
        "nft insert rule ip6 pona-edge input numgen random mod 2 0 accept;"
        "nft add set ip pona-edge foreign '{ type ether_addr; }';"
        "nft add chain ip6 pona-edge foreign '{ type filter hook input priority 0; policy drop; }';"
        "nft add element ip pona-edge pods '{ 10.9.9.9 }';"
        "nft delete element ip pona-edge services '{ 203.0.113.1 . udp . 80 }';"
        "nft add chain ip pona-edge forward '{ policy drop; }'");
    CHECK(nft.drain());
    const core::State found = observe(nft, wanted);
    const auto& chains = found.tables.at(Family::ipv4).chains;
    const auto input = std::find_if(chains.begin(), chains.end(),
                                    [](const Chain& chain) { return chain.name == "input"; });
    REQUIRE(input != chains.end());
    CHECK(contains(input->rules.back().foreign, "immediate"));
    converge(nft, wanted);
  });
}

TEST_CASE("only others' changes of our tables are news") {
  in_namespace([] {
    net::Nft nft(false, core::constants::edge_table);
    const core::State wanted = edge();
    converge(nft, wanted);
    CHECK_FALSE(nft.drain());
    CHECK_FALSE(readable(nft));

    nft.apply({core::AddElement{element(Family::ipv4, EdgeSet::pods, {10, 0, 0, 1})}});
    CHECK_FALSE(readable(nft));

    shell("nft add table ip other; nft add table inet pona-edge");
    CHECK(readable(nft));
    CHECK_FALSE(nft.drain());
    CHECK_FALSE(readable(nft));
    CHECK_FALSE(nft.take_meddler());

    shell("nft add element ip6 pona-edge pods '{ 2001:db8::77 }'");
    CHECK(readable(nft));
    CHECK(nft.drain());
    // 1.24: who it was, though it has ended.
    const auto meddler = nft.take_meddler();
    REQUIRE(meddler);
    CHECK(meddler->process == "nft");
    CHECK(meddler->pid != 0);
    CHECK_FALSE(nft.take_meddler());

    shell("nft flush ruleset");
    CHECK(nft.drain());
    CHECK(observe(nft, wanted).tables.empty());
    converge(nft, wanted);
  });
}

TEST_CASE("a large transaction is applied whole, and is no news") {
  in_namespace([] {
    net::Nft nft(true, core::constants::edge_table);
    core::State wanted = edge();
    converge(nft, wanted);
    core::Changes changes;
    // Sets in turn, as a planner meets them.
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      const auto high = static_cast<std::uint8_t>(i >> 8);
      const auto low = static_cast<std::uint8_t>(i);
      for (const SetId set : {EdgeSet::pods, EdgeSet::addresses}) {
        changes.push_back(core::AddElement{element(Family::ipv4, set, {10, 1, high, low})});
      }
    }
    nft.apply(changes);
    CHECK_FALSE(nft.drain());
    for (const core::Change& change : changes) {
      const core::Element& added = std::get<core::AddElement>(change).element;
      wanted.elements[added.key] = added.value;
    }
    CHECK(observe(nft, wanted) == wanted);

    changes.push_back(
        core::DeleteElement{element(Family::ipv4, EdgeSet::pods, {9, 9, 9, 9}).key, {}});
    const std::string message = message_of([&] { nft.apply(changes); });
    INFO(message);
    CHECK(contains(message, "9.9.9.9"));
    CHECK_FALSE(nft.drain());
  });
}

TEST_CASE("a mapped part of a key looks up what the map holds, and elements count") {
  in_namespace([] {
    shell("ip link set lo up");
    net::Nft nft(true, core::constants::edge_table);
    core::State wanted;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const bool ipv4 = family == Family::ipv4;
      std::vector<std::uint8_t> range = {127, 0, 0, 1};
      if (!ipv4) range = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
      std::vector<std::uint8_t> from = range;
      range.insert(range.end(), {17, 0, 0, 0, 0x13, 0x88, 0, 0});  // udp, 5000

      const core::nft::Table edge_table = core::edge_table(family, everything());
      Table table;
      table.family = family;
      table.name = edge_table.name;
      for (const Set& set : edge_table.sets) {
        for (const SetId id : {EdgeSet::ranges, EdgeSet::refused_source, EdgeSet::limit_ids}) {
          if (set.name == core::to_string(id)) table.sets.push_back(set);
        }
      }
      const SetId list = SetId(EdgeSet::allowed).instance(1);
      Set allowed = core::declaration_of(list);
      allowed.name = core::to_string(list);
      allowed.counter = true;
      table.sets.push_back(allowed);
      Set numbers;
      numbers.name = "pods";  // here: numbers of mappings by source
      numbers.key = {Type::mark, Type::address};
      numbers.counter = true;
      table.sets.push_back(numbers);

      const Mapped first_port{{Field::daddr, Field::l4proto, Field::dport}, "ranges"};
      const Mapped number{{Field::daddr, Field::l4proto, Field::dport}, "limit-ids"};
      Chain chain;
      chain.name = "input";
      chain.hook = Hook{Hook::Type::filter, Hook::At::input, 0};
      for (const InSet& statement : {
               InSet{{Field::daddr, Field::l4proto, first_port}, "refused-source", true},
               InSet{{number, Field::saddr}, "pods", true},
           }) {
        chain.rules.push_back(Rule{{statement}, "", ""});
      }
      chain.rules.front().statements.push_back(InSet{{Field::saddr}, allowed.name, true});
      table.chains = {chain};
      wanted.tables[family] = table;

      std::vector<std::uint8_t> numbered = {42, 0, 0, 0};
      numbered.insert(numbered.end(), from.begin(), from.end());
      for (const core::Element& one :
           {element(family, EdgeSet::ranges, range, {0x13, 0x92}, {0x13, 0x88}),  // 5000-5010
            element(family, EdgeSet::limit_ids, range, {0x13, 0x92}, {42, 0, 0, 0}),
            element(family, EdgeSet::refused_source, range), element(family, list, from, from),
            element(family, EdgeSet::pods, numbered)}) {
        wanted.elements[one.key] = one.value;
      }
    }
    nft.apply(core::diff(core::State{}, wanted));
    CHECK(observe(nft, wanted) == wanted);

    // Three in the range, one beyond.
    shell(
        "bash -c 'for port in 5000 5004 5010 5011; do"
        " echo x > /dev/udp/127.0.0.1/$port; echo x > /dev/udp/::1/$port; done'");
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      for (const SetId set : {SetId(EdgeSet::refused_source), SetId(EdgeSet::allowed).instance(1),
                              SetId(EdgeSet::pods)}) {
        const core::Counts counts = nft.counts(family, {set});
        REQUIRE(counts.size() == 1);
        INFO(core::to_string(family) << ' ' << core::to_string(set));
        CHECK(counts.begin()->second.packets == 3);
        CHECK(counts.begin()->second.bytes == 3 * (family == Family::ipv4 ? 30 : 50));
      }
    }
  });
}

}  // namespace unit::tables_news_test
