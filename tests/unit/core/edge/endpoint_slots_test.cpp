#include "core/edge/endpoint_slots.hpp"

#include <algorithm>
#include <map>

#include "support/catch.hpp"

namespace unit::endpoint_slots_test {

namespace {

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

TEST_CASE("slot classes leave at least four slots an endpoint up to the largest") {
  CHECK(core::slot_count(1) == 1);
  CHECK(core::slot_count(2) == 16);
  CHECK(core::slot_count(4) == 16);
  CHECK(core::slot_count(5) == 64);
  CHECK(core::slot_count(64) == 256);
  CHECK(core::slot_count(2000) == 4096);
}

TEST_CASE("a thousand endpoints all get their share") {
  const auto slots = core::fill_slots(endpoints(1000), core::slot_count(1000));
  std::map<std::uint16_t, int> shares;
  for (const std::uint16_t index : slots) {
    ++shares[index];
  }
  CHECK(shares.size() == 1000);
}

}  // namespace unit::endpoint_slots_test
