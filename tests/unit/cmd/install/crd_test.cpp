// The definitions of `pona install crds`: that an API server takes them, that what edges write fits
// in, and what pools may hold.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/crd_schema.hpp"
#include "unit/cmd/install/crd.hpp"

namespace unit::crd_test {

namespace {

using nlohmann::json;
using test::definition;
using test::definitions;
using test::mapping;
using test::parsed;
using test::schema_of;

json pool(const json& spec) {
  return {{"apiVersion", "pona.dev/v1alpha1"},
          {"kind", "AddressPool"},
          {"metadata", {{"name", "public"}}},
          {"spec", spec}};
}

}  // namespace

TEST_CASE("the definitions are what an API server takes") {
  const auto crds = definitions();
  REQUIRE(crds.size() == 3);
  for (const json& crd : crds) {
    const json& spec = crd["spec"];
    INFO(crd["metadata"]["name"]);
    CHECK(crd["apiVersion"] == "apiextensions.k8s.io/v1");
    CHECK(crd["metadata"]["name"] ==
          spec["names"]["plural"].get<std::string>() + "." + spec["group"].get<std::string>());
    CHECK(spec["names"]["categories"] == json::array({"pona"}));
    CHECK(spec["names"]["shortNames"].size() == 1);
    for (const json& version : spec["versions"]) {
      CHECK(version["served"] == true);
      CHECK(version["storage"] == (version == spec["versions"][0]));
      CHECK(crd::faults(version["schema"]["openAPIV3Schema"]) == std::vector<std::string>());
    }
    if (spec["names"]["kind"] == "Egress") continue;
    REQUIRE(spec["versions"].size() == 1);
    CHECK(spec["versions"][0]["name"] == "v1alpha1");
  }
  CHECK(definition("Mapping")["spec"]["scope"] == "Namespaced");
  CHECK(definition("Mapping")["spec"]["versions"][0]["subresources"]["status"] == json::object());
  CHECK(definition("Mapping")["spec"]["preserveUnknownFields"] == false);
  CHECK(definition("AddressPool")["spec"]["scope"] == "Cluster");
}

TEST_CASE("columns show fields that the schema has") {
  for (const json& crd : definitions()) {
    const json& version = crd["spec"]["versions"][0];
    for (const json& column : version["additionalPrinterColumns"]) {
      const std::string path = column["jsonPath"];
      INFO(path);
      if (path == ".metadata.creationTimestamp") continue;
      json node = version["schema"]["openAPIV3Schema"];
      std::string rest = path;
      // A filter stands for its list's items, whatever its condition.
      for (std::size_t at = rest.find("[?("); at != std::string::npos; at = rest.find("[?(")) {
        rest.replace(at, rest.find(")]", at) + 2 - at, "[*]");
      }
      while (!rest.empty()) {
        if (rest.starts_with("[*]")) {
          REQUIRE(node["type"] == "array");
          node = json(node["items"]);
          rest.erase(0, 3);
          continue;
        }
        const std::size_t end = std::min(rest.find_first_of(".[", 1), rest.size());
        REQUIRE(node["properties"].contains(rest.substr(1, end - 1)));
        node = json(node["properties"][rest.substr(1, end - 1)]);
        rest.erase(0, end);
      }
      CHECK((node["type"] == column["type"] || column["type"] == "string"));
    }
  }
}

TEST_CASE("3.4: no column shows one element of a list for all of them") {
  for (const json& crd : definitions()) {
    for (const json& version : crd["spec"]["versions"]) {
      for (const json& column : version["additionalPrinterColumns"]) {
        INFO(column["name"]);
        CHECK(column["jsonPath"].get<std::string>().find("[*]") == std::string::npos);
      }
    }
  }
}

TEST_CASE("the status of SmartNat and ours are in the schema") {
  json object = mapping();
  object["spec"]["ports"][0]["protocol"] = "tcp";
  object["status"] = parsed(R"({
    "invalid": "no",
    "serviceVIP": "10.96.0.10",
    "ports": "443/tcp, 8000-8010/udp",
    "edges": "edge-1, edge-2",
    "configuredAddresses": {"203.0.113.10": {"podIPs": ["10.1.0.2", "10.1.0.3"]}},
    "observedGeneration": 3,
    "conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 3,
                    "lastTransitionTime": "2024-01-31T23:59:59Z", "reason": "Accepted",
                    "message": ""}],
    "instances": [{"name": "edge-1", "state": "active", "addresses": ["203.0.113.10"],
                   "message": "", "observedGeneration": 3,
                   "heartbeatTime": "2024-01-31T23:59:59Z", "heartbeatPeriodSeconds": 60}]
  })");
  const json schema = schema_of("Mapping");
  const crd::Checked checked = crd::check(schema, object);
  CHECK(checked.violations == std::vector<std::string>());
  CHECK(checked.value == object);  // nothing of it is dropped

  object["status"]["instances"].push_back(
      parsed(R"({"name": "edge-1", "state": "gone", "heartbeatPeriodSeconds": 0})"));
  object["status"]["conditions"].push_back(object["status"]["conditions"][0]);
  CHECK(crd::check(schema, object).violations ==
        std::vector<std::string>{"status.conditions[1]: duplicate",
                                 "status.instances[1].heartbeatPeriodSeconds: is too small",
                                 "status.instances[1].state: \"gone\" is not supported"});
}

