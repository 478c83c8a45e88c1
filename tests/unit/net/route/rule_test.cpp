#include "net/route/rule.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "core/constants.hpp"
#include "support/catch.hpp"
#include "unit/net/bytes.hpp"
#include "unit/net/namespace.hpp"

namespace unit::rule_test {

using core::Family;
using core::PolicyRule;
using net::test::first_message;
using net::test::from_hex;
using net::test::in_namespace;
using net::test::shell;

namespace {

constexpr std::uint32_t table = core::constants::edge_route_table_base + 1;

const core::Scope edge = core::edge_scope();

std::vector<PolicyRule> examples() {
  std::vector<PolicyRule> rules;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    rules.push_back({family, 1121, 0x200000, 0x1fe00000, table, false});
    rules.push_back({family, 1120, 0x200000, 0x1fe00000, RT_TABLE_MAIN, true});
  }
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    PolicyRule inverted{family, 1121, 0x400000, 0x1fe00000, table, false};
    inverted.inverted = true;
    rules.push_back(inverted);
  }
  return rules;
}

}  // namespace

TEST_CASE("a rule is read as the kernel sent it") {
  // ip rule add pref 1121 fwmark 0x200000/0x1fe00000 lookup 11201 protocol 112
  const auto plain = from_hex(
      "4c00000020000200000000000000000002000000fc0000010000000008000f00c12b000008000e00ffffffff"
      "0500150070000000080006006104000008000a0000002000080010000000e01f");
  CHECK(net::decode_rule(first_message(plain), edge) == examples()[0]);
  // ip rule add pref 1120 fwmark … lookup main suppress_prefixlength 0 protocol 112
  const auto suppressing = from_hex(
      "4c00000020000200000000000000000002000000fe0000010000000008000f00fe00000008000e0000000000"
      "0500150070000000080006006004000008000a0000002000080010000000e01f");
  CHECK(net::decode_rule(first_message(suppressing), edge) == examples()[1]);
}

TEST_CASE("a rule of somebody else is none of ours") {
  // ip rule add pref 77 lookup 5, and the kernel's own for table main
  for (const char* hex :
       {"3c00000020000200000000000000000002000000050000010000000008000f000500000008000e00ffffffff"
        "0500150000000000080006004d000000",
        "3c00000020000200000000000000000002000000fe0000010000000008000f00fe00000008000e00ffffffff"
        "050015000200000008000600fe7f0000"}) {
    const auto bytes = from_hex(hex);
    CHECK_FALSE(net::decode_rule(first_message(bytes), edge));
  }
}

TEST_CASE("a kernel that knows no protocol of rules is told by priority, mask and table") {
  // As above, recorded, without FRA_PROTOCOL.
  auto bytes = from_hex(
      "4400000020000200000000000000000002000000fc0000010000000008000f00c12b000008000e00ffffffff"
      "080006006104000008000a0000002000080010000000e01f");
  CHECK(net::decode_rule(first_message(bytes), edge) == examples()[0]);
  SECTION("another priority") { bytes[48] = 0x63; }
  SECTION("another table") { bytes[33] = 0x2c; }
  SECTION("no mask") { bytes[66] = bytes[67] = 0; }
  CHECK_FALSE(net::decode_rule(first_message(bytes), edge));
}

TEST_CASE("what is written of a rule is what is read") {
  for (const PolicyRule& rule : examples()) {
    CHECK(net::decode_rule(net::view_of(*net::encode_add_rule(rule)), edge) == rule);
    CHECK(net::decode_rule(net::view_of(*net::encode_delete_rule(rule)), edge) == rule);
  }
}

TEST_CASE("rules come and go, and doing it twice is no error") {
  in_namespace([] {
    net::RequestSocket socket(NETLINK_ROUTE);
    CHECK(net::read_rules(socket, edge).empty());
    std::set<PolicyRule> wanted;
    for (const PolicyRule& rule : examples()) {
      CHECK(to_string(net::add_rule(socket, rule)) == "Success");
      CHECK(net::add_rule(socket, rule).ok());
      wanted.insert(rule);
    }
    CHECK(net::read_rules(socket, edge) == wanted);
    for (const PolicyRule& rule : wanted) {
      CHECK(net::delete_rule(socket, rule).ok());
      CHECK(net::delete_rule(socket, rule).ok());
    }
    CHECK(net::read_rules(socket, edge).empty());
  });
}

TEST_CASE("a rule that somebody else made alike stays") {
  in_namespace([] {
    shell(
        "ip rule add pref 1121 fwmark 0x200000/0x1fe00000 lookup 11201;"
        "ip rule add pref 1900 lookup 117 protocol 112");
    net::RequestSocket socket(NETLINK_ROUTE);
    CHECK(net::read_rules(socket, edge).empty());
    CHECK(net::add_rule(socket, examples()[0]).ok());
    CHECK(net::read_rules(socket, edge) == std::set<PolicyRule>{examples()[0]});
    CHECK(net::delete_rule(socket, examples()[0]).ok());
    CHECK(net::delete_rule(socket, examples()[0]).ok());
    shell("ip rule show pref 1121 | grep -q 'lookup 11201'");
  });
}

}  // namespace unit::rule_test
