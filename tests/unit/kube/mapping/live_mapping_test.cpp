#include "kube/mapping/live_mapping.hpp"

#include <nlohmann/json.hpp>

#include "kube/decode/object_text.hpp"
#include "kube/decode/parse.hpp"
#include "support/catch.hpp"

namespace unit::live_mapping_test {

namespace {

using Json = nlohmann::json;

// By kubectl apply --server-side, with a field that pona mapping set has changed since.
constexpr auto object = R"({
  "apiVersion": "smartnat.aureacentral.com/v1alpha1", "kind": "Mapping",
  "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7",
    "generation": 3, "managedFields": [
      {"manager": "gitops", "operation": "Apply", "fieldsV1": {"f:spec": {"f:addresses": {},
        "f:ports": {}, "f:serviceName": {}, "f:sessionAffinity": {}}}},
      {"manager": "pona-mapping", "operation": "Apply", "fieldsV1": {"f:spec":
        {"f:allowedSources": {}}}},
      {"manager": "pona-mapping", "operation": "Update", "fieldsV1": {"f:spec":
        {"f:preserveClientIP": {}}}}]},
  "spec": {"addresses": ["192.0.2.1/32"], "serviceName": "web", "ports": [{"port": 80}],
    "allowedSources": ["198.51.100.7"], "sessionAffinity": "None", "preserveClientIP": true}})";

kube::StoredMapping stored() {
  kube::Document document;
  kube::StoredMapping mapping;
  kube::parse_json(object, document, [&](const kube::Document& parsed) {
    const kube::Node root = *parsed.root();
    mapping.mapping = std::get<core::Mapping>(*kube::decode(root, {}).at(0).object);
    mapping.live = std::make_shared<const kube::LiveObject>(kube::read_live(root));
  });
  return mapping;
}

}  // namespace

TEST_CASE("what a cluster says of a Mapping beside its spec") {
  const kube::StoredMapping mapping = stored();
  CHECK(mapping.live->uid == "u");
  CHECK(mapping.live->version == "7");
  CHECK(mapping.live->generation == 3);
  CHECK_FALSE(mapping.live->deleting);
}

TEST_CASE("what is applied is what changes, and what was applied before, as it is written") {
  const kube::StoredMapping before = stored();
  core::Mapping after = before.mapping;
  after.max_connections_per_source = 5;
  CHECK(Json::parse(kube::apply_configuration(after, &before)) ==
        Json::parse(R"({"apiVersion": "smartnat.aureacentral.com/v1alpha1", "kind": "Mapping",
          "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7"},
          "spec": {"allowedSources": ["198.51.100.7"], "maxConnectionsPerSource": 5}})"));
  after = before.mapping;
  after.allowed_sources.clear();
  CHECK(Json::parse(kube::apply_configuration(after, &before))["spec"] ==
        Json::parse(R"({"allowedSources": []})"));
}

TEST_CASE("a new Mapping is applied whole, and from a version that nothing has") {
  const Json json = Json::parse(kube::apply_configuration(stored().mapping, nullptr));
  CHECK(json["metadata"]["resourceVersion"] == "1");
  CHECK(json["spec"]["addresses"] == Json::parse(R"(["192.0.2.1"])"));
  CHECK(json["spec"]["sessionAffinity"] == "None");
  CHECK(json["spec"]["mode"] == "service");
}

TEST_CASE("fields that others own also do not go by leaving them out") {
  const kube::StoredMapping before = stored();
  core::Mapping after = before.mapping;
  after.affinity.reset();
  after.preserve_client_ip.reset();
  CHECK(kube::remaining_fields(before.mapping, after, object) ==
        std::vector<std::string>{"sessionAffinity", "preserveClientIP"});
  CHECK(kube::remaining_fields(before.mapping, after, R"({"spec": {}})").empty());
  CHECK(kube::remaining_fields(before.mapping, before.mapping, object).empty());
  CHECK(kube::owners_of(object, "sessionAffinity") == "gitops");
  CHECK(
      Json::parse(kube::removal_patch({"sessionAffinity"}, "7")) ==
      Json::parse(R"({"metadata": {"resourceVersion": "7"}, "spec": {"sessionAffinity": null}})"));
}

TEST_CASE("an object is printed without who owns its fields") {
  CHECK(kube::object_yaml(
            R"({"kind":"Mapping","metadata":{"name":"web","managedFields":[1],"labels":{}},
                "spec":{"on":"yes","list":[1,"a b",{"x":1,"z":[true,[]]},[2,3]],"none":null}})") ==
        "kind: Mapping\n"
        "metadata:\n"
        "  name: web\n"
        "  labels: {}\n"
        "spec:\n"
        "  \"on\": \"yes\"\n"
        "  list:\n"
        "  - 1\n"
        "  - \"a b\"\n"
        "  - x: 1\n"
        "    z:\n"
        "    - true\n"
        "    - []\n"
        "  - - 2\n"
        "    - 3\n"
        "  none: null\n");
  CHECK(kube::object_json(R"({"metadata":{"managedFields":[1]}})") == "{\n  \"metadata\": {}\n}\n");
}

}  // namespace unit::live_mapping_test
