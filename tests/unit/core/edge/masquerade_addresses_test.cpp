#include <algorithm>
#include <string>

#include "core/edge/host_warnings.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/edge/tables/static_state.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"

namespace unit::masquerade_addresses_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

Host host_with(const std::vector<std::string>& addresses) {
  Interface one;
  one.name = "eth0";
  one.index = 3;
  one.up = true;
  for (const std::string& text : addresses) one.addresses.push_back(*Prefix::parse(text));
  Host host;
  host.interfaces["eth0"] = one;
  host.ipv6 = true;
  return host;
}

EdgeSettings with(const std::vector<std::string>& addresses) {
  EdgeSettings settings;
  for (const std::string& text : addresses) {
    settings.masquerade_addresses.push_back(address(text));
  }
  return settings;
}

// The rules of postrouting, in one.
std::string postrouting(const EdgeFrame& frame, Family family) {
  std::string text;
  for (const nft::Chain& chain : frame.state.tables.at(family).chains) {
    if (chain.name != "nat-postrouting") continue;
    for (const nft::Rule& rule : chain.rules) text += to_text(rule, family) + "\n";
  }
  return text;
}

std::vector<Element> sources(const EdgeFrame& frame, Family family) {
  std::vector<Element> found;
  for (const Element& element : frame.elements.at(family)) {
    if (element.key.set == EdgeSet::masquerade_addresses) found.push_back(element);
  }
  return found;
}

bool has_set(const EdgeFrame& frame, Family family) {
  return std::ranges::any_of(frame.state.tables.at(family).sets, [](const nft::Set& set) {
    return set.name == "masquerade-addresses";
  });
}

}  // namespace

TEST_CASE("4.7: clients are masqueraded to the addresses that are set and here") {
  const EdgeSettings settings = with({"10.1.0.8", "10.1.0.9", "2001:db8::9", "10.1.0.7"});
  const Host host = host_with({"10.1.0.1/24", "10.1.0.8/24", "10.1.0.9/24"});
  const EdgeFrame frame = make_edge_frame(host, settings, {});
  CHECK(postrouting(frame, Family::ipv4)
            .find("snat to jhash ip saddr . th sport mod 2 seed "
                  "0x706f7274 map @masquerade-addresses") != std::string::npos);
  CHECK(postrouting(frame, Family::ipv4).find("masquerade\n") == std::string::npos);
  const auto elements = sources(frame, Family::ipv4);
  REQUIRE(elements.size() == 2);
  CHECK(std::ranges::equal(elements[0].value.data.view(), address("10.1.0.8").bytes()));
  CHECK(std::ranges::equal(elements[1].value.data.view(), address("10.1.0.9").bytes()));
  // The other family has none here.
  CHECK(postrouting(frame, Family::ipv6).find("masquerade\n") != std::string::npos);
  CHECK(sources(frame, Family::ipv6).empty());
  CHECK(has_set(frame, Family::ipv4));
  CHECK_FALSE(has_set(frame, Family::ipv6));

  const auto warnings = masquerade_warnings(host, settings);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].starts_with("2001:db8::9 of --masquerade-addresses is not on this host"));
  CHECK(warnings[1].starts_with("10.1.0.7 "));
}

TEST_CASE("4.7: without such addresses nothing is other than it was") {
  const Host host = host_with({"10.1.0.1/24"});
  CHECK(make_edge_frame(host, with({"10.1.0.8"}), {}).state ==
        make_edge_frame(host, EdgeSettings{}, {}).state);
  CHECK(masquerade_warnings(host, EdgeSettings{}).empty());
}

}  // namespace unit::masquerade_addresses_test
