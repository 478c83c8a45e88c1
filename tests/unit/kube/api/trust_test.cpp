// What a cluster says is not believed too quickly: lists that lack too much, and another cluster.
#include <string>
#include <vector>

#include "kube/api/resource_watches.hpp"
#include "unit/kube/api/reflector_rig.hpp"

namespace unit::trust_test {

using namespace reflector_rig;

namespace {

const kube::Trust careful = {60s, 50};

struct Doubtful : Rig {
  explicit Doubtful(const kube::Resource& resource = widgets)
      : Rig(resource, reduce_widgets, careful) {}

  // At version 10.
  void know(const std::vector<std::string>& names) {
    step();
    transport.head(transport.last(), 200);
    std::string all;
    for (const std::string& name : names) all += event("ADDED", widget(name, 1, 5));
    say(all + bookmark(10, true));
    REQUIRE(reflector.synced());
    REQUIRE(reflector.doubt().empty());
    changes();
  }
  void list(const std::vector<std::string>& names, int version) {
    REQUIRE(is_stream(asked()));
    transport.head(transport.last(), 200);
    std::string all;
    for (const std::string& name : names) all += event("ADDED", widget(name, 1, 5));
    say(all + bookmark(version, true));
  }
  // All is listed anew.
  void relist(const std::vector<std::string>& names, int version) {
    say(event("ERROR", status(410, "Expired", "too old")));
    if (asked().empty()) wait_until_due();
    list(names, version);
  }
};

}  // namespace

TEST_CASE("trust: an empty list is believed once a second one agrees, and is told at once") {
  Doubtful rig;
  rig.know({"a", "b", "c"});
  rig.relist({}, 20);
  CHECK(rig.changes().empty());
  CHECK(rig.reflector.doubt().starts_with("the list lacks 3 of 3 objects that were known: "));
  CHECK(rig.reflector.trouble().empty());
  // What is watched meanwhile is no list: it counts at once.
  rig.say(event("ADDED", widget("d", 4, 21)) + event("DELETED", widget("b", 1, 22)));
  CHECK(rig.changes() == "-b +d:4");
  // A list before its time confirms nothing.
  rig.clock.advance(20s);
  rig.relist({"d"}, 23);
  CHECK(rig.changes() == "+d:1");
  CHECK_FALSE(rig.reflector.doubt().empty());
  CHECK(rig.wait() <= 40s);
  rig.wait_until_due();
  rig.list({"d"}, 24);
  CHECK(rig.changes() == "-a -c");
  CHECK(rig.reflector.doubt().empty());
}

TEST_CASE("trust: what the second list has again was never lost") {
  Doubtful rig;
  rig.know({"a", "b"});
  rig.relist({}, 20);
  rig.wait_until_due();
  rig.list({"a", "b"}, 21);
  CHECK(rig.changes().empty());
  CHECK(rig.reflector.doubt().empty());
  rig.say(event("DELETED", widget("a", 1, 25)));
  CHECK(rig.changes() == "-a");
}

TEST_CASE("trust: more than the setting is doubted, less is not") {
  Doubtful rig;
  rig.know({"a", "b", "c", "d"});
  rig.relist({"c", "d"}, 20);
  CHECK(rig.changes() == "-a -b");
  rig.relist({"c", "e", "f", "g"}, 30);
  CHECK(rig.changes() == "-d +e:1 +f:1 +g:1");
  rig.relist({"x", "y", "g"}, 40);
  CHECK(rig.changes() == "+x:1 +y:1");
  CHECK(rig.reflector.doubt().starts_with("the list lacks 3 of 4 "));
  // What is lacked for the first time by the second list waits for a third, if it is too much.
  rig.wait_until_due();
  rig.list({}, 41);
  CHECK(rig.changes() == "-c -e -f");
  CHECK(rig.reflector.doubt().starts_with("the list lacks 3 of 3 "));
  rig.wait_until_due();
  rig.list({}, 42);
  CHECK(rig.changes() == "-g -x -y");
}

TEST_CASE("trust: others of the same number are no replacement") {
  Doubtful rig;
  rig.know({"a", "b"});
  rig.relist({"x", "y", "z"}, 20);
  CHECK(rig.changes() == "+x:1 +y:1 +z:1");
  CHECK_FALSE(rig.reflector.doubt().empty());
}

TEST_CASE("trust: a server that went back in time is doubted in all it lacks") {
  Doubtful rig;
  rig.know({"a", "b", "c", "d"});
  rig.relist({"a", "b", "c"}, 8);
  CHECK(rig.changes().empty());
  CHECK(rig.reflector.doubt().find("is older than what was known") != std::string::npos);
  rig.wait_until_due();
  rig.list({"a", "b", "c"}, 9);
  CHECK(rig.changes() == "-d");
}

TEST_CASE("trust: who makes again what is missing must know at once that it is") {
  kube::Resource own = widgets;
  own.own = true;
  Doubtful rig(own);
  rig.know({"a", "b"});
  rig.relist({}, 20);
  CHECK(rig.changes() == "-a -b");
}

TEST_CASE("trust: an earlier process' objects stay until lists that lack them are believed") {
  Doubtful rig;
  core::Service service;
  service.name = {"default", "a"};
  service.ports.push_back({"size", 1, core::Protocol::tcp, 0});
  rig.reflector.cache().seed({core::Kind::service, service.name},
                             std::make_shared<const core::Object>(service));
  CHECK(rig.changes() == "+a:1");
  rig.step();
  rig.list({}, 20);
  CHECK(rig.changes().empty());
  CHECK_FALSE(rig.reflector.synced());
  rig.wait_until_due();
  rig.list({}, 21);
  CHECK(rig.changes() == "-a");
  CHECK(rig.reflector.synced());
}

namespace {

const std::string kube_system = "/api/v1/namespaces/kube-system";

std::string namespace_of(const std::string& uid) {
  return R"({"kind":"Namespace","metadata":{"name":"kube-system","uid":")" + uid + "\"}}";
}

// Watches that ask which cluster it is.
struct Asking {
  support::ManualClock clock;
  ApiTransport transport;
  kube::Watches watches;
  kube::Reflector& reflector;

