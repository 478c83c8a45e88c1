#include "net/foreign/foreign_rules.hpp"

#include <cstdlib>

#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::foreign_rules_test {

using net::foreign::ForeignRules;
using net::foreign::Way;
using net::test::in_namespace;
using net::test::shell;

namespace {

// From clients by ext2 to a pod behind "cluster".
Way way() {
  return {{core::Protocol::tcp, *core::Address::parse("203.0.113.5"), 80,
           *core::Address::parse("10.1.0.11"), 8080, "ext2"},
          7,
          9,
          "cluster"};
}

Way way6() {
  return {{core::Protocol::udp, *core::Address::parse("2001:db8:2::5"), 53,
           *core::Address::parse("fd00:1::11"), 5353, "ext2"},
          7,
          9,
          "cluster"};
}

std::vector<core::Obstacle> obstacles(std::vector<Way> ways = {way()}) {
  return ForeignRules("pona-edge").look(ways);
}

void nft(const std::string& rules) { shell("nft -f - <<'RULES'\n" + rules + "\nRULES"); }

void forward(const std::string& rules) {
  nft("table inet mine\ndelete table inet mine\n"
      "table inet mine {\n chain forward {\n type filter hook forward priority 0; policy drop;\n" +
      rules + "\n}\n}");
}

// COMMAND-restore with these rules of FORWARD, whose policy is DROP.
void iptables(const std::string& command, const std::string& rules) {
  shell(command + "-restore <<'RULES'\n*filter\n:FORWARD DROP [0:0]\n:OTHER - [0:0]\n" + rules +
        "\nCOMMIT\nRULES");
}

bool has(const char* command) {
  return std::system((std::string(command) + " -S >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace

TEST_CASE("what lets a flow pass, or might, is no obstacle") {
  const char* const rules =
      GENERATE("ct status dnat accept", "ct status & dnat == dnat accept", "accept",
               "ct state { new, established } accept", "ct state new,established,related accept",
               "iifname \"ext*\" accept; ct state established accept",
               "iifname ext2 oifname cluster accept; oifname ext2 accept",
               "ip daddr 10.1.0.0/16 accept; ip saddr 10.1.0.0/16 accept",
               "ip daddr . tcp dport { 10.1.0.11 . 8080 } accept; ct state established accept",
               "tcp dport { 22, 8000-9000 } accept; ct state established accept",
               "ct state vmap { new : accept, established : accept }",
               // Depend on the client, or are not understood.
               "ip saddr 198.51.100.0/24 accept; ct state established accept",
               "meta mark & 0x4000 == 0x4000 accept; ct state established accept",
               "fib daddr type unicast accept; ct state established accept",
               "limit rate 1000/second accept; ct state established accept");
  INFO(rules);
  in_namespace([&] {
    forward(rules);
    CHECK(obstacles().empty());
  });
}

TEST_CASE("what lets no packet of a flow pass is an obstacle") {
  const char* const rules = GENERATE(
      "", "ct state established,related accept", "iifname ext1 accept; ct state established accept",
      "ip daddr 10.9.0.0/16 accept; ct state established accept",
      "ip daddr . tcp dport { 10.1.0.12 . 8080 } accept; ct state established accept",
      "tcp dport { 22, 443, 9000-9100 } accept; ct state established accept",
      "udp dport 8080 accept; ct state established accept",
      "ip6 daddr ::/0 accept; ct state established accept",
      "ct state vmap { established : accept, related : accept, invalid : drop }",
      "iifname != { ext2, ext1 } accept; ct state established accept", "ct direction reply accept");
  INFO(rules);
  in_namespace([&] {
    forward(rules);
    const auto found = obstacles();
    REQUIRE_FALSE(found.empty());
    CHECK_FALSE(found[0].reply);
    CHECK(found[0].chain == "chain forward of table inet mine");
    CHECK(found[0].effect ==
          "drops mapped traffic: its policy is drop, and no rule of it accepts such packets");
    CHECK(found[0].remedy ==
          "let it pass with: nft insert rule inet mine forward ct status dnat accept");
    // Its own advice is good.
    shell("nft insert rule inet mine forward ct status dnat accept");
    CHECK(obstacles().empty());
  });
}

TEST_CASE("answers have to pass, too") {
  in_namespace([] {
    forward("ct state new accept");
    const auto found = obstacles();
    REQUIRE(found.size() == 1);
    CHECK(found[0].reply);
  });
}

TEST_CASE("a rule that drops is an obstacle, in chains that are jumped to and before translation") {
  in_namespace([] {
    nft(R"(table inet mine {
      chain zone { ct state established accept; reject with icmpx admin-prohibited; }
      chain forward {
        type filter hook forward priority 10
        iifname vmap { "ext1" : accept, "ext2" : jump zone }
      }
    })");
    auto found = obstacles();
    REQUIRE(found.size() == 1);
    CHECK(found[0].effect == "drops mapped traffic: a rule of it drops such packets");
    nft(R"(delete table inet mine
    table ip early {
      chain first {
        type filter hook prerouting priority -300
        ip daddr 203.0.113.5 tcp dport 80 drop
      }
    })");
    found = obstacles();
    REQUIRE(found.size() == 1);
    CHECK(found[0].remedy ==
          "let it pass with: nft insert rule ip early first ip daddr 203.0.113.5 tcp dport 80 "
          "accept");
  });
}

TEST_CASE("tables of ours, of the other family and of other hooks are in nobody's way") {
  in_namespace([] {
    nft(R"(table ip pona-edge { chain forward { type filter hook forward priority 0; policy drop; }; }
    table ip6 six { chain forward { type filter hook forward priority 0; policy drop; }; }
    table inet host { chain input { type filter hook input priority 0; policy drop; }; })");
    CHECK(obstacles().empty());
    const auto found = obstacles({way(), way6()});
    REQUIRE(found.size() == 2);
    CHECK(found[0].flow == 1);
    CHECK(found[0].chain == "chain forward of table ip6 six");
  });
}

TEST_CASE("iptables of both kinds: matches, jumps and Docker's own chain") {
  const std::string command = GENERATE("iptables-nft", "iptables-legacy");
  INFO(command);
  in_namespace([&] {
    if (!has(command.c_str())) {
      WARN("left out: there is no " << command);
      return;
    }
    const std::string established =
        "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n";
    for (const char* const rules :
         {"-A FORWARD -j ACCEPT", "-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT",
          "-A FORWARD -m state --state NEW,ESTABLISHED -j ACCEPT",
          "-A FORWARD -d 10.1.0.0/16 -j ACCEPT\n-A FORWARD -s 10.1.0.0/16 -j ACCEPT",
          "-A FORWARD -i ext+ -j OTHER\n-A FORWARD -o ext2 -j ACCEPT\n"
          "-A OTHER -p tcp -m tcp --dport 8080 -j ACCEPT",
          "-A FORWARD -m addrtype --dst-type UNICAST -j ACCEPT"}) {
      INFO(rules);
      iptables(command, rules);
      CHECK(obstacles().empty());
    }
    for (const std::string& rules :
         {std::string(), established,
          established + "-A FORWARD -i docker0 -j ACCEPT\n-A FORWARD ! -i ext2 -j ACCEPT",
          established +
              "-A FORWARD -g OTHER\n-A FORWARD -j ACCEPT\n-A OTHER -d 10.9.0.0/16 -j ACCEPT",
          established + "-A FORWARD -j OTHER\n-A OTHER -j RETURN\n-A OTHER -j ACCEPT",
          established +
              "-A FORWARD -p udp -j ACCEPT\n-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT",
          established + "-A FORWARD -j REJECT\n-A FORWARD -j ACCEPT",
          established + "-A FORWARD -m conntrack ! --ctstate DNAT -j ACCEPT"}) {
      INFO(rules);
      iptables(command, rules);
      const auto found = obstacles();
      REQUIRE_FALSE(found.empty());
      CHECK_FALSE(found[0].reply);
      CHECK(found[0].remedy.ends_with(" -I FORWARD -m conntrack --ctstate DNAT -j ACCEPT"));
    }
    iptables(command, ":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER");
    REQUIRE_FALSE(obstacles().empty());
    CHECK(obstacles()[0].remedy.ends_with(" -I DOCKER-USER -m conntrack --ctstate DNAT -j ACCEPT"));
  });
}

TEST_CASE("legacy tables that are not there are not made by looking") {
  in_namespace([] {
    if (!has("iptables-legacy -t nat")) return;
    // That was the table nat.
    CHECK(obstacles().empty());
    CHECK(std::system("grep -q filter /proc/thread-self/net/ip_tables_names") != 0);
  });
}

TEST_CASE("who would translate a Service's address comes too late, if it is for this one") {
  const std::string command = GENERATE("iptables-nft", "iptables-legacy");
  in_namespace([&] {
    if (!has((command + " -t nat").c_str())) return;
    shell(command + R"(-restore <<'RULES'
*nat
:SERVICES - [0:0]
:WEB - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j SERVICES
-A SERVICES -d 10.1.0.11/32 -p tcp -m tcp --dport 8080 -j WEB
-A WEB -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.9.0.1:80
-A WEB -p tcp -j DNAT --to-destination 10.9.0.2:80
COMMIT
RULES)");
    Way service = way();
    CHECK(obstacles({service}).empty());
    service.flow.service = true;
    REQUIRE(obstacles({service}).size() == 1);
    CHECK(obstacles({service})[0].effect.starts_with("would translate the Service's cluster IP"));
    service.flow.endpoint_port = 8081;
    CHECK(obstacles({service}).empty());
  });
}

TEST_CASE("changes are seen, and a great many rules are not gone through") {
  in_namespace([] {
    ForeignRules rules("pona-edge");
    CHECK(rules.look({way()}).empty());
    forward("ct state established accept");
    CHECK(rules.look({way()}).size() == 1);
    shell("nft delete table inet mine");
    CHECK(rules.look({way()}).empty());
    // What lies behind so many rules is not known.
    shell(
        "(echo 'table inet mine { chain forward { type filter hook forward priority 0; policy "
        "drop;'; for i in $(seq 25000); do echo 'ip saddr 192.0.2.1 iifname docker0 accept'; done;"
        " echo '}; }') | nft -f -");
    CHECK(rules.look({way()}).empty());
  });
}

}  // namespace unit::foreign_rules_test
