// The reflector against everything that can go wrong.
#include <string>
#include <vector>

#include "unit/kube/api/reflector_rig.hpp"

namespace unit::reflector_test {

using namespace reflector_rig;

TEST_CASE("reflector: resumes from the last version that it saw, bookmarks too") {
  Rig rig;
  rig.sync();
  rig.say(event("MODIFIED", widget("a", 2, 11)));
  rig.end("the connection broke");
  CHECK(rig.reflector.trouble() == "the connection broke");
  CHECK(rig.asked().empty());
  CHECK(rig.wait() >= 250ms);
  CHECK(rig.wait() <= 500ms);
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "11"));
  CHECK(rig.reflector.trouble().empty());
  rig.say(bookmark(20));
  rig.end("the connection broke");
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "20"));
  // Told twice.
  rig.say(event("DELETED", widget("a", 2, 21)) + event("DELETED", widget("a", 2, 21)));
  CHECK(rig.changes() == "-a");
  rig.end("the connection broke");
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "21"));
}

TEST_CASE("reflector: a watch that goes back has kept something back, and all is listed anew") {
  Rig rig;
  rig.sync();
  // b's change came too late to be believed, and nobody tells it again.
  rig.say(event("DELETED", widget("a", 2, 22)) + event("MODIFIED", widget("b", 9, 21)) +
          bookmark(23));
  CHECK(rig.changes() == "-a");
  CHECK(rig.reflector.trouble().starts_with("the watch brought what is older"));
  CHECK(rig.wait() <= 500ms);
  rig.reconnect();
  CHECK(is_stream(rig.asked()));
  rig.say(event("ADDED", widget("b", 9, 21)) + bookmark(23, true));
  CHECK(rig.changes() == "+b:9");
  CHECK(rig.reflector.trouble().empty());
  // A list whose end came first is not empty.
  rig.end("the connection broke");
  rig.reconnect();
  rig.say(event("ERROR", status(410, "Expired", "too old")));
  CHECK(is_stream(rig.asked()));
  rig.transport.head(rig.transport.last(), 200);
  rig.say(bookmark(30, true) + event("ADDED", widget("b", 9, 21)));
  CHECK(rig.changes() == "-b");
  // Servers that know no order are not asked all the time.
  CHECK(rig.wait() >= 10s);
  rig.reconnect();
  rig.say(event("ADDED", widget("b", 9, 21)) + bookmark(30, true));
  CHECK(rig.changes() == "+b:9");
}

TEST_CASE("reflector: an event that is cut, or no event, ends the watch and loses nothing") {
  const std::string bad =
      GENERATE("{\"type\":\"MODIFIED\",\"object\":{\"me\n", "garbage\n",
               "{\"type\":\"GONE\",\"object\":{}}\n",
               "{\"type\":\"DELETED\",\"object\":{\"kind\":\"Widget\"}}\n", "[1]\n", "{}\n{}\n");
  Rig rig;
  rig.sync();
  rig.say(event("MODIFIED", widget("a", 2, 11)) + bad + event("DELETED", widget("b", 1, 12)));
  CHECK(rig.changes() == "+a:2");
  CHECK(rig.reflector.trouble().starts_with("cannot read what the watch brought: "));
  CHECK(rig.transport.open().empty());
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "11"));
  rig.say("{\"type\":\"DELETED\",\"obj");
  rig.clock.advance(400s);
  rig.end();
  CHECK(rig.reflector.trouble() == "the watch was cut off in the middle of an event");
  CHECK(rig.changes().empty());
}

TEST_CASE("reflector: silence is given up, on a connection of its own the next time") {
  Rig rig;
  rig.sync();
  rig.clock.advance(179s);
  rig.say(bookmark(11));
  rig.clock.advance(179s);
  CHECK(is_stream(rig.asked()));
  rig.clock.advance(1s);
  CHECK(rig.asked().empty());
  CHECK(rig.reflector.trouble() == "the API server has been silent for 180 s");
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "11"));
  CHECK(rig.transport.started().back().fresh_connection);
  rig.end("x");
  rig.reconnect();
  CHECK_FALSE(rig.transport.started().back().fresh_connection);
}

TEST_CASE("reflector: pauses grow to 30 s, with jitter, and end with the first success") {
  Rig rig;
  rig.sync();
  std::chrono::milliseconds most = 500ms;
  bool differ = false;
  for (int i = 0; i < 12; ++i) {
    rig.end("cannot reach the API server");
    INFO(i << ": " << rig.wait().count());
    CHECK(rig.wait() <= most);
    CHECK(rig.wait() >= most / 2);
    differ = differ || rig.wait() != most;
    most = std::min<std::chrono::milliseconds>(most * 2, 30s);
    rig.wait_until_due();
    CHECK(is_watch(rig.asked(), "10"));
  }
  CHECK(differ);
  rig.transport.head(rig.transport.last(), 200);
  rig.say(bookmark(11));
  rig.end("x");
  CHECK(rig.wait() <= 500ms);
  // A server that hangs up at once gets no more patience for saying 200 first.
  for (int i = 0; i < 8; ++i) {
    rig.reconnect();
    rig.end();
    CHECK(rig.reflector.trouble() == "the watch ended at once");
  }
  CHECK(rig.wait() >= 15s);
}

