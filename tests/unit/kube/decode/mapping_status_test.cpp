#include "kube/decode/mapping_status.hpp"

#include <string>

#include "kube/decode/parse.hpp"
#include "support/catch.hpp"

namespace unit::mapping_status_test {

namespace {

using State = core::MappingReport::State;

kube::MappingStatusView decode(const std::string& text) {
  kube::Document document;
  kube::MappingStatusView view;
  const auto error = kube::parse_json(text, document, [&](const kube::Document& parsed) {
    view = kube::decode_mapping_status(*parsed.root());
  });
  REQUIRE_FALSE(error);
  return view;
}

core::Address address(const std::string& text) { return core::Address::parse(text).value(); }

}  // namespace

TEST_CASE("a Mapping's status becomes values") {
  const auto view = decode(R"({"status": {
    "observedGeneration": 3,
    "conditions": [{"type": "Programmed", "status": "True", "reason": "Programmed",
      "message": "carried by edge-a", "observedGeneration": 3,
      "lastTransitionTime": "2024-01-31T23:59:59Z"}],
    "instances": [{"name": "edge-a", "state": "active", "addresses": ["192.0.2.2", "192.0.2.1"],
      "message": "fine", "observedGeneration": 2, "heartbeatTime": "2024-01-31T23:59:59.5+01:00"}],
    "invalid": "no", "serviceVIP": "10.96.0.7", "ports": "80/tcp", "edges": "edge-a",
    "configuredAddresses": {"192.0.2.1": {"podIPs": ["10.0.0.2", "10.0.0.1"]}, "2001:db8::1": {}}
  }})");
  CHECK(view.observed_generation == 3);
  REQUIRE(view.conditions.size() == 1);
  CHECK(view.conditions.front() == core::Condition{"Programmed", core::Condition::Status::yes,
                                                   "Programmed", "carried by edge-a", 3,
                                                   1706745599});
  CHECK(view.condition("Programmed") == &view.conditions.front());
  CHECK(view.condition("Accepted") == nullptr);
  REQUIRE(view.instances.size() == 1);
  const core::MappingInstance& edge = view.instances.front();
  CHECK(edge.name == "edge-a");
  CHECK(edge.state == State::active);
  CHECK(edge.addresses == std::vector{address("192.0.2.1"), address("192.0.2.2")});
  CHECK(edge.message == "fine");
  CHECK(edge.generation == 2);
  CHECK(edge.heartbeat == 1706745599 - 3600);
  CHECK(view.invalid == "no");
  CHECK(view.service_vip == "10.96.0.7");
  CHECK(view.ports == "80/tcp");
  CHECK(view.edges == "edge-a");
  CHECK(view.configured == std::map<core::Address, std::vector<core::Address>>{
                               {address("192.0.2.1"), {address("10.0.0.1"), address("10.0.0.2")}},
                               {address("2001:db8::1"), {}}});
}

TEST_CASE("what is malformed in a Mapping's status is passed over") {
  for (const auto* const nothing :
       {"{}", "[]", "7", R"({"status": null})", R"({"status": "bad"})",
        R"({"status": {"observedGeneration": "3", "conditions": {}, "instances": [1, null]}})",
        R"({"status": {"observedGeneration": 99999999999999999999, "invalid": true}})",
        R"({"status": {"conditions": [{"type": "Accepted", "status": "Maybe"}]}})",
        R"({"status": {"instances": [{"name": "a", "state": "new"}, {"state": "active"}]}})",
        R"({"status": {"configuredAddresses": {"no": {}, "192.0.2.1": []}}})"}) {
    INFO(nothing);
    CHECK(decode(nothing) == kube::MappingStatusView{});
  }
  const auto view = decode(R"({"status": {"instances": [
    {"name": "a", "state": "rejected", "addresses": ["x", 7, "192.0.2.1", "192.0.2.1"],
     "heartbeatTime": "yesterday", "observedGeneration": -1.5}]}})");
  REQUIRE(view.instances.size() == 1);
  CHECK(view.instances.front().addresses == std::vector{address("192.0.2.1")});
  CHECK(view.instances.front().heartbeat == 0);
  CHECK(view.instances.front().generation == 0);
}

}  // namespace unit::mapping_status_test
