#include "net/nft/rules.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <set>

#include "core/edge/tables/edge_rules.hpp"
#include "core/egress/client_rules.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::rules_test {

using namespace core::nft;
using core::Family;

namespace {

Rule rule(std::vector<Statement> statements, std::string comment = "") {
  return {std::move(statements), std::move(comment), ""};
}

// Each differs from all others in one thing that the kernel treats otherwise.
std::vector<Rule> different_rules() {
  const Key daddr = {Field::daddr};
  const Key target = {Field::daddr, Field::l4proto, Field::dport};
  const Mapped first_port{{Field::daddr, Field::l4proto, Field::dport}, "ranges"};
  return {
      rule({}),
      rule({}, "a comment"),
      rule({}, "another comment"),
      rule({Match{Field::mark, 0xff, true, 1}}),
      rule({Match{Field::mark, 0xff, true, 2}}),
      rule({Match{Field::mark, 0xff, false, 1}}),
      rule({Match{Field::mark, 0xfff, true, 1}}),
      rule({Match{Field::mark, 0xffffffff, true, 1}}),
      rule({Match{Field::ct_mark, 0xff, true, 1}}),
      rule({Match{Field::ct_state, 0xff, true, 1}}),
      rule({Match{Field::l4proto, 0xffffffff, true, 6}}),
      rule({Match{Field::dport, 0xffffffff, true, 80}}),
      rule({Match{Field::sport, 0xffffffff, true, 80}}),
      rule({InSet{daddr, "one", true}}),
      rule({InSet{daddr, "one", false}}),
      rule({InSet{daddr, "other", true}}),
      rule({InSet{{Field::saddr}, "one", true}}),
      rule({InSet{{Masked{Field::ct_mark, 0xf}, Field::oifname}, "one", true}}),
      rule({InSet{{Masked{Field::ct_mark, 0x7}, Field::oifname}, "one", true}}),
      rule({VerdictMap{daddr, "one"}}),
      rule({VerdictMap{target, "one"}}),
      rule({VerdictMap{{Field::daddr, Field::l4proto, first_port}, "one"}}),
      rule({SetMark{SetMark::Of::packet, ~0xffU, 1}}),
      rule({SetMark{SetMark::Of::connection, ~0xffU, 1}}),
      rule({SetMark{SetMark::Of::packet, 0, 1}}),
      rule({SetMark{SetMark::Of::packet, ~0xffU, 2}}),
      rule({Nat{Nat::Kind::destination, daddr, "map", true, std::nullopt}}),
      rule({Nat{Nat::Kind::destination, daddr, "map", false, std::nullopt}}),
      rule({Nat{Nat::Kind::source, daddr, "map", false, std::nullopt}}),
      rule({Nat{Nat::Kind::destination, daddr, "map", false, std::pair{target, "ports"}}}),
      rule({Nat{Nat::Kind::destination, {Hash{{Field::saddr}, 16, 1}}, "map", true, std::nullopt}}),
      rule({Nat{Nat::Kind::destination, {Hash{{Field::saddr}, 64, 1}}, "map", true, std::nullopt}}),
      rule({Nat{Nat::Kind::destination, {Hash{{Field::saddr}, 16, 2}}, "map", true, std::nullopt}}),
      rule({Nat{Nat::Kind::destination,
                {Hash{{Field::saddr, Field::sport}, 16, 1}},
                "map",
                true,
                std::nullopt}}),
      rule({Masquerade{}}),
      rule({Redirect{}}),
      rule({Untrack{}}),
      rule({Reject{true}}),
      rule({Reject{false}}),
      rule({Reject{.unreachable = true}}),
      rule({Match{Field::iif, 0xffffffff, true, 1}}),
      rule({Match{Field::oif, 0xffffffff, true, 1}}),
      rule({Match{Field::oifgroup, 0xffffffff, true, 1}}),
      rule({ClampMss{}}),
      rule({ClampMss{1400}}),
      rule({ClampMss{1440}}),
      rule({ClampMss{0, 1400}}),
      rule({ClampMss{0, 1440}}),
      rule({OverLimit{OverLimit::Of::connections, daddr, "set", 10}}),
      rule({OverLimit{OverLimit::Of::connections, daddr, "set", 11}}),
      rule({OverLimit{OverLimit::Of::rate_per_second, daddr, "set", 10}}),
      rule({OverLimit{OverLimit::Of::rate_per_second, daddr, "set", 11}}),
      rule({Verdict{Verdict::Code::accept, ""}}),
      rule({Verdict{Verdict::Code::drop, ""}}),
      rule({Verdict{Verdict::Code::ret, ""}}),
      rule({Verdict{Verdict::Code::jump, "chain"}}),
      rule({Verdict{Verdict::Code::go_to, "chain"}}),
      rule({Verdict{Verdict::Code::go_to, "other"}}),
  };
}

}  // namespace