  explicit Asking(const std::string& known = "", const std::string& accepted = "")
      : watches("c", transport, clock.clock(), {60s, 50, true, accepted, known}),
        reflector(watches.add(widgets, reduce_widgets)) {}

  void step() {
    for (const auto& arrival : transport.take()) watches.take(arrival);
    watches.step();
    REQUIRE(watches.due() > clock.now);  // nobody spins
  }
  void wait_until_due() {
    clock.advance(std::chrono::ceil<std::chrono::milliseconds>(watches.due() - clock.now));
    step();
  }
  std::string asked() {
    step();
    const auto found = transport.open().find(transport.last());
    return found == transport.open().end() ? "" : found->second.target;
  }
  void answer(int code, const std::string& body) {
    REQUIRE(asked() == kube_system);
    transport.head(transport.last(), code);
    transport.body(transport.last(), body);
    transport.end(transport.last());
    step();
  }
  void list(const std::string& events) {
    REQUIRE(is_stream(asked()));
    transport.head(transport.last(), 200);
    transport.body(transport.last(), events);
    step();
  }
  std::string changes() { return print(watches.take_changes()); }
  std::string problem() {
    const auto problems = watches.new_problems({}, {});
    std::string text;
    for (const auto& problem : problems.value_or(std::vector<kube::Problem>())) {
      text += problem.where + ": " + problem.reason + "\n";
    }
    return text;
  }
};

}  // namespace

