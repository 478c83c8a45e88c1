#include "core/state/element_index.hpp"

#include <random>

#include "support/catch.hpp"
#include "support/random_state.hpp"

namespace unit::element_index_test {

using namespace core;
using support::random_state;

namespace {

EachElement elements_of(const State& state) {
  return [&state](const std::function<void(const Element&)>& visit) {
    for (const auto& [key, value] : state.elements) visit({key, value});
  };
}

// What a kernel leaves of `observed` when asked with the index.
State filtered(const State& observed, ElementIndex& index) {
  State rest = observed;
  for (const auto& [key, value] : observed.elements) index.begin(key.family, key.set);
  std::erase_if(rest.elements, [&](const auto& element) {
    return !index.keeps({element.first, element.second});
  });
  return rest;
}

}  // namespace

TEST_CASE("what an index leaves over is all that a diff needs") {
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    INFO("seed " << seed);
    std::mt19937 chance(seed);
    const State desired = random_state(chance);
    const State observed = random_state(chance);
    if (!keeps_tables(observed, desired)) continue;
    ElementIndex index(elements_of(desired));
    const State rest = filtered(observed, index);
    const Changes changes = diff(rest, desired, [&](const auto& visit) {
      elements_of(desired)([&](const Element& element) {
        if (!index.has_met(element)) visit(element);
      });
    });
    REQUIRE(apply(changes, observed).elements == desired.elements);
    REQUIRE(changes.size() == diff(observed, desired).size());
  }
}

TEST_CASE("a set that is read once more is met once more") {
  std::mt19937 chance(7);
  State desired = random_state(chance);
  while (desired.elements.empty()) desired = random_state(chance);
  const Element element{desired.elements.begin()->first, desired.elements.begin()->second};
  ElementIndex index(elements_of(desired));
  index.begin(element.key.family, element.key.set);
  CHECK_FALSE(index.has_met(element));
  CHECK_FALSE(index.keeps(element));
  CHECK(index.has_met(element));
  index.begin(element.key.family, element.key.set);
  CHECK_FALSE(index.has_met(element));
}

TEST_CASE("another value is another element, another comment is not") {
  std::mt19937 chance(7);
  State desired = random_state(chance);
  while (desired.elements.empty()) desired = random_state(chance);
  Element element{desired.elements.begin()->first, desired.elements.begin()->second};
  ElementIndex index(elements_of(desired));
  index.begin(element.key.family, element.key.set);
  element.value.jump = !element.value.jump;
  CHECK(index.keeps(element));
  element.value.jump = !element.value.jump;
  element.value.comment = std::make_shared<const std::string>("shop/web");
  CHECK_FALSE(index.keeps(element));
}

}  // namespace unit::element_index_test