TEST_CASE("rules that differ have different fingerprints, in both families") {
  std::set<std::string> seen;
  std::size_t count = 0;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    for (const Rule& one : different_rules()) {
      const std::string print = net::fingerprint(one, family);
      CHECK(print == net::fingerprint(one, family));
      seen.insert(core::to_string(family).data() + print);
      ++count;
    }
  }
  CHECK(seen.size() == count);
}

TEST_CASE("all rules of the edge can be lowered and told apart within their chain") {
  core::EdgeRulesInput input;
  input.snat = true;
  input.any_address = true;
  input.masquerade = GENERATE(true, false);
  input.external = {{"eth1", 1}};
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Table table = core::edge_table(family, input);
    core::add_source_limit(table, {42, 100, 20}, true);
    for (const Chain& chain : table.chains) {
      std::set<std::string> seen;
      for (const Rule& one : chain.rules) seen.insert(net::fingerprint(one, family));
      CHECK(seen.size() == chain.rules.size());
    }
  }
}

TEST_CASE("all rules of a client can be lowered and told apart within their chain") {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    for (const Chain& chain : core::client_table(family, {{4790, 5555}, 4790}).chains) {
      std::set<std::string> seen;
      for (const Rule& one : chain.rules) seen.insert(net::fingerprint(one, family));
      CHECK(seen.size() == chain.rules.size());
    }
  }
}

TEST_CASE("the message of a rule names family, table and chain") {
  net::NetlinkWriter writer;
  net::write_rule(writer, 9, Family::ipv6, "table", "chain",
                  rule({Verdict{Verdict::Code::accept, ""}}, "why"));
  std::size_t count = 0;
  net::for_each_message(writer.bytes(), [&](const net::NetlinkMessage& message) {
    ++count;
    CHECK(message.sequence == 9);
    CHECK((message.flags & NLM_F_APPEND) != 0);
    REQUIRE(message.payload().size() > 4);
    CHECK(message.payload()[0] == 10);  // NFPROTO_IPV6
    const net::AttributeList attributes(message.payload(4));
    CHECK(attributes.find(NFTA_RULE_TABLE)->text() == "table");
    CHECK(attributes.find(NFTA_RULE_CHAIN)->text() == "chain");
    const auto read = net::read_rule(message);
    REQUIRE(read);
    CHECK(read->chain == "chain");
    CHECK(read->fingerprint.find("accept") != std::string::npos);
    CHECK(read->fingerprint.find("comment \"why\"") != std::string::npos);
  });
  CHECK(count == 1);
}

TEST_CASE("what has no lowering is refused with the reason") {
  const auto refused = [](Family family, Statement statement) {
    CHECK_THROWS_AS(net::fingerprint(rule({std::move(statement)}), family), core::Error);
  };
  refused(Family::ipv6, Match{Field::daddr, 0xffffffff, true, 1});
  refused(Family::ipv4, Match{Field::iifname, 0xffffffff, true, 1});
  refused(Family::ipv4, InSet{{}, "set", true});
  const Key four_addresses(4, Field::daddr);
  const Key five_addresses(5, Field::daddr);
  CHECK_NOTHROW(net::fingerprint(rule({InSet{four_addresses, "set", true}}), Family::ipv6));
  refused(Family::ipv6, InSet{five_addresses, "set", true});
}

TEST_CASE("whatever shape a foreign rule has, reading it ends no process") {
  net::NetlinkWriter writer;
  net::write_rule(
      writer, 7, Family::ipv4, "table", "chain",
      rule({Match{Field::mark, 0xff, true, 1}, Verdict{Verdict::Code::accept, ""}}, "why"));
  const std::vector<std::uint8_t> good(writer.bytes().begin(), writer.bytes().end());
  const auto read = [](const std::vector<std::uint8_t>& bytes) {
    std::string fingerprint;
    net::for_each_message(bytes, [&](const net::NetlinkMessage& message) {
      if (const auto found = net::read_rule(message)) fingerprint = found->fingerprint;
    });
    return fingerprint;
  };
  const std::string known = read(good);
  CHECK(known.find("accept") != std::string::npos);
  std::size_t foreign = 0;
  // Behind the message's own header.
  for (std::size_t at = 20; at < good.size(); ++at) {
    for (const int other : {0, 1, 4, 7, 9, 255, good[at] + 1, good[at] - 1}) {
      std::vector<std::uint8_t> bytes = good;
      bytes[at] = static_cast<std::uint8_t>(other);
      foreign += read(bytes) == "a rule that is not pona's" ? 1 : 0;
    }
  }
  CHECK(foreign > good.size());
}

}  // namespace unit::rules_test
