#include "core/egress/client_rules.hpp"

#include <algorithm>
#include <random>
#include <string>

#include "core/constants.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"

namespace unit::client_rules_test {

using namespace core;

namespace {

Prefix prefix(const std::string& text) { return *Prefix::parse(text); }

Route route(const std::string& destination, Route::Type type, std::uint32_t metric) {
  return {.table = constants::egress_table,
          .destination = prefix(destination),
          .metric = metric,
          .type = type};
}

std::vector<std::string> texts(const std::set<Route>& routes, Family family) {
  std::vector<std::string> result;
  for (const AddressRange& range : closed_ranges(routes, family)) {
    result.push_back(to_string(range.first) + "-" + to_string(range.last));
  }
  return result;
}

std::vector<std::string> chain(Family family, const ClientRulesInput& input,
                               const std::string& name) {
  std::vector<std::string> lines;
  for (const nft::Chain& chain : client_table(family, input).chains) {
    if (chain.name != name) continue;
    for (const nft::Rule& rule : chain.rules) lines.push_back(to_text(rule, family));
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("closed ranges: all addresses, but for what stays on the link") {
  CHECK(
      texts({route("0.0.0.0/0", Route::Type::unicast, 100)}, Family::ipv4) ==
      Lines{"0.0.0.0-169.253.255.255", "169.255.0.0-223.255.255.255", "240.0.0.0-255.255.255.254"});
  CHECK(texts({route("::/0", Route::Type::unreachable, 9000)}, Family::ipv6) ==
        Lines{"::-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
              "fec0::-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"});
  CHECK(texts({route("ff00::/8", Route::Type::unreachable, 9000)}, Family::ipv6) ==
        Lines{"ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"});
  CHECK(texts({}, Family::ipv4).empty());
  // Of another family, and of another table.
  Route peer = route("203.0.113.0/24", Route::Type::unicast, 0);
  peer.table = constants::peers_table;
  CHECK(texts({route("::/0", Route::Type::unicast, 100), peer}, Family::ipv4).empty());
}

// The longest prefix decides, and of one prefix's routes the least metric.
TEST_CASE("closed ranges: an address is in one just when its route closes it") {
  std::mt19937 chance(GENERATE(range(1U, 40U)));
  const auto below = [&](std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(chance);
  };
  std::set<Route> routes;
  for (int i = 0; i < 12; ++i) {
    const auto length = static_cast<std::uint8_t>(24 + below(9));
    const Prefix random{prefix("203.0.113.0/24").address.plus(below(256)), length};
    const bool open = below(3) == 0;
    routes.insert({.table = constants::egress_table,
                   .destination = random.masked(),
                   .metric = open ? constants::throw_metric : (below(2) == 0 ? 100U : 9000U),
                   .type = open ? Route::Type::throw_ : Route::Type::unreachable});
  }
  const std::vector<AddressRange> ranges = closed_ranges(routes, Family::ipv4);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    CHECK(ranges[i - 1].last.plus(1) < ranges[i].first);  // else they were one
  }
  for (int number = -2; number < 258; ++number) {
    const Address address = prefix("203.0.113.0/24").address.plus(number);
    const Route* best = nullptr;
    for (const Route& each : routes) {
      if (!each.destination.contains(address)) continue;
      const bool better =
          best == nullptr || each.destination.length > best->destination.length ||
          (each.destination.length == best->destination.length && each.metric < best->metric);
      if (better) best = &each;
    }
    const bool inside = std::ranges::any_of(ranges, [&](const AddressRange& range) {
      return range.first <= address && address <= range.last;
    });
    INFO(to_string(address));
    CHECK(inside == (best != nullptr && best->type != Route::Type::throw_));
  }
}

TEST_CASE("client rules: what is no tunnel and no reply does not leave for what is closed") {
  CHECK(chain(Family::ipv4, {}, "output") ==
        Lines{"oifgroup 11217 accept", "oif \"lo\" accept",
              "meta mark & 0x80000000 . ip daddr @closed reject with tcp reset comment "
              "\"by a tunnel, or not at all\"",
              "meta mark & 0x80000000 . ip daddr @closed reject with icmp host-unreachable comment "
              "\"likewise\""});
  CHECK(chain(Family::ipv6, {}, "output")[2] ==
        "meta l4proto ipv6-icmp ct state untracked accept comment \"neighbour discovery\"");
  CHECK(chain(Family::ipv4, {}, "inbound")[2] ==
        "ct direction original meta mark & 0x80000000 . ip saddr @closed ct mark set ct mark | "
        "0x80000000 meta mark set meta mark | 0x80000000");
  CHECK(chain(Family::ipv4, {}, "replies") ==
        Lines{"ct direction reply ct mark & 0x80000000 == 0x80000000 meta mark set meta mark | "
              "0x80000000 accept comment \"back the way it came\"",
              "meta mark & 0x80000000 == 0x80000000 meta mark set meta mark & 0x7fffffff comment "
              "\"nobody else has this mark\""});
}

TEST_CASE("client rules: tunnel packets are not tracked, and taken from NAT pods where told so") {
  CHECK(chain(Family::ipv4, {}, "input").empty());
  CHECK(chain(Family::ipv4, {}, "untracked-in").empty());
  const ClientRulesInput both{{4790, 5555}, 4790};
  CHECK(chain(Family::ipv6, both, "input") ==
        Lines{"udp dport 4790 ip6 saddr != @gateways drop comment \"nobody but NAT pods\""});
  CHECK(chain(Family::ipv4, both, "untracked-in") ==
        Lines{"udp dport 4790 ip saddr @gateways notrack",
              "udp dport 5555 ip saddr @gateways notrack"});
  CHECK(chain(Family::ipv4, both, "untracked-out")[0] ==
        "udp dport 4790 ip daddr @gateways notrack");
}

TEST_CASE("client rules: what ICMP says of FoU's packets reaches no device, but for sizes") {
  const std::string about_tunnel =
      " @th,136,8 17 @th,240,16 5555 @th,192,32 @gateways drop comment \"the tunnel would tell "
      "others\"";
  CHECK(chain(Family::ipv4, {{4790, 5555}, 0}, "input") ==
        Lines{"meta l4proto icmp @th,0,8 3 @th,8,8 != 4" + about_tunnel,
              "meta l4proto icmp @th,0,8 11" + about_tunnel});
}

}  // namespace unit::client_rules_test
