#include "kube/edge/mapping_status_writer.hpp"

#include "unit/kube/api/requests_rig.hpp"

namespace unit::mapping_status_writer_test {

namespace {

using namespace exchanges_rig;

const core::ObjectName web{"shop", "web"};

struct Reporter : Rig {
  kube::EventRecorder events{"pona.dev/edge", "edge-0", exchanges, clock.clock()};
  kube::EdgeRoster roster{{"pona-system", "edge-0", "edge-0_1"}, exchanges, clock.clock()};
  kube::MappingReporter reporter{
      {.instance = "edge-0",
       .service = [](const core::ObjectName&) { return nullptr; },
       .see = [](const core::ObjectName&, std::shared_ptr<const kube::Seen>) {}},
      roster,
      exchanges,
      events,
      clock.clock()};

  kube::Seen object;
  void see() {
    object.uid = "uid";
    object.generation = 3;
    reporter.seen(web, std::make_shared<const kube::Seen>(object));
    reporter.step();
  }
  void plan(const std::string& message = "") {
    core::InstanceStatus status;
    status.entry.state = core::MappingReport::State::active;
    status.entry.addresses = {*core::Address::parse("203.0.113.10")};
    status.entry.generation = 3;
    status.entry.message = message;
    reporter.planned(web, status);
    reporter.step();
  }
  void other_edge() {
    core::MappingInstance other;
    other.name = "edge-1";
    other.state = core::MappingReport::State::active;
    other.addresses = {*core::Address::parse("203.0.113.10")};
    other.generation = 3;
    other.heartbeat = clock.unix_seconds;
    other.heartbeat_period = 60;
    object.status.instances = {other};
  }
  void wait(std::chrono::milliseconds time) {
    for (const auto end = clock.now + time; clock.now < end; clock.advance(1s)) reporter.step();
  }
};

}  // namespace

TEST_CASE("an edge writes its own entry, by its own manager, and no conditions") {
  Reporter edge;
  edge.see();
  CHECK(edge.started() == 0);
  edge.plan();
  REQUIRE(edge.started() == 1);
  CHECK(edge.request().target.find(
            "/namespaces/shop/mappings/web/status?fieldManager=pona-edge-edge-0") !=
        std::string::npos);
  CHECK(edge.sent()["metadata"]["uid"] == "uid");
  const json status = edge.sent()["status"];
  REQUIRE(status["instances"].size() == 1);
  CHECK(status["instances"][0]["name"] == "edge-0");
  CHECK(status["instances"][0]["observedGeneration"] == 3);
  CHECK_FALSE(status.contains("conditions"));
}

TEST_CASE("what is wrong with a Mapping is told in as much as a status holds") {
  Reporter edge;
  for (int i = 0; i < 5000; ++i) edge.object.faults.push_back("port " + std::to_string(i) + " ...");
  edge.see();
  REQUIRE(edge.started() == 1);
  const json entry = edge.sent()["status"]["instances"][0];
  CHECK(entry["state"] == "rejected");
  const std::string message = entry["message"];
  CHECK(message.size() < 5000);
  CHECK(message.find("port 0 ...; port 1 ...") == 0);
  CHECK(message.find(" more") != std::string::npos);
}

TEST_CASE("a leader that has nothing to say itself writes what the others come to") {
  Reporter edge;
  edge.other_edge();
  edge.reporter.lead(true);
  edge.see();
  // It may be about to say something.
  CHECK(edge.started() == 0);
  edge.wait(60s);
  REQUIRE(edge.started() == 1);
  CHECK(edge.request().target.find("fieldManager=pona-edge&") != std::string::npos);
  CHECK(edge.sent()["status"]["conditions"].size() == 2);
}

TEST_CASE("3.4: the leader writes ports and edges as texts, where the definition has them") {
  Reporter edge;
  edge.other_edge();
  edge.object.status.instances.front().name = "edge-0";  // its own, which is written already
  edge.reporter.lead(true);
  core::InstanceStatus status;
  status.entry = edge.object.status.instances.front();
  status.ports = "443/tcp, 53/udp";
  edge.reporter.planned(web, status);
  edge.see();
  REQUIRE(edge.started() == 1);
  CHECK(edge.sent()["status"]["ports"] == "443/tcp, 53/udp");
  CHECK(edge.sent()["status"]["edges"] == "edge-0");

  // A definition of an older version: what it has fields for is said all the same.
  const std::string refusal =
      R"({"kind": "Status", "code": 500, "message": "failed to create typed patch object: errors:\n)"
      R"(  .status.edges: field not declared in schema"})";
  edge.answer(edge.reporter, 500, refusal);
  edge.reporter.step();
  REQUIRE(edge.started() == 2);
  CHECK_FALSE(edge.sent()["status"].contains("ports"));
  CHECK_FALSE(edge.sent()["status"].contains("edges"));
  CHECK(edge.sent()["status"]["conditions"].size() == 2);
  CHECK(edge.reporter.trouble().find("pona install crds") != std::string::npos);
  const auto take_over = [&] {
    const json sent = edge.sent()["status"];
    edge.object.status.observed_generation = sent["observedGeneration"];
    edge.object.status.invalid = sent["invalid"];
    edge.object.status.conditions.clear();
    for (const json& one : sent["conditions"]) {
      core::Condition condition{one["type"], core::Condition::Status::yes, one["reason"],
                                one["message"], one["observedGeneration"]};
      condition.since = edge.clock.unix_seconds;
      edge.object.status.conditions.push_back(condition);
    }
    edge.object.status.ports = sent.value("ports", "");
    edge.object.status.edges = sent.value("edges", "");
    edge.answer(edge.reporter, 200);
    edge.see();
  };
  take_over();
  CHECK(edge.started() == 2);

  // It may have been renewed meanwhile.
  const auto heartbeat = [&] {
    edge.object.status.instances.front().heartbeat = edge.clock.unix_seconds;
    edge.see();
  };
  for (int i = 0; i < 40 && edge.started() == 2; ++i) {
    edge.clock.advance(10s);
    heartbeat();
  }
  REQUIRE(edge.started() == 3);
  CHECK(edge.sent()["status"]["ports"] == "443/tcp, 53/udp");
  CHECK(edge.reporter.trouble().find("pona install crds") != std::string::npos);
  take_over();
  CHECK(edge.reporter.trouble().empty());
  CHECK(edge.started() == 3);
}