TEST_CASE("cluster identity: another cluster changes nothing, and the known one goes on") {
  Asking rig;
  rig.answer(200, namespace_of("one"));
  CHECK(rig.watches.cluster_uid() == "one");
  CHECK(rig.watches.trusted());
  rig.list(event("ADDED", widget("a", 1, 5)) + bookmark(10, true));
  CHECK(rig.changes() == "+a:1");

  // Behind the same address, a minute later.
  rig.clock.advance(60s);
  rig.transport.end(rig.transport.last(), "the connection broke");
  rig.step();
  rig.wait_until_due();
  rig.answer(200, namespace_of("two"));
  CHECK_FALSE(rig.watches.trusted());
  CHECK(rig.watches.cluster_uid() == "one");
  CHECK(rig.problem().find("c/cluster: another cluster answers: the UID of its namespace "
                           "kube-system is two, and that of the cluster known so far is one") !=
        std::string::npos);
  for (int i = 0; i < 3; ++i) {
    CHECK(rig.transport.open().empty());
    rig.wait_until_due();
    rig.answer(i == 1 ? 403 : 200, i == 1 ? status(403, "Forbidden", "no") : namespace_of("two"));
    CHECK_FALSE(rig.watches.trusted());
  }
  CHECK(rig.changes().empty());

  rig.wait_until_due();
  rig.answer(200, namespace_of("one"));
  CHECK(rig.watches.trusted());
  CHECK(is_watch(rig.asked(), "10"));
}

// A restart may be quick, and what the last one said of itself be seconds old.
TEST_CASE("cluster identity: what was answered before a connection ended counts no more") {
  Asking rig;
  rig.answer(200, namespace_of("one"));
  rig.list(event("ADDED", widget("a", 1, 5)) + bookmark(10, true));
  const auto ends = GENERATE(0, 1, 2);
  rig.clock.advance(2s);
  if (ends == 2) {
    rig.transport.body(rig.transport.last(), event("ERROR", status(410, "Expired", "too old")));
  } else {
    rig.transport.end(rig.transport.last(), ends == 1 ? "the connection broke" : "");
  }
  rig.step();
  while (rig.transport.open().empty()) rig.wait_until_due();
  rig.answer(200, namespace_of("two"));
  CHECK_FALSE(rig.watches.trusted());
  CHECK(rig.changes() == "+a:1");
}

TEST_CASE("cluster identity: an earlier process' knowledge counts, and the operator's word more") {
  Asking remembering("one");
  remembering.answer(200, namespace_of("two"));
  CHECK_FALSE(remembering.watches.trusted());
  CHECK(remembering.watches.cluster_uid() == "one");
  Asking told("one", "two");
  told.answer(200, namespace_of("two"));
  CHECK(told.watches.trusted());
  CHECK(told.watches.cluster_uid() == "two");
  Asking mistold("", "three");
  mistold.answer(200, namespace_of("two"));
  CHECK_FALSE(mistold.watches.trusted());
}

TEST_CASE("cluster identity: where a role of old does not allow the question, it is said") {
  Asking rig;
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(rig.watches.trusted());
    rig.answer(403, status(403, "Forbidden", "namespaces is forbidden"));
    if (i < 2) rig.wait_until_due();
  }
  CHECK(rig.watches.trusted());
  CHECK(rig.problem().find("not allowed to get the namespace kube-system (namespaces is "
                           "forbidden); \"pona install\" prints the roles") != std::string::npos);
  rig.list(event("ADDED", widget("a", 1, 5)) + bookmark(10, true));
  CHECK(rig.changes() == "+a:1");
}

TEST_CASE("cluster identity: errors are no identity, and nothing begins before there is one") {
  const int code = GENERATE(0, 401, 429, 500, 200);
  Asking rig;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(rig.asked() == kube_system);
    if (code != 0) {
      rig.answer(code, code == 200 ? "{}" : status(code, "", "no"));
    } else {
      rig.transport.end(rig.transport.last(), "cannot reach the API server");
      rig.step();
    }
    CHECK_FALSE(rig.watches.trusted());
    CHECK(rig.transport.open().empty());
    const std::string told = rig.problem();
    if (i == 0) CHECK_FALSE(told.empty());
    rig.wait_until_due();
  }
  rig.answer(200, namespace_of("one"));
  rig.list(event("ADDED", widget("a", 1, 5)) + bookmark(10, true));
  CHECK(rig.changes() == "+a:1");
  CHECK(rig.problem().empty());
}

}  // namespace unit::trust_test