TEST_CASE("rules stay far below what they may cost") {
  // The API server stops a rule at 1,000,000, and the rules of an object together at 10,000,000.
  json object = mapping();
  const json schema = schema_of("Mapping");
  object["spec"]["ports"] = json::array();
  for (int i = 0; i < 100; ++i) {
    object["spec"]["ports"].push_back(
        {{"port", 100 * i + 1}, {"endPort", 100 * i + 99}, {"protocol", "SCTP"}});
  }
  const crd::Checked checked = crd::check(schema, object);
  CHECK(checked.violations.empty());
  CHECK(checked.cost > 10'000);  // it was run
  CHECK(checked.cost < 500'000);
  for (int i = 100; i < 256; ++i) object["spec"]["ports"].push_back({{"port", 100 * i + 1}});
  CHECK(crd::check(schema, object).violations.empty());
  CHECK(crd::check(schema, object).cost < 500'000);
  object["spec"]["ports"].push_back({{"port", 30000}});
  CHECK(crd::check(schema, object).violations ==
        std::vector<std::string>{"spec.ports: has too many items"});
}

TEST_CASE("pools hold networks, ranges and addresses") {
  const json schema = schema_of("AddressPool");
  for (const char* const good :
       {"203.0.113.0/28", "203.0.113.20-203.0.113.30", "203.0.113.7", "2001:db8::/120",
        "2001:db8::1-2001:db8::ff", "2001:db8::7", "1:2:3:4:5:6:7:8-1:2:3:4:5:6:7::"}) {
    INFO(good);
    const crd::Checked checked = crd::check(schema, pool({{"addresses", json::array({good})}}));
    CHECK(checked.violations == std::vector<std::string>());
    CHECK(checked.value["spec"]["autoAssign"] == true);
  }
  for (const char* const bad :
       {"", "203.0.113.0/33", "203.0.113.20-30", "203.0.113.20-2001:db8::1", "2001:db8::/129",
        "203.0.113.0/28-203.0.113.30", "203.0.113.20 - 203.0.113.30", "0.0.0.0/0", "::/0",
        "127.0.0.0/8", "224.0.0.0/4", "fe80::/64", "1:2:3:4:5:6:7::8", "public"}) {
    INFO(bad);
    CHECK_FALSE(crd::check(schema, pool({{"addresses", json::array({bad})}})).violations.empty());
  }
  const std::vector<std::pair<const char*, bool>> specs = {
      {R"({"addresses": ["203.0.113.7"], "allowedNamespaces": ["shop", "infra"],
           "autoAssign": false})",
       true},
      {R"({"addresses": ["203.0.113.7"], "allowedNamespaces": ["Shop"]})", false},
      {R"({"addresses": ["203.0.113.7"], "allowedNamespaces": ["a", "a"]})", false},
      {R"({"addresses": ["203.0.113.7"], "autoAssign": "yes"})", false},
      {R"({"addresses": ["203.0.113.7", "203.0.113.7"]})", false},
      {R"({"addresses": []})", false},
      {"{}", false},
  };
  for (const auto& [spec, valid] : specs) {
    INFO(spec);
    CHECK(crd::check(schema, pool(parsed(spec))).violations.empty() == valid);
  }
}

}  // namespace unit::crd_test
