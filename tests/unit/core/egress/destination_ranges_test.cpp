#include "core/egress/destination_ranges.hpp"

#include <optional>
#include <random>
#include <string>

#include "core/egress/plan_client.hpp"
#include "support/catch.hpp"

namespace unit::destination_ranges_test {

using namespace core;

namespace {

Prefix prefix(const std::string& text) { return *Prefix::parse(text); }

Egress egress(const std::vector<std::string>& destinations,
              const std::vector<std::string>& excluded = {}) {
  Egress result;
  for (const auto& text : destinations) result.destinations.push_back(prefix(text));
  for (const auto& text : excluded) result.excluded.push_back(prefix(text));
  return result;
}

std::string text(const std::vector<AddressRange>& ranges) {
  std::string text;
  for (const AddressRange& range : ranges) {
    text += (text.empty() ? "" : ", ") + to_string(range.first) + "-" + to_string(range.last);
  }
  return text;
}

std::string ranges(const Egress& egress) {
  return text(destination_ranges(egress, private_ranges()));
}

bool leads_to(const std::vector<AddressRange>& ranges, const Address& address) {
  return std::ranges::any_of(ranges, [&](const AddressRange& range) {
    return range.first.family() == address.family() && range.first <= address &&
           address <= range.last;
  });
}

}  // namespace

TEST_CASE("egress: destinations without exclusions, as ranges") {
  CHECK(ranges(egress({"203.0.113.0/24"})) == "203.0.113.0-203.0.113.255");
  CHECK(ranges(egress({"203.0.113.0/24"}, {"203.0.113.64/26"})) ==
        "203.0.113.0-203.0.113.63, 203.0.113.128-203.0.113.255");
  CHECK(ranges(egress({"203.0.113.0/24"}, {"203.0.113.0/26", "203.0.113.192/26"})) ==
        "203.0.113.64-203.0.113.191");
  // The longest prefix counts, and of one prefix the destination.
  CHECK(ranges(egress({"203.0.113.0/24", "198.51.100.7/32"}, {"198.51.100.0/24"})) ==
        "198.51.100.7-198.51.100.7, 203.0.113.0-203.0.113.255");
  CHECK(ranges(egress({"203.0.113.0/24"}, {"203.0.113.0/24"})) == "203.0.113.0-203.0.113.255");
  // What touches is one range.
  CHECK(ranges(egress({"203.0.112.0/24", "203.0.113.0/24", "203.0.113.0/25"})) ==
        "203.0.112.0-203.0.113.255");
  CHECK(ranges(egress({})).empty());
}

TEST_CASE("egress: a wide destination leaves the cluster's own ranges out") {
  const auto all = destination_ranges(egress({"0.0.0.0/0", "::/0"}), private_ranges());
  for (const char* const own : {"10.64.0.12", "169.254.169.254", "192.168.0.1", "172.31.255.255",
                                "100.64.0.1", "fd00:64::12", "fe80::1"}) {
    INFO(own);
    CHECK_FALSE(leads_to(all, *Address::parse(own)));
  }
  for (const char* const there : {"0.0.0.0", "255.255.255.255", "9.255.255.255", "11.0.0.0",
                                  "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1"}) {
    INFO(there);
    CHECK(leads_to(all, *Address::parse(there)));
  }
  // Unless a destination covers them.
  const auto some = destination_ranges(egress({"0.0.0.0/0", "10.64.0.0/24"}), private_ranges());
  CHECK(leads_to(some, *Address::parse("10.64.0.12")));
  CHECK_FALSE(leads_to(some, *Address::parse("10.65.0.12")));
  const auto whole = destination_ranges(egress({"10.0.0.0/8"}), private_ranges());
  CHECK(text(whole) == "10.0.0.0-10.255.255.255");
}

TEST_CASE("egress: ranges hold what the longest prefix says, for any prefixes") {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    Egress one;
    std::vector<Prefix> kept;
    for (std::vector<Prefix>* const list : {&one.destinations, &one.excluded, &kept}) {
      for (auto i = random() % 6; i > 0; --i) {
        // Of one /24, where they often touch and contain each other, or of its IPv6 twin.
        const bool ipv4 = random() % 2 == 0;
        const std::string host = std::to_string(random() % 100);
        const std::string length = std::to_string((ipv4 ? 24 : 120) + random() % 9);
        list->push_back(prefix((ipv4 ? "255.255.255." : "ffff::") + host + "/" + length).masked());
      }
    }
    const auto found = destination_ranges(one, kept);
    for (const char* const base : {"255.255.255.0", "ffff::"}) {
      for (int host = 0; host < 256; ++host) {
        const Address address = Address::parse(base)->plus(host);
        bool expected = false;
        int longest = -1;
        const auto look = [&](const std::vector<Prefix>& list, bool taken) {
          for (const Prefix& each : list) {
            if (!each.contains(address) || each.length <= longest) continue;
            longest = each.length;
            expected = taken;
          }
        };
        look(one.destinations, true);
        look(one.excluded, false);
        look(kept, false);
        INFO(to_string(address));
        REQUIRE(leads_to(found, address) == expected);
      }
    }
    for (std::size_t i = 1; i < found.size(); ++i) {
      if (found[i - 1].first.family() != found[i].first.family()) continue;
      REQUIRE(found[i - 1].last.plus(1) < found[i].first);
    }
  }
}

}  // namespace unit::destination_ranges_test
