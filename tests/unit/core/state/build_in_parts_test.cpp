#include "core/state/build_in_parts.hpp"

#include <random>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/random_state.hpp"

namespace unit::build_in_parts_test {

using namespace core;
using support::in_order;
using support::random_state;

namespace {

constexpr std::size_t few = 3;

struct World {
  World() {
    for (const char* const link : support::random_links) kernel.add_interface(link);
  }

  void build(const State& desired) {
    const State observed = kernel.observe(desired);
    REQUIRE(inert(observed));
    core::build(
        observed, desired,
        [&](const std::function<void(const Element&)>& visit) {
          for (const auto& [key, value] : desired.elements) visit({key, value});
        },
        [&](const Changes& part) {
          const State before = kernel.state();
          REQUIRE(inert(before));
          REQUIRE(before.routes.empty());
          REQUIRE(before.rules.empty());
          kernel.apply(part);
        },
        few);
  }

  support::FakeKernel kernel;
};

bool has_hooks(const State& state) { return !inert(state); }

}  // namespace

TEST_CASE("what is built in parts is without effect until the last, and then all there") {
  std::size_t built = 0;
  for (std::uint32_t seed = 0; seed < 1000; ++seed) {
    INFO("seed " << seed);
    std::mt19937 chance(seed);
    const State desired = random_state(chance);
    if (!has_hooks(desired)) continue;
    World world;
    world.build(desired);
    REQUIRE(in_order(world.kernel.observe(desired)) == in_order(desired));
    ++built;
  }
  CHECK(built > 100);
}

TEST_CASE("a build that was cut short anywhere is begun anew") {
  std::size_t cut = 0;
  for (std::uint32_t seed = 0; seed < 1000; ++seed) {
    INFO("seed " << seed);
    std::mt19937 chance(seed);
    const State other = random_state(chance);
    const State desired = random_state(chance);
    if (!has_hooks(desired) || !has_hooks(other)) continue;
    World world;
    world.kernel.fail_at(1 + seed % 20);
    try {
      world.build(other);
      continue;  // shorter than that
    } catch (const Error&) {
    }
    // The last part brings sysctls, routes and rules one by one, hooks all together.
    if (!inert(world.kernel.state()) || !world.kernel.state().routes.empty()) continue;
    State frame = desired;
    frame.tables.insert(other.tables.begin(), other.tables.end());
    world.kernel.fail_at(0);
    const State observed = world.kernel.observe(frame);
    core::build(
        observed, desired,
        [&](const std::function<void(const Element&)>& visit) {
          for (const auto& [key, value] : desired.elements) visit({key, value});
        },
        [&](const Changes& part) { world.kernel.apply(part); }, few);
    REQUIRE(in_order(world.kernel.observe(frame)).tables == in_order(desired).tables);
    REQUIRE(world.kernel.state().elements == desired.elements);
    ++cut;
  }
  CHECK(cut > 50);
}

}  // namespace unit::build_in_parts_test
