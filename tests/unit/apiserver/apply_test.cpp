// Server-side apply beyond what was recorded: lists by key, sets, atomic fields, several managers.
#include "unit/apiserver/cluster.hpp"

namespace unit::apply_test {

namespace {

using unit::Cluster;
using unit::Json;
using unit::mappings;
using unit::services;

Json service(const Json& ports) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", "web"}}},
          {"spec", {{"ports", ports}}}};
}

Json port(const std::string& name, int number) { return {{"name", name}, {"port", number}}; }

std::vector<int> ports_of(const Json& object) {
  std::vector<int> out;
  for (const Json& one : object.at("spec").at("ports")) out.push_back(one.at("port"));
  return out;
}

std::vector<std::string> managers_of(const Json& object) {
  std::vector<std::string> out;
  for (const Json& entry : object.at("metadata").value("managedFields", Json::array())) {
    out.push_back(entry.at("manager"));
  }
  return out;
}

const Json instances_schema = {
    {"type", "object"},
    {"properties",
     {{"instances",
       {{"type", "array"},
        {"x-kubernetes-list-type", "map"},
        {"x-kubernetes-list-map-keys", {"name"}},
        {"items",
         {{"type", "object"},
          {"required", {"name"}},
          {"properties", {{"name", {{"type", "string"}}}, {"state", {{"type", "string"}}}}}}}}}}}};

Json report(const std::string& instance, const std::string& state) {
  return {{"apiVersion", "example.dev/v1"},
          {"kind", "Mapping"},
          {"metadata", {{"name", "m"}}},
          {"status", {{"instances", {{{"name", instance}, {"state", state}}}}}}};
}

}  // namespace

TEST_CASE("each manager's ports of a service are its own", "[apiserver]") {
  Cluster cluster;
  const std::string web = services + "/web";
  cluster.apply(201, web, "a", service(Json::array({port("http", 80)})));
  Json object = cluster.apply(200, web, "b", service(Json::array({port("dns", 53)})));
  CHECK(ports_of(object) == std::vector<int>{80, 53});
  // What a no longer applies goes; b's stays.
  object = cluster.apply(200, web, "a", service(Json::array({port("https", 443)})));
  CHECK(ports_of(object) == std::vector<int>{53, 443});
  // Two conflicts are listed by manager, with paths by key.
  Json refused =
      cluster.apply(409, web, "c", service(Json::array({port("one", 53), port("two", 443)})));
  CHECK(refused["message"] ==
        "Apply failed with 2 conflicts: conflicts with \"a\":\n"
        "- .spec.ports[port=443,protocol=\"TCP\"].name\n"
        "conflicts with \"b\":\n"
        "- .spec.ports[port=53,protocol=\"TCP\"].name");
  object =
      cluster.apply(200, web, "c", service(Json::array({port("one", 53), port("two", 443)})), true);
  CHECK(object["spec"]["ports"][0]["name"] == "one");
}

TEST_CASE("a conflict with an update says which version and when", "[apiserver]") {
  Cluster cluster;
  cluster.call(201, "POST", unit::configs + "?fieldManager=editor",
               unit::config("c", {{"k", "1"}}));
  const Json refused =
      cluster.apply(409, unit::configs + "/c", "a", unit::config("c", {{"k", "2"}}));
  CHECK(refused["details"]["causes"][0]["message"] ==
        "conflict with \"editor\" using v1 at 2001-09-09T01:46:40Z");
  CHECK(refused["details"]["causes"][0]["field"] == ".data.k");
}

TEST_CASE("a field that two managers apply stays when one gives it up", "[apiserver]") {
  Cluster cluster;
  const std::string path = unit::configs + "/c";
  cluster.apply(201, path, "a", unit::config("c", {{"k", "1"}, {"own", "x"}}));
  cluster.apply(200, path, "b", unit::config("c", {{"k", "1"}}));
  Json object = cluster.apply(200, path, "a", unit::config("c"));
  CHECK(object["data"] == Json{{"k", "1"}});
  object = cluster.apply(200, path, "b", unit::config("c"));
  CHECK((!object.contains("data") || object["data"].empty()));
}

