#include "core/edge/endpoint_slots.hpp"

#include <algorithm>
#include <map>

#include "support/catch.hpp"

namespace unit::endpoint_slots_test {

namespace {

using core::SlotLayout;

std::vector<std::string> endpoints(std::size_t count) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) +
                     ":8080");
  }
  return result;
}

std::vector<std::string> names(const std::vector<std::string>& identities,
                               const std::vector<std::uint16_t>& slots) {
  std::vector<std::string> result;
  for (const std::uint16_t index : slots) {
    result.push_back(identities[index]);
  }
  return result;
}

}  // namespace

TEST_CASE("the same endpoints in any order fill the same slots") {
  auto forwards = endpoints(7);
  auto backwards = forwards;
  std::reverse(backwards.begin(), backwards.end());
  CHECK(names(forwards, core::fill_slots(forwards, 64)) ==
        names(backwards, core::fill_slots(backwards, 64)));
}

TEST_CASE("shares differ by one slot at most, and by 5 % from fair at 256 slots") {
  for (std::size_t count = 1; count <= 64; ++count) {
    const auto slots = core::fill_slots(endpoints(count), 256);
    REQUIRE(slots.size() == 256);
    std::map<std::uint16_t, std::size_t> shares;
    for (const std::uint16_t index : slots) {
      ++shares[index];
    }
    REQUIRE(shares.size() == count);
    const auto [least, most] =
        std::minmax_element(shares.begin(), shares.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; });
    CHECK(most->second - least->second <= 1);
    if (count <= 12) {  // beyond, one slot is more than 5 %
      const double fair = 256.0 / static_cast<double>(count);
      CHECK(static_cast<double>(most->second) <= fair * 1.05);
      CHECK(static_cast<double>(least->second) >= fair * 0.95);
    }
  }
}

TEST_CASE("an endpoint that leaves moves little more than its own share") {
  for (const std::size_t count : {2U, 3U, 4U, 8U, 12U}) {
    auto before = endpoints(count);
    const auto slots_before = names(before, core::fill_slots(before, 256));
    for (std::size_t gone = 0; gone < count; ++gone) {
      auto after = before;
      after.erase(after.begin() + static_cast<std::ptrdiff_t>(gone));
      const auto slots_after = names(after, core::fill_slots(after, 256));
      std::size_t moved = 0;
      for (std::size_t slot = 0; slot < 256; ++slot) {
        moved += slots_before[slot] != slots_after[slot] ? 1U : 0U;
      }
      // Its own share, and at most 8 % of all slots for the sake of even shares.
      CHECK(static_cast<double>(moved) <= 256.0 / static_cast<double>(count) + 1 + 256 * 0.08);
    }
  }
}

TEST_CASE("weights scale the shares, zero takes none") {
  const auto slots = core::fill_slots(endpoints(3), 256, {1, 3, 0});
  CHECK(std::count(slots.begin(), slots.end(), 0) == 64);
  CHECK(std::count(slots.begin(), slots.end(), 1) == 192);
  CHECK(std::count(slots.begin(), slots.end(), 2) == 0);
}

TEST_CASE("1.10: the first slot layout is as it was, for those who know no other") {
  const auto count = [](std::size_t endpoints) {
    return core::slot_count(endpoints, core::slot_classes(SlotLayout::first));
  };
  CHECK(count(1) == 1);
  CHECK(count(2) == 16);
  CHECK(count(4) == 16);
  CHECK(count(5) == 64);
  CHECK(count(64) == 256);
  CHECK(count(2000) == 4096);
  CHECK(count(6000) == 16381);
  CHECK(core::slot_count(3, core::range_slot_classes(SlotLayout::first)) == 256);
  // As versions before it fill them: a client must not change its endpoint with a version.
  const std::vector<std::uint16_t> known = {1, 0, 0, 1, 2, 2, 2, 2, 0, 1, 1, 0, 0, 2, 1, 0};
  CHECK(core::fill_slots(endpoints(3), 16) == known);
}

TEST_CASE("1.10: of at most a hundred endpoints none is 5 % off its share") {
  for (const bool range : {false, true}) {
    for (std::size_t count = 1; count <= 100; ++count) {
      const auto classes = range ? core::range_slot_classes(SlotLayout::second)
                                 : core::slot_classes(SlotLayout::second);
      const std::uint32_t slots = core::slot_count(count, classes);
      std::vector<std::size_t> shares(count);
      for (const std::uint16_t index : core::fill_slots(endpoints(count), slots)) ++shares[index];
      const double fair = static_cast<double>(slots) / static_cast<double>(count);
      INFO(count << " endpoints, " << slots << " slots");
      CHECK(static_cast<double>(*std::ranges::min_element(shares)) >= 0.95 * fair);
      CHECK(static_cast<double>(*std::ranges::max_element(shares)) <= 1.05 * fair);
    }
  }
}

TEST_CASE("1.10: each of thousands of endpoints gets its share") {
  for (const std::size_t count : {std::size_t{1000}, std::size_t{6000}, std::size_t{16000}}) {
    const std::uint32_t slots = core::slot_count(count, core::slot_classes(SlotLayout::second));
    const auto all = endpoints(count);
    const auto table = core::fill_slots(all, slots);
    std::vector<std::size_t> shares(count);
    for (const std::uint16_t index : table) ++shares[index];
    CHECK(*std::ranges::min_element(shares) == slots / count);
    CHECK(*std::ranges::max_element(shares) <= slots / count + 1);
    auto backwards = all;
    std::ranges::reverse(backwards);
    CHECK(names(all, table) == names(backwards, core::fill_slots(backwards, slots)));
  }
}

TEST_CASE("1.10: of thousands of endpoints one that goes moves few others") {
  auto before = endpoints(6000);
  const auto slots = core::slot_count(6000, core::slot_classes(SlotLayout::second));
  const auto slots_before = names(before, core::fill_slots(before, slots));
  before.erase(before.begin() + 1234);
  const auto slots_after = names(before, core::fill_slots(before, slots));
  std::size_t moved = 0;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    moved += slots_before[slot] != slots_after[slot] ? 1U : 0U;
  }
  CHECK(moved < slots / 20);
}

}  // namespace unit::endpoint_slots_test
