#include "kube/api/event_recorder.hpp"

#include "unit/kube/api/requests_rig.hpp"

namespace unit::event_recorder_test {

namespace {

using namespace exchanges_rig;

kube::EventNote note_of(const std::string& name, const std::string& text = "no such Service") {
  return {{core::Kind::mapping, {"shop", name}}, "u-1", true, "Rejected", "Accept", text};
}

struct Speaker : Rig {
  kube::EventRecorder events{"pona.dev/edge", "edge-0", exchanges, clock.clock()};

  void record(const kube::EventNote& note) {
    events.record(note);
    events.step();
  }
  void answer(int code) {
    Rig::answer(events, code);
    events.step();
  }
  void wait() {
    clock.now = std::max(clock.now, events.due());
    events.step();
  }
};

TEST_CASE("an Event says what happened to what") {
  Speaker speaker;
  speaker.record(note_of("web"));
  CHECK(speaker.request().method == "POST");
  CHECK(speaker.request().target == "/apis/events.k8s.io/v1/namespaces/shop/events");
  const json event = speaker.sent();
  CHECK(event["regarding"]["name"] == "web");
  CHECK(event["regarding"]["uid"] == "u-1");
  CHECK(event["type"] == "Warning");
  CHECK(event["reason"] == "Rejected");
  CHECK(event["note"] == "no such Service");
  CHECK(event["reportingInstance"] == "edge-0");
  CHECK(event["eventTime"] == "2023-11-14T22:13:20.000000Z");
  speaker.answer(201);
  CHECK(speaker.events.due() == os::Time::max());
}

TEST_CASE("what happens again is counted in the same Event, and nothing else of it changes") {
  Speaker speaker;
  speaker.record(note_of("web"));
  const std::string name = speaker.sent()["metadata"]["name"];
  speaker.answer(201);
  const os::Time told = speaker.clock.now;
  for (int i = 0; i < 5; ++i) speaker.record(note_of("web"));
  CHECK(speaker.open() == 0);
  speaker.wait();
  CHECK(speaker.clock.now >= told + 1min);
  CHECK(speaker.started() == 2);
  CHECK(speaker.request().method == "PATCH");
  CHECK(speaker.request().target.ends_with("/events/" + name));
  const json patch = speaker.sent();
  CHECK(patch.size() == 1);
  CHECK(patch["series"]["count"] == 6);
  speaker.answer(200);
  CHECK(speaker.events.due() == os::Time::max());
}

TEST_CASE("another note, or after a long time, is another Event") {
  Speaker speaker;
  speaker.record(note_of("web"));
  speaker.answer(201);
  speaker.record(note_of("web", "no such address"));
  CHECK(speaker.request().method == "POST");
  speaker.answer(201);
  speaker.clock.advance(7min);
  speaker.record(note_of("web"));
  CHECK(speaker.request().method == "POST");
  CHECK(speaker.started() == 3);
}

TEST_CASE("Events are few at a time, and those that wait are bounded") {
  Speaker speaker;
  for (int i = 0; i < 400; ++i) speaker.record(note_of("web-" + std::to_string(i)));
  CHECK(speaker.events.dropped() > 0);
  CHECK(speaker.events.dropped() < 400);
  const os::Time begun = speaker.clock.now;
  while (speaker.open() > 0) speaker.answer(201);
  CHECK(speaker.started() <= 30);
  CHECK(speaker.events.due() > begun);
  for (int i = 0; i < 10; ++i) {
    speaker.wait();
    speaker.answer(201);
  }
  CHECK(speaker.clock.now >= begun + 9s);
}

TEST_CASE("an Event that the server will not have is dropped") {
  Speaker speaker;
  speaker.record(note_of("web"));
  speaker.answer(403);
  CHECK(speaker.events.dropped() == 1);
  CHECK(speaker.events.due() == os::Time::max());
}

TEST_CASE("an Event is tried again while the server cannot, and dropped at last") {
  Speaker speaker;
  speaker.record(note_of("web"));
  speaker.answer(503);
  CHECK(speaker.events.dropped() == 0);
  speaker.wait();
  const std::string again = speaker.sent()["metadata"]["name"];
  CHECK(again != json::parse(speaker.transport.started().front().body)["metadata"]["name"]);
  for (int i = 0; i < 20 && speaker.open() > 0; ++i) {
    speaker.answer(503);
    if (speaker.events.due() != os::Time::max()) speaker.wait();
  }
  CHECK(speaker.open() == 0);
  CHECK(speaker.events.dropped() == 1);
}

TEST_CASE("what happens again while it waits for a server of long silence is counted") {
  Speaker speaker;
  for (int i = 0; i < 300; ++i) speaker.events.record(note_of("web-" + std::to_string(i)));
  speaker.clock.advance(7min);
  speaker.events.record(note_of("web-7"));
  CHECK(speaker.events.due() <= speaker.clock.now);
  speaker.events.step();
  speaker.clock.advance(7min);
  // The one that is being sent.
  speaker.events.record(note_of("web-0"));
  speaker.answer(201);
  CHECK(speaker.events.due() >= speaker.clock.now);
}

}  // namespace

}  // namespace unit::event_recorder_test
