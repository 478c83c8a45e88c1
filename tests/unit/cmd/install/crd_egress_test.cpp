// The schema of Egresses: the design's example fits unchanged, the first pona's objects do, and the
// decoder judges as it does.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/decode/decode.hpp"
#include "kube/decode/parse.hpp"
#include "support/catch.hpp"
#include "support/crd_schema.hpp"
#include "unit/cmd/install/crd.hpp"

namespace unit::crd_egress_test {

namespace {

using nlohmann::json;
using test::definition;
using test::parsed;
using test::schema_of;

const char* const example = R"({
  "apiVersion": "pona.cybozu.com/v1",
  "kind": "Egress",
  "metadata": {"namespace": "egress", "name": "egress"},
  "spec": {
    "destinations": ["172.20.0.0/16", "fd04::/64"],
    "replicas": 3,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2, "maxSurge": 0}},
    "template": {
      "metadata": {"annotations": {"ann1": "foo"}, "labels": {"label1": "bar"}},
      "spec": {"containers": [{"name": "egress", "resources": {"limits": {"memory": "400Mi"}}}]}
    },
    "sessionAffinity": "ClientIP",
    "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 43200}},
    "podDisruptionBudget": {"maxUnavailable": 1}
  }
})";

bool decodes(const json& object) {
  kube::Document document;
  bool whole = false;
  kube::DecodeOptions options;
  options.kinds = {core::Kind::egress};
  const auto error = kube::parse_json(object.dump(), document, [&](const kube::Document& parsed) {
    const auto objects = kube::decode(*parsed.root(), options);
    whole = objects.size() == 1 && objects[0].object != nullptr;
  });
  REQUIRE_FALSE(error);
  return whole;
}

json with(const char* field, const json& value) {
  json object = parsed(example);
  object["spec"][field] = value;
  return object;
}

}  // namespace

TEST_CASE("both versions of Egress have one schema, one scale and the columns") {
  const json spec = definition("Egress")["spec"];
  CHECK(spec["scope"] == "Namespaced");
  CHECK(spec["names"]["shortNames"] == json::array({"eg"}));
  REQUIRE(spec["versions"].size() == 2);
  CHECK(spec["versions"][0]["name"] == "v1");
  CHECK(spec["versions"][1]["name"] == "v1beta1");
  for (const char* const same : {"schema", "subresources", "additionalPrinterColumns"}) {
    CHECK(spec["versions"][0][same] == spec["versions"][1][same]);
  }
  CHECK(spec["versions"][0]["subresources"]["scale"] ==
        parsed(R"({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                   "labelSelectorPath": ".status.selector"})"));
}

TEST_CASE("the design's example is taken as it stands, and nothing of it is dropped") {
  const json object = parsed(example);
  const crd::Checked checked = crd::check(schema_of("Egress"), object);
  CHECK(checked.violations == std::vector<std::string>());
  json expected = object;
  expected["spec"].update(parsed(R"({"mode": "Direct", "encapsulation": "FoU",
                                     "onUnavailable": "Drop", "drainSeconds": 30})"));
  CHECK(checked.value == expected);
  CHECK(decodes(checked.value));
}

TEST_CASE("a template holds whatever a pod may have") {
  const json template_of = parsed(R"({"metadata": {"labels": {"a": "b"}, "finalizers": ["x/y"]},
    "spec": {"tolerations": [{"operator": "Exists"}], "containers": [
      {"name": "sidecar", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}})");
  const crd::Checked checked = crd::check(schema_of("Egress"), with("template", template_of));
  CHECK(checked.violations == std::vector<std::string>());
  CHECK(checked.value["spec"]["template"] == template_of);
}

TEST_CASE("schema and decoder judge Egresses alike") {
  struct Row {
    const char* field;
    json value;
    bool good;
  };
  const std::vector<Row> rows = {
      {"destinations", json::array({"0.0.0.0/0", "::/0", "10.1.2.3/8", "192.0.2.7"}), true},
      {"destinations", json::array(), false},
      {"destinations", nullptr, false},
      {"destinations", json::array({"10.0.0.0/33"}), false},
      {"destinations", json::array({"office"}), false},
      {"destinations", json::array({nullptr}), false},
      {"excludedDestinations", json::array(), true},
      {"excludedDestinations", json::array({"172.20.9.0/24"}), true},
      {"excludedDestinations", json::array({"1::2::/64"}), false},
      {"mode", "Direct", true},
      {"mode", "Service", true},
      {"mode", "direct", false},
      {"encapsulation", "VXLAN", true},
      {"encapsulation", "GRE", false},
      {"onUnavailable", "Bypass", true},
      {"onUnavailable", "Reject", false},
      {"drainSeconds", 0, true},
      {"drainSeconds", 86400, true},
      {"drainSeconds", 86401, false},
      {"drainSeconds", -1, false},
  };
  const json schema = schema_of("Egress");
  for (const Row& row : rows) {
    INFO(row.field << ": " << row.value);
    const json object = with(row.field, row.value);
    CHECK(crd::check(schema, object).violations.empty() == row.good);
    CHECK(decodes(object) == row.good);
  }
}

TEST_CASE("what is the controller's alone, the schema judges") {
  const json schema = schema_of("Egress");
  const std::vector<std::pair<const char*, const char*>> bad = {
      {"replicas", "-1"},
      {"sessionAffinity", R"("ClusterIP")"},
      {"sessionAffinityConfig", R"({"clientIP": {"timeoutSeconds": 0}})"},
      {"podDisruptionBudget", R"({"minAvailable": 1, "maxUnavailable": "25%"})"},
      {"podDisruptionBudget", R"({"minAvailable": true})"},
      {"strategy", R"({"type": "OnDelete"})"},
      {"template", R"({"metadata": {"labels": {"a": 1}}})"},
  };
  for (const auto& [field, value] : bad) {
    INFO(field << ": " << value);
    CHECK(crd::check(schema, with(field, parsed(value))).violations.size() == 1);
  }
  CHECK(crd::check(schema, with("replicas", 0)).violations.empty());
  CHECK(crd::check(schema, with("podDisruptionBudget", parsed(R"({"minAvailable": "50%"})")))
            .violations.empty());
}

}  // namespace unit::crd_egress_test