TEST_CASE("who does not lead leaves conditions alone") {
  Reporter edge;
  edge.other_edge();
  edge.see();
  edge.wait(120s);
  CHECK(edge.started() == 0);
}

TEST_CASE("what drops a Mapping's traffic on the edge's host is told in an Event, once") {
  Reporter edge;
  edge.see();
  const auto drop = [&](const std::string& obstacle) {
    core::InstanceStatus status;
    status.entry.state = core::MappingReport::State::active;
    status.entry.generation = 3;
    status.obstacle = obstacle;
    edge.reporter.planned(web, status);
    edge.reporter.step();
    edge.events.step();
  };
  drop("");
  const auto before = edge.started();
  drop("chain FORWARD of table ip filter drops mapped traffic");
  REQUIRE(edge.started() == before + 1);
  CHECK(edge.request().target.find("/events") != std::string::npos);
  CHECK(edge.sent()["reason"] == "TrafficDropped");
  CHECK(edge.sent()["type"] == "Warning");
  CHECK(edge.sent()["note"] ==
        "on edge edge-0: chain FORWARD of table ip filter drops mapped traffic");
  drop("chain FORWARD of table ip filter drops mapped traffic");
  drop("");
  CHECK(edge.started() == before + 1);
}

TEST_CASE("3.7: of a Mapping that goes soon after its Service nothing is written") {
  Reporter edge;
  edge.see();
  edge.plan();
  edge.answer(edge.reporter, 200);
  const auto before = edge.started();
  core::InstanceStatus lost;
  lost.entry.state = core::MappingReport::State::rejected;
  lost.entry.generation = 3;
  lost.entry.message = "Service shop/web does not exist";
  edge.reporter.planned(web, lost);
  edge.wait(2s);
  CHECK(edge.started() == before);
  SECTION("it goes") {
    edge.reporter.planned(web, std::nullopt);
    edge.reporter.seen(web, nullptr);
    edge.wait(60s);
    CHECK(edge.started() == before);
  }
  SECTION("it stays") {
    edge.wait(2s);
    REQUIRE(edge.started() == before + 1);
    CHECK(edge.sent()["status"]["instances"][0]["message"] == "Service shop/web does not exist");
  }
}

TEST_CASE("4.7: that source ports run short is told in an Event, once") {
  Reporter edge;
  edge.see();
  core::InstanceStatus status;
  status.entry.generation = 3;
  core::add_shortage(status, "at least 90% ...");
  CHECK(status.entry.message == "at least 90% ...");
  for (int i = 0; i < 2; ++i) {
    edge.reporter.planned(web, status);
    edge.events.step();
  }
  REQUIRE(edge.started() == 1);
  CHECK(edge.sent()["reason"] == "SourcePortsShort");
  CHECK(edge.sent()["note"] == "on edge edge-0: at least 90% ...");
}

}  // namespace unit::mapping_status_writer_test
