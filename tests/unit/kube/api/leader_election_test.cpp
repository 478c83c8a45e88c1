#include "kube/api/leader_election.hpp"

#include "unit/kube/api/requests_rig.hpp"

namespace unit::leader_election_test {

namespace {

using namespace exchanges_rig;

const std::string collection = "/apis/coordination.k8s.io/v1/namespaces/pona-system/leases";
const std::string path = collection + "/pona-edge";

std::string lease(const std::string& version, const std::string& holder, int transitions = 0,
                  const std::string& renewed = "2001-01-01T00:00:00.000000Z") {
  return json{{"metadata", {{"name", "pona-edge"}, {"resourceVersion", version}}},
              {"spec",
               {{"holderIdentity", holder},
                {"leaseDurationSeconds", 15},
                {"acquireTime", "2001-01-01T00:00:00.000000Z"},
                {"renewTime", renewed},
                {"leaseTransitions", transitions}}}}
      .dump();
}

struct Candidate : Rig {
  kube::Election election{{"pona-system", "pona-edge", "me_1"}, exchanges, clock.clock()};

  void answer(int code, const std::string& body = "{}") { Rig::answer(election, code, body); }
  // What the server makes of a write.
  void accept(const std::string& version) {
    json body = sent();
    body["metadata"]["resourceVersion"] = version;
    answer(200, body.dump());
  }
  // Until its next request.
  void step() {
    const std::size_t before = started();
    clock.now = std::max(clock.now, election.due());
    election.step();
    REQUIRE(started() == before + 1);
  }
  void lead() {
    step();
    answer(404);
    accept("1");
    REQUIRE(election.leading());
  }
};

TEST_CASE("a lease that does not exist is created and led by") {
  Candidate me;
  me.step();
  CHECK(me.request().method == "GET");
  CHECK(me.request().target == path);
  me.answer(404);
  CHECK_FALSE(me.election.leading());
  CHECK(me.request().method == "POST");
  CHECK(me.request().target == collection);
  CHECK(me.sent()["spec"]["holderIdentity"] == "me_1");
  CHECK(me.sent()["spec"]["leaseDurationSeconds"] == 15);
  me.accept("1");
  CHECK(me.election.leading());
  CHECK(me.election.trouble().empty());
}

TEST_CASE("who comes second with a new lease waits for its holder") {
  Candidate me;
  me.step();
  me.answer(404);
  me.answer(409);
  CHECK_FALSE(me.election.leading());
  CHECK(me.open() == 0);
  me.step();
  me.answer(200, lease("1", "other_1"));
  CHECK_FALSE(me.election.leading());
  CHECK(me.open() == 0);
}

TEST_CASE("a holder is gone when one's own clock has seen nothing new for its length") {
  Candidate me;
  me.step();
  // By the clock on the wall it was renewed years ago.
  me.answer(200, lease("7", "other_1", 3));
  const os::Time seen = me.clock.now;
  while (me.election.due() < seen + 15s) {
    me.step();
    REQUIRE(me.request().method == "GET");
    me.clock.unix_seconds += 7200;
    me.answer(200, lease("7", "other_1", 3));
    CHECK_FALSE(me.election.leading());
  }
  me.step();
  me.answer(200, lease("7", "other_1", 3));
  CHECK(me.request().method == "PUT");
  CHECK(me.request().target == path);
  CHECK(me.sent()["metadata"]["resourceVersion"] == "7");
  CHECK(me.sent()["spec"]["leaseTransitions"] == 4);
  CHECK(me.sent()["spec"]["holderIdentity"] == "me_1");
  me.accept("8");
  CHECK(me.election.leading());
}

TEST_CASE("a holder that renews stays, whatever its clock says") {
  Candidate me;
  for (int i = 0; i < 30; ++i) {
    me.step();
    REQUIRE(me.request().method == "GET");
    me.answer(200, lease(std::to_string(i), "other_1", 0,
                         "2001-01-01T00:00:" + std::to_string(10 + i) + ".000000Z"));
  }
  CHECK_FALSE(me.election.leading());
}

TEST_CASE("a leader renews the version that it knows") {
  Candidate me;
  me.lead();
  for (int i = 1; i < 20; ++i) {
    me.step();
    CHECK(me.election.leading());
    CHECK(me.request().method == "PUT");
    CHECK(me.sent()["metadata"]["resourceVersion"] == std::to_string(i));
    CHECK(me.sent()["spec"]["leaseTransitions"] == 0);
    me.accept(std::to_string(i + 1));
  }
  CHECK(me.election.leading());
}

TEST_CASE("a leader whose requests stall stops in time, and comes back by looking") {
  Candidate me;
  me.lead();
  const os::Time until = me.election.leading_until();
  CHECK(until - me.clock.now <= 10s);
  while (me.clock.now < until) {
    CHECK(me.election.leading());
    me.clock.advance(100ms);
    me.hand_on(me.election);
    me.election.step();
  }
  CHECK_FALSE(me.election.leading());
  CHECK(me.election.trouble().find("did not answer in time") != std::string::npos);
  while (me.open() == 0) me.step();
  CHECK(me.request().method == "GET");
  // Nobody took it: a request that went lost was carried out.
  me.answer(200, lease("2", "me_1"));
  CHECK_FALSE(me.election.leading());
  me.accept("3");
  CHECK(me.sent()["spec"]["leaseTransitions"] == 0);
  CHECK(me.election.leading());
}

TEST_CASE("an answer to a renewal counts from when it was asked for") {
  Candidate me;
  me.lead();
  me.step();
  const os::Time asked = me.clock.now;
  me.clock.advance(4s);
  me.accept("2");
  CHECK(me.election.leading_until() == asked + 10s);
}

TEST_CASE("a renewal that comes too late ends leading") {
  Candidate me;
  me.lead();
  me.step();
  me.answer(409);
  CHECK_FALSE(me.election.leading());
  me.step();
  CHECK(me.request().method == "GET");
  me.answer(200, lease("9", "other_1"));
  CHECK_FALSE(me.election.leading());
}

TEST_CASE("a lease that was deleted is no longer led by") {
  Candidate me;
  me.lead();
  me.step();
  me.answer(404);
  CHECK_FALSE(me.election.leading());
}

TEST_CASE("a lease that was deleted binds those who saw its holder") {
  Candidate me;
  me.step();
  me.answer(200, lease("7", "other_1"));
  const os::Time seen = me.clock.now;
  // The holder may not know yet.
  while (me.election.due() < seen + 15s) {
    me.step();
    me.answer(404);
    REQUIRE(me.open() == 0);
  }
  me.step();
  me.answer(404);
  CHECK(me.request().method == "POST");
}

TEST_CASE("who resigns gives the lease back, and the next one has it at once") {
  Candidate me;
  me.lead();
  me.election.resign();
  CHECK_FALSE(me.election.leading());
  CHECK_FALSE(me.election.resigned());
  me.step();
  CHECK(me.request().method == "PUT");
  CHECK(me.sent()["spec"]["holderIdentity"] == "");
  const std::string left = [&] {
    json body = me.sent();
    body["metadata"]["resourceVersion"] = "2";
    return body.dump();
  }();
  me.accept("2");
  CHECK(me.election.resigned());
  CHECK(me.election.due() == os::Time::max());

  Candidate next;
  next.step();
  next.answer(200, lease("1", "other_1"));
  CHECK(next.open() == 0);
  next.step();
  next.answer(200, left);
  next.accept("3");
  CHECK(next.election.leading());
}

TEST_CASE("who does not lead has nothing to give back") {
  Candidate me;
  me.step();
  me.election.resign();
  CHECK(me.election.resigned());
  CHECK(me.open() == 0);
}

TEST_CASE("errors of an election are told, and ease when it goes on") {
  Candidate me;
  me.step();
  me.answer(403, R"({"kind":"Status","reason":"Forbidden","message":"no leases for you"})");
  CHECK(me.election.trouble().find("Lease pona-system/pona-edge") != std::string::npos);
  CHECK(me.election.trouble().find("no leases for you") != std::string::npos);
  CHECK(me.election.due() >= me.clock.now + 2s);
  me.step();
  me.fail(me.election, "the connection broke");
  CHECK(me.election.trouble().find("the connection broke") != std::string::npos);
  me.step();
  me.transport.head(me.transport.last(), 429, 30s);
  me.transport.end(me.transport.last());
  me.hand_on(me.election);
  CHECK(me.election.due() >= me.clock.now + 30s);
  me.step();
  me.answer(200, "no JSON");
  CHECK_FALSE(me.election.trouble().empty());
  me.step();
  me.answer(200, lease("1", "other_1"));
  CHECK(me.election.trouble().empty());
}

}  // namespace

}  // namespace unit::leader_election_test
