#include "core/edge/slot_tables.hpp"

#include <algorithm>
#include <cstdlib>

#include "support/catch.hpp"

namespace unit::slot_tables_test {

using namespace core;

namespace {

std::vector<Backend> pods(int count, std::uint16_t port) {
  std::vector<Backend> result;
  for (int i = 1; i <= count; ++i) {
    result.push_back(
        {*Address::parse("10.1." + std::to_string(i / 200) + "." + std::to_string(i % 200)),
         {port, port}});
  }
  return result;
}

std::vector<Address> choices(SlotTables& tables, const std::vector<Backend>& backends,
                             bool single = true) {
  std::vector<Address> result;
  for (const std::uint16_t index : tables.of(backends, single)) {
    result.push_back(backends[index].address);
  }
  return result;
}

}  // namespace

TEST_CASE("1.10: a client that stays with its pod does so on all ports") {
  for (const int count : {2, 3, 7, 20, 60, 300, -2, -3, -7, -300}) {
    SlotTables tables(count < 0 ? SlotLayout::first : SlotLayout::second, true, false);
    CHECK(choices(tables, pods(std::abs(count), 8080)) ==
          choices(tables, pods(std::abs(count), 8443)));
    // One table, not two that are alike.
    const auto one = pods(std::abs(count), 80);
    const auto other = pods(std::abs(count), 81);
    CHECK(&tables.of(one, true)[0] == &tables.of(other, true)[0]);
  }
}

TEST_CASE("1.10: a range and a port of its own lead such a client to the same pod") {
  for (const SlotLayout layout : {SlotLayout::first, SlotLayout::second}) {
    SlotTables tables(layout, true, true);
    std::vector<Backend> range = pods(5, 9000);
    for (Backend& backend : range) backend.ports.last = 9100;
    CHECK(choices(tables, pods(5, 8080)) == choices(tables, range, false));
  }
}

TEST_CASE("1.10: a pod that has a Service's port twice has two shares") {
  SlotTables tables(SlotLayout::second, true, false);
  const std::vector<Backend> twice = {{*Address::parse("10.1.0.1"), {80, 80}},
                                      {*Address::parse("10.1.0.1"), {81, 81}}};
  const auto slots = tables.of(twice, true);
  CHECK(std::count(slots.begin(), slots.end(), 0) == std::count(slots.begin(), slots.end(), 1));
}

TEST_CASE("1.10: by the first layout the first port chooses as older edges do, others like it") {
  SlotTables tables(SlotLayout::first, true, false);
  SlotTables others(SlotLayout::first, false, false);
  CHECK(choices(tables, pods(3, 8080)) == choices(others, pods(3, 8080)));
  CHECK(choices(tables, pods(3, 8443)) == choices(tables, pods(3, 8080)));
  CHECK(choices(others, pods(3, 8443)) != choices(others, pods(3, 8080)));
  std::vector<std::string> names;
  for (const Backend& backend : pods(3, 8080)) names.push_back(to_string(backend));
  CHECK(tables.of(pods(3, 8080), true) == SharedVector(fill_slots(names, 16)));
}

}  // namespace unit::slot_tables_test
