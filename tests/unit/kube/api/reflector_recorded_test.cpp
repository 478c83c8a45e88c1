// The reflector against what a real API server said (tests/data/apiserver).
#include <string>
#include <vector>

#include "unit/kube/api/reflector_rig.hpp"

namespace unit::reflector_recorded_test {

using namespace reflector_rig;

TEST_CASE("reflector: the recorded streaming list, then the recorded watch") {
  const json exchanges = recording("03-list-watch");
  for (const std::size_t size :
       {std::size_t{1} << 20, std::size_t{1000}, std::size_t{7}, std::size_t{1}}) {
    Rig rig;
    CHECK(is_stream(rig.asked()));
    play(rig, exchanges[5]["response"], size);
    CHECK(rig.reflector.synced());
    CHECK(rig.reflector.trouble().empty());
    CHECK(rig.changes() == "+a:1 +b:1 +p0:1 +p1:2 +p2:3 +p3:4 +p4:5");
    CHECK(is_watch(rig.asked(), "279"));
  }
  // The recorded watch goes on from the recorded pages.
  Rig rig;
  rig.step();
  rig.answer(422, status(422, "Invalid", "sendInitialEvents is forbidden for watch"));
  CHECK(rig.asked() == base + "?limit=500");
  rig.answer(200, exchanges[0]["response"]["body"].dump());
  CHECK_FALSE(rig.reflector.synced());
  CHECK(rig.asked() == base +
                           "?limit=500&continue="
                           "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjczLCJzdGFydCI6Ii9wMFx1MDAwMCJ9");
  rig.answer(200, exchanges[2]["response"]["body"].dump());  // holds the rest, and no more follows
  CHECK(rig.reflector.synced());
  CHECK(rig.changes() == "+a:1 +b:1 +p0:1 +p1:2 +p2:3 +p3:4 +p4:5");
  CHECK(is_watch(rig.asked(), "273"));
  const json& watch = exchanges[4]["response"];
  rig.transport.head(rig.transport.last(), 200);
  std::string seen;
  for (const json& chunk : watch["chunks"]) {
    rig.say(chunk["event"].dump() + "\n");
    if (const std::string change = rig.changes(); !change.empty()) seen += change + ", ";
  }
  CHECK(seen == "+w1:1, +w1:7, -w1, ");
  rig.clock.advance(4s);
  rig.end();
  CHECK(is_watch(rig.asked(), "277"));
  CHECK(rig.reflector.trouble().empty());
}

TEST_CASE("reflector: a watch without an end of what there was is taken for no list") {
  const json exchanges = recording("03-list-watch");
  Rig rig;
  rig.step();
  play(rig, exchanges[6]["response"], 100);  // a server that does not know sendInitialEvents
  CHECK_FALSE(rig.reflector.synced());
  CHECK(rig.reflector.trouble() == "the streaming list ended before it was whole");
  rig.wait_until_due();
  CHECK(rig.asked() == base + "?limit=500");
  rig.answer(200, exchanges[2]["response"]["body"].dump());
  CHECK(rig.reflector.synced());
}

TEST_CASE("reflector: EndpointSlices over a pod's life as recorded") {
  const json exchanges = recording("09-pods-endpointslices");
  const kube::Resource slices = {"discovery.k8s.io",           "v1", "endpointslices",
                                 "kubernetes.io/service-name", "",   ""};
  Rig rig(slices, [](const kube::Node& node) { return kube::decode(node, {}); });
  CHECK(rig.asked().ends_with("&labelSelector=kubernetes.io%2Fservice-name"));
  rig.answer(400, "no");
  CHECK(rig.asked() ==
        "/apis/discovery.k8s.io/v1/endpointslices?limit=500&labelSelector="
        "kubernetes.io%2Fservice-name");
  rig.answer(200, exchanges[1]["response"]["body"].dump());
  CHECK(rig.changes() == "+echo-kcb55");
  CHECK(rig.asked().starts_with(
      "/apis/discovery.k8s.io/v1/endpointslices?watch=true&resourceVersion=628&"));
  rig.transport.head(rig.transport.last(), 200);
  std::string seen;
  for (const json& chunk : exchanges[2]["response"]["chunks"]) {
    rig.say(chunk["event"].dump() + "\n");
    if (const std::string change = rig.changes(); !change.empty()) seen += change + ", ";
  }
  CHECK(seen ==
        "+echo-kcb55:10.244.1.10RS, +echo-kcb55:10.244.1.10RS:10.244.1.11RS, "
        "+echo-kcb55:10.244.1.10:10.244.1.11RS, +echo-kcb55:10.244.1.10RS:10.244.1.11RS, "
        "+echo-kcb55:10.244.1.10ST:10.244.1.11RS, +echo-kcb55:10.244.1.11RS, ");
  CHECK(rig.reflector.trouble().empty());
}

TEST_CASE("reflector: 410 as it comes in a watch, and for a list") {
  const json exchanges = recording("04-watch-gone");
  Rig rig;
  rig.sync();
  rig.clock.advance(60s);
  rig.end();
  CHECK(is_watch(rig.asked(), "10"));
  play(rig, exchanges[0]["response"], 30);
  CHECK(is_stream(rig.asked()));  // at once
  CHECK(rig.changes().empty());   // and nothing is gone before the list says so
  SECTION("the new list is whole") {
    rig.transport.head(rig.transport.last(), 200);
    rig.say(event("ADDED", widget("b", 2, 900)) + event("ADDED", widget("c", 3, 901)));
    CHECK(rig.changes() == "+b:2 +c:3");
    rig.say(bookmark(902, true));
    CHECK(rig.changes() == "-a");
  }
  SECTION("the new list is cut off") {
    rig.transport.head(rig.transport.last(), 200);
    rig.say(event("ADDED", widget("b", 2, 900)));
    rig.end("cut");
    CHECK(rig.changes() == "+b:2");
    rig.wait_until_due();
    CHECK(is_stream(rig.asked()));
    rig.transport.head(rig.transport.last(), 200);
    rig.say(event("ADDED", widget("a", 1, 5)) + bookmark(902, true));
    CHECK(rig.changes() == "-b");
  }
  SECTION("by HTTP, and again and again: not in a circle without a pause") {
    rig.answer(exchanges[1]["response"]["status"], exchanges[1]["response"]["body"].dump());
    CHECK(rig.asked().empty());
    CHECK(rig.reflector.trouble() ==
          "410 Expired: The resourceVersion for the provided list is too old.");
    rig.wait_until_due();
    CHECK(is_stream(rig.asked()));
  }
}

TEST_CASE("reflector: a continue token that expired is answered by one list without limit") {
  Rig rig;
  rig.step();
  rig.answer(400, "no streaming lists");
  rig.answer(200, page({widget("a", 1, 1)}, 9, "token/1"));
  CHECK(rig.asked() == base + "?limit=500&continue=token%2F1");
  rig.end("the connection broke");
  rig.wait_until_due();
  CHECK(rig.asked() == base + "?limit=500&continue=token%2F1");
  rig.answer(410, status(410, "Expired", "The provided continue parameter is too old"));
  CHECK(rig.asked() == base);
  rig.answer(200, page({widget("a", 1, 1), widget("b", 1, 2)}, 12));
  CHECK(rig.changes() == "+a:1 +b:1");
  CHECK(is_watch(rig.asked(), "12"));
}

TEST_CASE("reflector: a token that is garbage starts the list anew") {
  const json exchanges = recording("03-list-watch");
  Rig rig;
  rig.step();
  rig.answer(400, "no streaming lists");
  rig.answer(200, page({widget("a", 1, 1)}, 9, "x"));
  rig.answer(exchanges[3]["response"]["status"], exchanges[3]["response"]["body"].dump());
  CHECK(
      rig.reflector.trouble().starts_with("cannot list widgets.example.pona.dev: 400 BadRequest: "
                                          "invalid continue token: "));
  rig.wait_until_due();
  CHECK(rig.asked() == base + "?limit=500");
}

}  // namespace unit::reflector_recorded_test
