#include "net/packet/live_ruleset.hpp"

#include <linux/netfilter/nf_tables.h>

#include "net/packet/read_ruleset.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::live_ruleset_test {

using namespace core::packet;
using Answer = Found::Answer;

void load(const std::string& rules) { net::test::shell("nft -f - <<'END'\n" + rules + "\nEND"); }

ChainId in_t(std::string name) { return {TableFamily::ip, "t", std::move(name)}; }

const char* const sets = R"(table ip t {
  set ranges {
    type ipv4_addr
    flags interval
    elements = { 10.0.0.0/8, 192.168.1.5-192.168.1.9 comment "five", 255.255.255.0/24 }
  }
  set timed {
    type ipv4_addr
    flags timeout
    elements = { 10.0.0.1 timeout 10ms, 10.0.0.2 timeout 1h, 10.0.0.3 }
  }
  map pairs {
    type ipv4_addr . inet_service : verdict
    flags interval
    elements = { 10.0.0.0/8 . 80-90 : accept, 10.1.0.0/16 . 443 : jump other }
  }
  map marks {
    type ipv4_addr : mark
    elements = { 10.0.0.1 : 1, * : 7 }
  }
  map counted {
    type ipv4_addr : counter
    elements = { 10.0.0.1 : "cnt" }
  }
  set limited {
    type ipv4_addr
    flags dynamic
    elements = { 10.0.0.1 limit rate 5/second }
  }
  counter cnt {
    packets 5 bytes 700
  }
  chain other {
    ip saddr { 1.1.1.1, 2.2.2.2 } accept comment "anonymous"
  }
  chain empty {
  }
  chain in {
    type filter hook input priority 5; policy drop
    counter jump other
  }
})";

void check_look_ups(Ruleset& ruleset) {
  const auto answer = [&](const char* set, Bytes key) { return ruleset.find(in_t(set), key); };
  for (const Bytes& key : {Bytes{10, 0, 0, 0}, Bytes{10, 255, 255, 255}, Bytes{192, 168, 1, 5},
                           Bytes{192, 168, 1, 9}, Bytes{255, 255, 255, 255}}) {
    CHECK(answer("ranges", key).answer == Answer::yes);
  }
  for (const Bytes& key : {Bytes{0, 0, 0, 0}, Bytes{9, 255, 255, 255}, Bytes{11, 0, 0, 0},
                           Bytes{192, 168, 1, 10}, Bytes{192, 168, 1, 4}}) {
    CHECK(answer("ranges", key).answer == Answer::no);
  }
  CHECK(answer("timed", {10, 0, 0, 1}).answer == Answer::no);
  CHECK(answer("timed", {10, 0, 0, 2}).answer == Answer::yes);
  CHECK(answer("timed", {10, 0, 0, 3}).answer == Answer::yes);
  CHECK(answer("pairs", {10, 0, 0, 1, 0, 85, 0, 0}).verdict == Verdict{Verdict::Code::accept, ""});
  CHECK(answer("pairs", {10, 1, 9, 9, 1, 187, 0, 0}).verdict ==
        Verdict{Verdict::Code::jump, "other"});
  CHECK(answer("pairs", {10, 2, 0, 0, 1, 187, 0, 0}).answer == Answer::no);
  CHECK(answer("marks", {10, 0, 0, 1}).data == Bytes{1, 0, 0, 0});
  CHECK(answer("marks", {10, 0, 0, 9}).data == Bytes{7, 0, 0, 0});
  CHECK(answer("counted", {10, 0, 0, 1}).object == "cnt");
  CHECK(answer("limited", {10, 0, 0, 1}).expressions ==
        std::vector<Expression>{Limit{5, 1, 5, false, false}});
  CHECK(answer("__set0", {1, 1, 1, 1}).answer == Answer::yes);
  CHECK(answer("__set0", {1, 1, 1, 2}).answer == Answer::no);
  CHECK(answer("nosuch", {1, 1, 1, 2}).answer == Answer::unknown);
}