TEST_CASE("reflector: what the server refuses is said, and tried again") {
  const json auth = recording("08-auth");
  const json& unauthorized = auth[1]["response"];
  const json& forbidden = auth[2]["response"];
  Rig rig;
  rig.step();
  SECTION("403 names verb and resource") {
    rig.answer(403, forbidden["body"].dump());
    CHECK(rig.reflector.trouble() ==
          "not allowed to watch widgets.example.pona.dev: pods is forbidden: User "
          "\"system:serviceaccount:pona-system:pona-edge\" cannot list resource \"pods\" in API "
          "group \"\" at the cluster scope; grant verbs list and watch on it to this user");
    rig.wait_until_due();
    CHECK(is_stream(rig.asked()));
  }
  SECTION("401") {
    rig.answer(401, unauthorized["body"].dump());
    CHECK(rig.reflector.trouble() ==
          "the API server does not accept the credential (401 Unauthorized: Unauthorized)");
  }
  SECTION("404") {
    rig.answer(404, "404 page not found\n");
    CHECK(rig.reflector.trouble() ==
          "the API server has no widgets.example.pona.dev in version v1 (404: \"404 page not "
          "found\"): is its CustomResourceDefinition installed?");
  }
  SECTION("429 with Retry-After") {
    rig.answer(429, "slow down", 17s);
    CHECK(rig.wait() == 17s);
    rig.wait_until_due();
    rig.answer(429, "slow down", 100h);
    CHECK(rig.wait() == 10min);
  }
  SECTION("504 that says in its body how long to wait") {
    const json exchanges = recording("03-list-watch");
    rig.answer(504, exchanges[8]["response"]["body"].dump());
    CHECK(rig.wait() == 1s);
    CHECK(
        rig.reflector.trouble() ==
        "cannot watch widgets.example.pona.dev: 504 Timeout: Timeout: Too large resource version: "
        "999999999, current: 279");
  }
  CHECK_FALSE(rig.reflector.synced());
}

TEST_CASE("reflector: a version that the server will not take is given up for a new list") {
  const json exchanges = recording("03-list-watch");
  Rig rig;
  rig.sync();
  rig.end("x");
  rig.wait_until_due();
  SECTION("of the future, as after a restored backup") {
    rig.answer(504, exchanges[8]["response"]["body"].dump());
    rig.wait_until_due();
  }
  SECTION("refused three times") {
    for (int i = 0; i < 3; ++i) {
      CHECK(is_watch(rig.asked(), "10"));
      rig.answer(500, exchanges[7]["response"]["body"].dump());
      rig.wait_until_due();
    }
  }
  CHECK(is_stream(rig.asked()));
  CHECK(rig.changes().empty());
}

TEST_CASE("reflector: an object with faults keeps its last good version") {
  Rig rig;
  rig.sync();
  std::string bad = widget("a", 1, 11);
  bad.replace(bad.find("\"size\":1"), 8, "\"size\":-1");
  rig.say(event("MODIFIED", bad) + event("ADDED", [&] {
            std::string other = bad;
            other.replace(other.find("\"a\""), 3, "\"z\"");
            other.replace(other.find("\"11\""), 4, "\"12\"");
            return other;
          }()));
  CHECK(rig.changes().empty());
  std::vector<kube::Problem> problems;
  rig.reflector.cache().add_problems("shop/", problems);
  std::sort(problems.begin(), problems.end());
  const std::string range = "Service: spec.size: -1 is not in the range 0 to 60000";
  const std::string kept = "; the last good version stays in effect";
  REQUIRE(problems.size() == 4);
  CHECK(problems[0] == kube::Problem{"shop/default/a", range + kept});
  CHECK(problems[1] == kube::Problem{"shop/default/a", "Service: spec: no size" + kept});
  CHECK(problems[2] == kube::Problem{"shop/default/z", range});
  CHECK(problems[3] == kube::Problem{"shop/default/z", "Service: spec: no size"});
  rig.say(event("DELETED", widget("z", 1, 13)) + event("MODIFIED", widget("a", 4, 14)));
  CHECK(rig.changes() == "+a:4");
  problems.clear();
  rig.reflector.cache().add_problems("shop/", problems);
  CHECK(problems.empty());
}

TEST_CASE("watch events: lines come out as they went in, wherever they are cut") {
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += std::string(static_cast<std::size_t>(i * 7 % 13), 'x') + "\n";
  for (std::size_t size = 1; size < 40; ++size) {
    kube::LineCutter cutter;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size) {
      CHECK(cutter.take(std::string_view(text).substr(at, size),
                        [&](std::string_view line) { out += std::string(line) + "\n"; }));
    }
    CHECK(out == text);
    CHECK(cutter.pending() == 0);
  }
  kube::LineCutter cutter;
  const std::string megabyte(1 << 20, 'x');
  bool fits = true;
  for (int i = 0; i < 33; ++i) fits = cutter.take(megabyte, [](std::string_view) { FAIL(); });
  CHECK_FALSE(fits);
}

}  // namespace unit::reflector_test
