#include "core/state/state.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <unordered_set>

#include "core/edge/tables/edge_rules.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/egress/client_rules.hpp"
#include "core/egress/nat_rules.hpp"
#include "support/catch.hpp"

namespace unit::state_test {

using namespace core;

namespace {

ElementKey slot_key(std::uint32_t service, std::uint32_t slot) {
  std::array<std::uint8_t, 16> bytes = {203, 0, 113};
  bytes[3] = static_cast<std::uint8_t>(service >> 12 & 0xff);
  bytes[4] = 6;
  bytes[8] = static_cast<std::uint8_t>(service >> 4 & 0xff);
  bytes[9] = static_cast<std::uint8_t>(service << 4 & 0xff);
  bytes[12] = static_cast<std::uint8_t>(slot);
  ElementKey key;
  key.set = EdgeSet::slots;
  key.key.append(bytes);
  return key;
}

}  // namespace

TEST_CASE("every set has a name of its own that finds it") {
  std::set<std::string> names;
  for (const SetId id : all_sets()) {
    const std::string name = to_string(id);
    CHECK(names.insert(name).second);
    CHECK(parse_set(name) == id);
    for (const char c : name) CHECK((std::islower(static_cast<unsigned char>(c)) || c == '-'));
  }
  CHECK_FALSE(SetId(NatSet::peers).as<EdgeSet>());
  CHECK(SetId(NatSet::drops).as<NatSet>() == NatSet::drops);
  CHECK_FALSE(parse_set("snat"));
  CHECK_FALSE(parse_set("range_services"));
  CHECK_FALSE(parse_set(""));
}

TEST_CASE("sets of one declaration are told apart by a number in their names") {
  const SetId some = SetId(EdgeSet::allowed).instance(0x2a);
  CHECK(to_string(some) == "allowed-00002a");
  CHECK(parse_set("allowed-00002a") == some);
  CHECK(some.as<EdgeSet>() == EdgeSet::allowed);
  CHECK(some != SetId(EdgeSet::allowed));
  CHECK(some < SetId(EdgeSet::allowed).instance(0x12a));
  CHECK(&declaration_of(some) == &declaration_of(EdgeSet::allowed));
  for (const std::uint32_t instance : {1U, 0xffU, 0x100U, SetId::most_instances}) {
    CHECK(parse_set(to_string(some.instance(instance))) == some.instance(instance));
  }
  ElementKey one;
  one.set = some;
  ElementKey other;
  other.set = SetId(EdgeSet::allowed).instance(0x2b);
  CHECK(ElementKeyHash{}(one) != ElementKeyHash{}(other));
  for (const char* name : {"allowed-000000", "allowed-2a", "allowed-00002A", "allowed_00002a",
                           "-00002a", "allowed-", "nobody-00002a", "allowed-0x002a"}) {
    INFO(name);
    CHECK_FALSE(parse_set(name));
  }
}

TEST_CASE("a catalogue declares its sets in the order of its enum") {
  const std::pair<SetId, std::string_view> names[] = {
      {EdgeSet::ranges, "ranges"},
      {EdgeSet::services, "services"},
      {EdgeSet::range_services, "range-services"},
      {EdgeSet::guarded, "guarded"},
      {EdgeSet::range_guarded, "range-guarded"},
      {EdgeSet::altered, "altered"},
      {EdgeSet::range_altered, "range-altered"},
      {EdgeSet::slots, "slots"},
      {EdgeSet::range_slots, "range-slots"},
      {EdgeSet::range_ports, "range-ports"},
      {EdgeSet::allowed, "allowed"},
      {EdgeSet::refused_source, "refused-source"},
      {EdgeSet::refused_connections, "refused-connections"},
      {EdgeSet::refused_rate, "refused-rate"},
      {EdgeSet::limits, "limits"},
      {EdgeSet::limit_ids, "limit-ids"},
      {EdgeSet::traffic, "traffic"},
      {EdgeSet::range_traffic, "range-traffic"},
      {EdgeSet::endpoints, "endpoints"},
      {EdgeSet::range_endpoints, "range-endpoints"},
      {EdgeSet::pods, "pods"},
      {EdgeSet::addresses, "addresses"},
      {EdgeSet::external, "external"},
      {EdgeSet::returns, "returns"},
      {EdgeSet::departures, "departures"},
      {EdgeSet::departing, "departing"},
      {EdgeSet::snat, "snat-addresses"},
      {EdgeSet::snat_interfaces, "snat-interfaces"},
      {EdgeSet::mapped, "mapped"},
      {EdgeSet::masquerade_addresses, "masquerade-addresses"},
      {NatSet::peers, "peers"},
      {NatSet::clients, "clients"},
      {NatSet::replies, "replies"},
      {NatSet::opened, "opened"},
      {NatSet::drops, "drops"},
      {NatSet::egress_addresses, "egress-addresses"},
      {NatSet::destinations, "destinations"},
      {ClientSet::gateways, "gateways"},
      {ClientSet::closed, "closed"},
  };
  CHECK(std::size(names) == all_sets().size());
  for (const auto& [id, name] : names) CHECK(to_string(id) == name);
}

TEST_CASE("keys are as long as the kernel's registers want them") {
  using T = nft::Type;
  CHECK(nft::key_size({T::address}, Family::ipv4) == 4);
  CHECK(nft::key_size({T::address}, Family::ipv6) == 16);
  CHECK(nft::key_size({T::inet_service}, Family::ipv4) == 2);
  CHECK(nft::key_size({T::ct_dir, T::address, T::inet_proto, T::inet_service}, Family::ipv4) == 16);
  CHECK(nft::key_size({T::mark, T::ifname}, Family::ipv6) == 20);
  // The longest key must fit an ElementKey.
  CHECK(nft::key_size({T::address, T::inet_proto, T::inet_service, T::address}, Family::ipv6) ==
        sizeof(Bytes<40>::data));
}

TEST_CASE("the hash tells the keys of a large plan apart") {
  constexpr std::uint32_t services = 10000;
  constexpr std::uint32_t slots = 17;
  std::unordered_set<std::size_t> hashes;
  std::vector<std::uint32_t> buckets(1 << 16);
  for (std::uint32_t service = 0; service < services; ++service) {
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      const std::size_t hash = ElementKeyHash()(slot_key(service, slot));
      hashes.insert(hash);
      ++buckets[hash % buckets.size()];
    }
  }
  CHECK(hashes.size() == services * slots);
  // 2.6 on average; a random function's fullest bucket holds about 14.
  CHECK(*std::max_element(buckets.begin(), buckets.end()) < 24);
}

TEST_CASE("family, set and end are part of a key's identity and of its hash") {
  const ElementKey key = slot_key(1, 2);
  ElementKey other = key;
  other.family = Family::ipv6;
  CHECK(key != other);
  CHECK(ElementKeyHash()(key) != ElementKeyHash()(other));
  other = key;
  other.set = EdgeSet::range_slots;
  CHECK(key != other);
  CHECK(ElementKeyHash()(key) != ElementKeyHash()(other));
  other = key;
  other.end.append(std::array<std::uint8_t, 2>{1, 2});
  CHECK(key != other);
  CHECK(ElementKeyHash()(key) != ElementKeyHash()(other));
}

}  // namespace unit::state_test