void check_chains(Ruleset& ruleset) {
  REQUIRE(ruleset.base_chains().size() == 1);
  const BaseChain& base = ruleset.base_chains().front();
  CHECK(base.id == in_t("in"));
  CHECK(base.hook == Hook::input);
  CHECK(base.priority == 5);
  CHECK(base.drops);
  REQUIRE(ruleset.rules(base.id) != nullptr);
  CHECK(ruleset.rules(base.id)->front().expressions ==
        std::vector<Expression>{Counter{0, 0}, Verdict{Verdict::Code::jump, "other"}});
  REQUIRE(ruleset.rules(in_t("other")) != nullptr);
  CHECK(ruleset.rules(in_t("other"))->front().comment == "anonymous");
  REQUIRE(ruleset.rules(in_t("empty")) != nullptr);
  CHECK(ruleset.rules(in_t("empty"))->empty());
  CHECK(ruleset.rules(in_t("nosuch")) == nullptr);
  CHECK(ruleset.set(in_t("nosuch")) == nullptr);
  const Set* pairs = ruleset.set(in_t("pairs"));
  REQUIRE(pairs != nullptr);
  CHECK(pairs->field_lengths == std::vector<std::uint32_t>{4, 2});
  CHECK(pairs->data_type == NFT_DATA_VERDICT);
  CHECK(ruleset.object(in_t("cnt"), NFT_OBJECT_COUNTER) == Expression(Counter{5, 700}));
  CHECK(ruleset.object(in_t("nosuch"), NFT_OBJECT_COUNTER) == std::nullopt);
}

TEST_CASE("a ruleset of the kernel is read as far as somebody asks") {
  net::test::in_namespace([] {
    load(sets);
    net::test::shell("sleep 0.05");
    net::LiveRuleset live;
    CHECK(live.readable());
    check_chains(live);
    check_look_ups(live);
    CHECK(live.elements(in_t("ranges"), 2).size() == 2);
    CHECK_FALSE(live.changed());
    load("add table ip other");
    CHECK(live.changed());
  });
}

TEST_CASE("a ruleset of the kernel is read as a whole") {
  net::test::in_namespace([] {
    load(sets);
    net::test::shell("sleep 0.05");
    net::ReadRuleset whole;
    net::read_ruleset(whole);
    CHECK(whole.gaps.empty());
    check_chains(whole.ruleset);
    check_look_ups(whole.ruleset);
  });
}

TEST_CASE("of a whole ruleset that is too large it is said what is missing") {
  net::test::in_namespace([] {
    load(sets);
    net::ReadRuleset whole;
    net::read_ruleset(whole, {.chains = 1, .rules = 1, .sets = 2, .elements = 1});
    CHECK(whole.gaps.size() >= 3);
  });
}

TEST_CASE("devices, dormant tables and all families are told") {
  net::test::in_namespace([] {
    load(R"(table netdev n {
  chain c {
    type filter hook ingress device "lo" priority -1
  }
}
table bridge b {
  chain c {
    type filter hook forward priority 0
  }
}
table arp a {
  chain c {
    type filter hook output priority 0
  }
}
table inet asleep {
  flags dormant
  chain c {
    type filter hook input priority 0
  }
})");
    net::LiveRuleset live;
    const auto& chains = live.base_chains();
    REQUIRE(chains.size() == 3);
    CHECK(chains[0].id.family == TableFamily::bridge);
    CHECK(chains[0].hook == Hook::forward);
    CHECK(chains[1].id.family == TableFamily::arp);
    CHECK(chains[1].hook == Hook::output);
    CHECK(chains[2].hook == Hook::ingress);
    CHECK(chains[2].devices == std::vector<std::string>{"lo"});
  });
}

TEST_CASE("of equal priorities the newest chain is met first") {
  net::test::in_namespace([] {
    load("add table ip t\nadd chain ip t a { type filter hook output priority 0; }");
    load("add chain ip t b { type filter hook output priority 0; }");
    load("add table ip u\nadd chain ip u n { type nat hook output priority 50; }");
    net::LiveRuleset live;
    const auto& chains = live.base_chains();
    REQUIRE(chains.size() == 3);
    CHECK(chains[0].id.name == "n");
    CHECK(chains[1].id.name == "b");
    CHECK(chains[2].id.name == "a");
  });
}

}  // namespace unit::live_ruleset_test
