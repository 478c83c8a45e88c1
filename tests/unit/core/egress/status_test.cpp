#include "core/egress/status.hpp"

#include <algorithm>

#include "support/catch.hpp"

namespace unit::egress_status_test {

using namespace core;

namespace {

EgressFacts facts(std::uint32_t available, std::uint32_t wanted, bool in_effect = true) {
  EgressFacts result;
  result.generation = 3;
  result.now = 1000;
  result.in_effect = in_effect;
  result.available = available;
  result.wanted = wanted;
  return result;
}

Condition condition(const EgressFacts& facts, const std::string& type,
                    const std::vector<Condition>& before = {}) {
  const std::vector<Condition> all = egress_conditions(facts, before);
  const auto found = std::ranges::find(all, type, &Condition::type);
  REQUIRE(found != all.end());
  return *found;
}

}  // namespace

TEST_CASE("an Egress is ready while a NAT pod is, and says how many of how many") {
  struct Case {
    std::uint32_t available, wanted;
    bool in_effect;
    Condition::Status status;
    std::string reason;
  };
  const Case cases[] = {
      {2, 2, true, Condition::Status::yes, "Available"},
      {3, 2, true, Condition::Status::yes, "Available"},
      {1, 2, true, Condition::Status::yes, "PartlyAvailable"},
      {0, 2, true, Condition::Status::no, "Unavailable"},
      {0, 0, true, Condition::Status::no, "ScaledToZero"},
      // What has never been in effect was not scaled to nothing by anybody.
      {0, 0, false, Condition::Status::no, "Unavailable"},
      {0, 2, false, Condition::Status::no, "Unavailable"},
      // Its NAT pods of before go on.
      {2, 2, false, Condition::Status::yes, "Available"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.available, each.wanted, each.in_effect);
    const Condition ready = condition(facts(each.available, each.wanted, each.in_effect), "Ready");
    CHECK(ready.status == each.status);
    CHECK(ready.reason == each.reason);
  }
  CHECK(condition(facts(1, 2), "Ready").message == "1 of 2 NAT pods are available");
}

TEST_CASE("an Egress with faults says whether a version before stays in effect") {
  EgressFacts invalid = facts(0, 2);
  invalid.faults = {"spec.replicas is negative", "spec.destinations is empty"};
  CHECK(condition(invalid, "Valid").status == Condition::Status::no);
  CHECK(
      condition(invalid, "Valid").message ==
      "spec.replicas is negative; spec.destinations is empty; the version before stays in effect");
  CHECK(condition(invalid, "Applied").status == Condition::Status::yes);
  invalid.in_effect = false;
  CHECK(condition(invalid, "Valid").message ==
        "spec.replicas is negative; spec.destinations is empty");
  CHECK(condition(invalid, "Applied").reason == "NotValid");
}

TEST_CASE("what the API server refused of an Egress's workload is said as it said it") {
  EgressFacts refused = facts(1, 2);
  refused.refusal_reason = "Forbidden";
  refused.refusal_message = "exceeded quota";
  CHECK(condition(refused, "Applied").status == Condition::Status::no);
  CHECK(condition(refused, "Applied").reason == "Forbidden");
  CHECK(condition(refused, "Applied").message == "exceeded quota");
}

TEST_CASE("a condition's time is that of its last change of status") {
  const std::vector<Condition> before = egress_conditions(facts(2, 2), {});
  EgressFacts later = facts(1, 2);
  later.now = 2000;
  later.generation = 4;
  CHECK(condition(later, "Ready", before).since == 1000);
  CHECK(condition(later, "Ready", before).generation == 4);
  later.available = 0;
  CHECK(condition(later, "Ready", before).since == 2000);
  CHECK(condition(later, "Valid", before).since == 1000);
}

}  // namespace unit::egress_status_test
