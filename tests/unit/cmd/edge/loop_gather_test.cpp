// Many objects that come one by one.
#include "unit/cmd/edge/loop_rig.hpp"

namespace unit::loop_gather_test {

using namespace unit::edge_loop;

namespace {

// A kernel that takes its time, and a source that has something new every 2 ms meanwhile and after.
struct Busy : Fixture {
  int commits = 0;
  Busy() {
    kernel.refuses_change = [this](const Change& change) {
      if (std::holds_alternative<AddElement>(change) && now != counted_) {
        counted_ = now += 10ms;
        ++commits;
      }
      return false;
    };
  }

 private:
  os::Time counted_{};
};

}  // namespace

TEST_CASE("3.8: objects that come one by one to a busy kernel go together") {
  Busy fixture;
  fixture.settle();
  fixture.commits = 0;
  for (int i = 0; i < 200; ++i) {
    fixture.source.put(mapping("m" + std::to_string(i), static_cast<std::uint16_t>(1000 + i)));
    fixture.loop.step();
    fixture.now += 2ms;
  }
  fixture.settle();
  CHECK(fixture.loop.plan().forwards().size() == 202);
  CHECK(fixture.commits < 20);
  fixture.check_converged();
}

TEST_CASE("3.8: what comes to a kernel at rest is in effect at once") {
  Busy fixture;
  fixture.settle();
  fixture.now += 1s;
  fixture.source.put(mapping("one", 1000));
  const os::Time before = fixture.now;
  fixture.loop.step();
  CHECK(fixture.now == before + 10ms);
  fixture.check_converged();
}

}  // namespace unit::loop_gather_test
