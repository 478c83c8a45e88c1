// After an outage of the API server changes are followed within seconds, and nothing is told that
// the server itself takes back in a moment.
#include <string>

#include "kube/api/resource_watches.hpp"
#include "unit/kube/api/reflector_rig.hpp"

namespace unit::outage_test {

using namespace reflector_rig;

namespace {

// So many failures that the pauses have grown to their longest.
void outage(Rig& rig) {
  for (int i = 0; i < 12; ++i) {
    rig.end("cannot reach the API server");
    rig.wait_until_due();
  }
}

}  // namespace

TEST_CASE("an answer ends the growth of pauses, also one that refuses") {
  Rig rig;
  rig.sync();
  outage(rig);
  const int code = GENERATE(410, 429, 500, 503);
  rig.answer(code, status(code, code == 410 ? "Expired" : "", "no"));
  if (code == 410) {
    CHECK(is_stream(rig.asked()));  // at once
  } else {
    CHECK(rig.wait() <= 500ms);
  }
  CHECK(rig.reflector.take_back());
  CHECK_FALSE(rig.reflector.take_back());
}

TEST_CASE("410 again and again is no reason to list all the time") {
  Rig rig;
  rig.sync();
  rig.answer(410, status(410, "Expired", "too old"));
  CHECK(is_stream(rig.asked()));
  rig.answer(410, status(410, "Expired", "too old"));
  CHECK(rig.wait() >= 250ms);
  CHECK(rig.reflector.trouble() == "410 Expired: too old");
}

TEST_CASE("what a server refuses that has just come back is told if it stays so") {
  Rig rig;
  rig.sync();
  outage(rig);
  rig.answer(403, status(403, "Forbidden", "not yet"));
  CHECK(rig.reflector.trouble() == "cannot reach the API server");
  rig.wait_until_due();
  rig.clock.advance(5s);
  rig.answer(403, status(403, "Forbidden", "not yet"));
  CHECK(rig.reflector.trouble().starts_with("not allowed to watch widgets"));
}

TEST_CASE("of several kinds one asks every few seconds, and wakes the others") {
  support::ManualClock clock;
  ApiTransport transport;
  kube::Watches watches("test", transport, clock.clock());
  for (const char* plural : {"widgets", "gadgets", "things"}) {
    watches.add({"example.pona.dev", "v1", plural, "", "", "default"}, reduce_widgets);
  }
  const auto step = [&] {
    for (const auto& arrival : transport.take()) static_cast<void>(watches.take(arrival));
    watches.step();
  };
  bool there = false;
  const auto run_until = [&](os::Time end) {
    while (clock.now < end) {
      step();
      // As long as the server is away each request fails at once.
      while (!there && !transport.open().empty()) {
        transport.end(transport.open().begin()->first, "cannot reach the API server");
        step();
      }
      clock.advance(50ms);
    }
  };
  CHECK(watches.reachable());
  run_until(clock.now + 10min);
  CHECK_FALSE(watches.reachable());
  there = true;
  run_until(clock.now + 4s);
  REQUIRE(transport.open().size() >= 1);
  transport.head(transport.open().begin()->first, 200);
  run_until(clock.now + 1s);
  REQUIRE(transport.open().size() == 3);
  CHECK_FALSE(watches.reachable());
  for (const auto& [id, request] : transport.open()) transport.head(id, 200);
  step();
  CHECK(watches.reachable());
}

}  // namespace unit::outage_test
