// Which slot layout an edge uses, and how it goes from one to another.
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_slots_test {

using namespace unit::edge_loop;

namespace {

EdgeSettings fixed(SlotLayout layout) {
  EdgeSettings settings = Fixture::settings();
  settings.agree_on_slots = false;
  settings.slot_layout = layout;
  return settings;
}

EdgeSettings in_cluster() {
  EdgeSettings settings = Fixture::settings();
  settings.cluster = true;
  return settings;
}

// Another process over the same kernel.
struct Successor {
  Fixture& fixture;
  FakeSource source;
  cmd::EdgeLoop loop;

  Successor(Fixture& before, const EdgeSettings& settings)
      : fixture(before), loop(before.kernel, source, settings, 600s, before.clock()) {
    put_objects(source);
  }
  void settle() { settle_loop(loop, fixture.now); }
};

std::size_t slots_of(const cmd::EdgeLoop& loop) {
  return loop.plan().forwards().front()->slots.size();
}

// The order in which chains were made means nothing.
std::map<Family, nft::Table> by_name(std::map<Family, nft::Table> tables) {
  for (auto& [family, table] : tables) std::ranges::sort(table.chains, {}, &nft::Chain::name);
  return tables;
}

void check_converged(const Fixture& fixture, const cmd::EdgeLoop& loop) {
  const State state = fixture.kernel.state();
  const State planned = loop.plan().state();
  CHECK(by_name(state.tables) == by_name(planned.tables));
  CHECK(state.elements == planned.elements);
  CHECK(loop.health().trouble.empty());
}

}  // namespace

TEST_CASE("1.10: where files alone are read, the layout is what all versions know") {
  Fixture fixture;
  fixture.settle();
  CHECK(slots_of(fixture.loop) == 16);
  // Whatever was in effect before: nobody could know whether other edges still are so.
  Fixture said(fixed(SlotLayout::second));
  said.settle();
  CHECK(slots_of(said.loop) == 12);
  Successor now(said, Fixture::settings());
  now.settle();
  CHECK(slots_of(now.loop) == 16);
  check_converged(said, now.loop);
}

TEST_CASE("1.10: who says so goes from one slot layout to another") {
  Fixture fixture;
  fixture.settle();
  Successor now(fixture, fixed(SlotLayout::second));
  now.settle();
  CHECK(slots_of(now.loop) == 12);
  check_converged(fixture, now.loop);
}

TEST_CASE("1.10: edges of a cluster use the layout that all of them know, there and back") {
  Fixture fixture(in_cluster());
  fixture.settle();
  CHECK(slots_of(fixture.loop) == 16);
  fixture.source.server = kube::ApiServer{true, false, SlotLayout::first};
  for (const SlotLayout layout : {SlotLayout::second, SlotLayout::first, SlotLayout::second}) {
    fixture.source.server->slot_layout = layout;
    fixture.settle();
    CHECK(slots_of(fixture.loop) == (layout == SlotLayout::first ? 16 : 12));
    check_converged(fixture, fixture.loop);
  }
  // An API server that does not say changes nothing.
  fixture.source.server->slot_layout.reset();
  fixture.settle();
  CHECK(slots_of(fixture.loop) == 12);
}

TEST_CASE("1.10: until the API server answers, what the kernel carries stays: no client moves") {
  Fixture fixture(fixed(SlotLayout::second));
  fixture.settle();
  const State before = fixture.kernel.state();
  Successor now(fixture, in_cluster());
  now.settle();
  CHECK(slots_of(now.loop) == 12);
  CHECK(fixture.kernel.state().elements == before.elements);
  now.source.server = kube::ApiServer{true, false, SlotLayout::first};
  now.settle();
  CHECK(slots_of(now.loop) == 16);
  check_converged(fixture, now.loop);
}

}  // namespace unit::loop_slots_test
