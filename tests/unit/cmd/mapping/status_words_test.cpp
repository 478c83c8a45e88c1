#include "cmd/mapping/status_words.hpp"

#include "cmd/mapping/request.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::status_words_test {

namespace {

using Phase = cmd::MappingState::Phase;
using State = core::MappingReport::State;
using Status = core::Condition::Status;

constexpr std::int64_t now = 1'000'000;

core::Condition condition(const std::string& type, Status status, const std::string& reason,
                          const std::string& message, std::int64_t generation = 2) {
  return {type, status, reason, message, generation, now - 600};
}

kube::LiveObject live(std::vector<core::Condition> conditions) {
  kube::LiveObject object;
  object.generation = 2;
  object.status.conditions = std::move(conditions);
  return object;
}

core::MappingInstance instance(const std::string& name, State state, std::int64_t age,
                               std::int64_t generation = 2) {
  core::MappingInstance entry;
  entry.name = name;
  entry.state = state;
  entry.generation = generation;
  entry.heartbeat = now - age;
  return entry;
}

}  // namespace

TEST_CASE("a Mapping's state is that of its present generation") {
  const auto accepted = condition("Accepted", Status::yes, "Accepted", "");
  CHECK(cmd::state_of(live({})).reason == "no edge has looked at it yet");
  const auto old =
      cmd::state_of(live({condition("Programmed", Status::yes, "Programmed", "carried by a", 1)}));
  CHECK(old.phase == Phase::pending);
  CHECK(old.reason == "no edge has looked at the change yet");
  const auto programmed = cmd::state_of(
      live({accepted, condition("Programmed", Status::yes, "Programmed", "carried by a")}));
  CHECK(programmed.phase == Phase::programmed);
  CHECK(programmed.word == "Programmed");
  CHECK(programmed.reason == "carried by a");
  const auto partly =
      cmd::state_of(live({condition("Accepted", Status::yes, "PartlyAccepted", "443/tcp is taken"),
                          condition("Programmed", Status::yes, "Programmed", "carried by a")}));
  CHECK(partly.phase == Phase::programmed);
  CHECK(partly.reason == "carried by a; 443/tcp is taken");
  const auto rejected = cmd::state_of(live({condition("Accepted", Status::no, "Rejected", "")}));
  CHECK(rejected.phase == Phase::rejected);
  CHECK(rejected.reason == "Rejected");
  const auto homeless = cmd::state_of(
      live({accepted, condition("Programmed", Status::no, "NoAddress", "no edge has it")}));
  CHECK(homeless.phase == Phase::pending);
  CHECK(homeless.word == "NoAddress");
  kube::LiveObject going = live({accepted});
  going.deleting = true;
  CHECK(cmd::state_of(going).word == "Deleting");
}

TEST_CASE("edges that are silent for too long carry nothing") {
  kube::LiveObject object = live({});
  CHECK(cmd::instances_text(object, now) == "0/0");
  CHECK(cmd::instance_states(object, now) == "-");
  object.status.instances = {instance("a", State::active, 5), instance("b", State::inactive, 5),
                             instance("c", State::degraded, 10'000),
                             instance("d", State::active, 5, 1)};
  CHECK(cmd::instances_text(object, now) == "1/3");
  CHECK(cmd::instance_states(object, now) == "a:active,b:inactive,c:silent,d:active");
  object.status.instances.front().message = "fine";
  object.status.instances.front().addresses = {core::Address::parse("192.0.2.1").value()};
  CHECK(cmd::instance_lines(object, now) ==
        std::vector<std::string>{"a active with 192.0.2.1: fine (heard 5s ago)",
                                 "b inactive (heard 5s ago)",
                                 "c degraded (heard 166m ago, silent for too long)",
                                 "d active (heard 5s ago, of an older version)"});
}

TEST_CASE("conditions are told with their age") {
  CHECK(cmd::condition_lines(live({condition("Accepted", Status::yes, "Accepted", ""),
                                   condition("Programmed", Status::no, "NoAddress", "none", 1)}),
                             now) ==
        std::vector<std::string>{"Accepted=True (since 10m)",
                                 "Programmed=False NoAddress: none (since 10m, of an older "
                                 "version)"});
}

TEST_CASE("how long to wait is said in seconds or minutes") {
  CHECK(cmd::parse_wait("60").count() == 60);
  CHECK(cmd::parse_wait("5s").count() == 5);
  CHECK(cmd::parse_wait("2m").count() == 120);
  for (const auto* const bad : {"0", "-1", "s", "1h", "1.5", "999999", "soon"}) {
    INFO(bad);
    CHECK_THROWS_AS(cmd::parse_wait(bad), core::Error);
  }
}

}  // namespace unit::status_words_test