TEST_CASE("status entries of many instances never conflict", "[apiserver]") {
  Cluster cluster;
  cluster.define({{"type", "object"}}, instances_schema);
  cluster.call(201, "POST", mappings, Cluster::mapping("m", Json::object()));
  const std::string status = mappings + "/m/status";
  cluster.apply(200, status, "edge-a", report("a", "up"));
  cluster.apply(200, status, "edge-b", report("b", "up"));
  Json object = cluster.apply(200, status, "edge-a", report("a", "down"));
  CHECK(object["status"]["instances"] ==
        Json({{{"name", "a"}, {"state", "down"}}, {{"name", "b"}, {"state", "up"}}}));
  CHECK(object["metadata"]["generation"] == 1);
  CHECK(managers_of(object) == std::vector<std::string>{"edge-a", "edge-b", "unknown"});
  // Another's entry is refused; the same through the main door changes nothing.
  cluster.apply(409, status, "edge-b", report("a", "up"));
  const Json before = cluster.call(200, "GET", mappings + "/m");
  const Json after = cluster.apply(200, mappings + "/m", "edge-a", report("a", "gone"));
  CHECK(before["status"] == after["status"]);
  // An instance that reports nothing gives its entry up.
  Json nothing = report("a", "");
  nothing["status"] = Json::object();
  object = cluster.apply(200, status, "edge-a", nothing);
  CHECK(object["status"]["instances"] == Json({{{"name", "b"}, {"state", "up"}}}));
}

TEST_CASE("sets merge by value, atomic lists as one", "[apiserver]") {
  Cluster cluster;
  const Json strings = {{"type", "string"}};
  Json set = {{"type", "array"}, {"items", strings}, {"x-kubernetes-list-type", "set"}};
  Json atomic = {{"type", "array"}, {"items", strings}};
  cluster.define({{"type", "object"}, {"properties", {{"set", set}, {"atomic", atomic}}}});
  const std::string path = mappings + "/m";
  cluster.apply(201, path, "a", Cluster::mapping("m", {{"set", {"x"}}, {"atomic", {"x"}}}));
  Json object = cluster.apply(200, path, "b", Cluster::mapping("m", {{"set", {"y"}}}));
  CHECK(object["spec"]["set"] == Json({"x", "y"}));
  cluster.apply(409, path, "b", Cluster::mapping("m", {{"atomic", {"y"}}}));
  object = cluster.apply(200, path, "b", Cluster::mapping("m", {{"atomic", {"y"}}}), true);
  CHECK(object["spec"] == Json{{"set", {"x"}}, {"atomic", {"y"}}});
}

TEST_CASE("3.4: what a definition does not declare cannot be applied", "[apiserver]") {
  Cluster cluster;
  cluster.define({{"type", "object"}}, instances_schema);
  cluster.call(201, "POST", mappings, Cluster::mapping("m", Json::object()));
  const std::string status = mappings + "/m/status";
  Json body = report("a", "up");
  body["status"]["edges"] = "a";
  Json refused = cluster.apply(500, status, "a", body);
  CHECK(refused["message"] ==
        "failed to create typed patch object (default/m; example.dev/v1, Kind=Mapping): "
        ".status.edges: field not declared in schema");
  CHECK_FALSE(refused.contains("reason"));
  body["status"]["instances"][0]["mood"] = "good";
  refused = cluster.apply(500, status, "a", body);
  CHECK_THAT(refused["message"].get<std::string>(), Catch::Contains("errors:\n  .status."));
  CHECK_FALSE(cluster.call(200, "GET", mappings + "/m").contains("status"));
  // Who sends it otherwise is told, and it is dropped.
  cluster.merge(200, status, {{"status", {{"edges", "a"}}}});
  cluster.apply(200, status, "a", report("a", "up"));
}

TEST_CASE("apply wants a manager and refuses managedFields", "[apiserver]") {
  Cluster cluster;
  Json body = unit::config("c");
  cluster.call(422, "PATCH", unit::configs + "/c", body, "application/apply-patch+yaml");
  body["metadata"]["managedFields"] = {{{"manager", "x"}}};
  CHECK(cluster.apply(400, unit::configs + "/c", "a", body)["message"] ==
        "metadata.managedFields must be nil");
  const Json made = cluster.apply(201, unit::configs + "/c", "a",
                                  "apiVersion: v1\nkind: ConfigMap\ndata: {on: \"1\", n: \"2\"}\n");
  CHECK(made["data"] == Json{{"on", "1"}, {"n", "2"}});
}

TEST_CASE("what is applied to an object of a uid is not made anew", "[apiserver]") {
  Cluster cluster;
  Json config = unit::config("c", {{"k", "1"}});
  const Json made = cluster.apply(201, unit::configs + "/c", "a", config);
  config["metadata"]["uid"] = made["metadata"]["uid"];
  cluster.apply(200, unit::configs + "/c", "a", config);
  cluster.call(200, "DELETE", unit::configs + "/c");
  const Json refused = cluster.apply(409, unit::configs + "/c", "a", config, true);
  CHECK_THAT(refused["message"].get<std::string>(), Catch::Contains("uid mismatch"));
  config["metadata"].erase("uid");
  cluster.apply(201, unit::configs + "/c", "a", config);
}

}  // namespace unit::apply_test
