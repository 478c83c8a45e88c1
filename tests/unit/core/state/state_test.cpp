#include "core/state/state.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <unordered_set>

#include "core/edge/edge_rules.hpp"
#include "core/egress/client_rules.hpp"
#include "core/egress/nat_rules.hpp"
#include "core/state/set_shape.hpp"
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
  key.set = SetId::slots;
  key.key.append(bytes);
  return key;
}

}  // namespace

TEST_CASE("every set has a name of its own that finds it") {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(SetId::count_); ++i) {
    const auto id = static_cast<SetId>(i);
    const std::string_view name = to_string(id);
    CHECK(names.insert(name).second);
    CHECK(parse_set(name) == id);
    for (const char c : name) CHECK((std::islower(static_cast<unsigned char>(c)) || c == '-'));
  }
  CHECK(to_string(SetId::range_services) == "range-services");
  CHECK(to_string(SetId::refused_connections) == "refused-connections");
  CHECK(to_string(SetId::departing) == "departing");
  CHECK(to_string(SetId::snat_interfaces) == "snat-interfaces");
  CHECK_FALSE(parse_set("snat"));
  CHECK_FALSE(parse_set("range_services"));
  CHECK_FALSE(parse_set(""));
}

TEST_CASE("the planner declares the sets in the shapes that elements have") {
  const nft::Table tables[] = {edge_table(Family::ipv4, {}), nat_table(Family::ipv4, {}),
                               client_table(Family::ipv4, 4790)};
  for (int i = 0; i < static_cast<int>(SetId::count_); ++i) {
    const auto id = static_cast<SetId>(i);
    INFO(to_string(id));
    const nft::Set* found = nullptr;
    for (const nft::Table& table : tables) {
      for (const nft::Set& set : table.sets) {
        if (set.name == to_string(id)) found = &set;
      }
    }
    REQUIRE(found != nullptr);
    CHECK(found->key == shape_of(id).key);
    CHECK(found->data == shape_of(id).data);
  }
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
  other.set = SetId::range_slots;
  CHECK(key != other);
  CHECK(ElementKeyHash()(key) != ElementKeyHash()(other));
  other = key;
  other.end.append(std::array<std::uint8_t, 2>{1, 2});
  CHECK(key != other);
  CHECK(ElementKeyHash()(key) != ElementKeyHash()(other));
}

}  // namespace unit::state_test
