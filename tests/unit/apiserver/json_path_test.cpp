// What the API server prints in a column: the first of the values that its path leads to.
#include "support/apiserver/json_path.hpp"

#include "unit/apiserver/cluster.hpp"

namespace unit::json_path_test {

namespace {

using support::apiserver::values_at;
using unit::Cluster;
using unit::Json;
using unit::mappings;

const Json object = Json::parse(R"({
  "list": ["a", "b", "c"], "empty": [], "text": "<x>", "null": null,
  "items": [{"type": "A", "on": true, "n": 1}, {"type": "B", "on": true, "n": 2}, {"type": "C", "on": false}],
  "map": {"a-b": 1, "list": [{"k": "<&>"}]}})");

// The values' texts in one; "error" where the path cannot be followed.
std::string at(const std::string& path) {
  const auto values = values_at(object, path);
  if (!values) return "error";
  std::string out;
  for (const Json* const value : *values) {
    out += (out.empty() ? "" : " ") + support::apiserver::json_path_text(*value);
  }
  return out;
}

}  // namespace

TEST_CASE("3.4: a path leads to any number of values", "[apiserver]") {
  CHECK(at(".list") == R"(["a","b","c"])");
  CHECK(at(".list[*]") == "a b c");
  CHECK(at(".list[1]") == "b");
  CHECK(at(".list[-1]") == "c");
  CHECK(at(".list[1:]") == "b c");
  CHECK(at(".list[:2]") == "a b");
  CHECK(at(".list[3]") == "error");
  CHECK(at(".empty[*]").empty());
  CHECK(at(".empty[0]") == "error");
  CHECK(at(".missing").empty());
  CHECK(at(".missing[*].name").empty());
  CHECK(at(".text[*]") == "error");
  CHECK(at(".text") == "<x>");
  CHECK(at(".null") == "<no value>");
  CHECK(at(".map['a-b']") == "1");
  CHECK(at(".map") == R"({"a-b":1,"list":[{"k":"\u003c\u0026\u003e"}]})");
  CHECK(at(".items[*].type") == "A B C");
  CHECK(at(R"(.items[?(@.on==true)].type)") == "A B");
  CHECK(at(R"(.items[?(@.type=="B")].n)") == "2");
  CHECK(at(R"(.items[?(@.type!='B')].type)") == "A C");
  CHECK(at(".items[?(@.n)].type") == "A B");
  CHECK(at(".items[?(@.n==1)].type") == "error");  // one of them has none
  CHECK(at("list") == "error");
}

TEST_CASE("3.4: a column shows the first value, of a list all in brackets", "[apiserver]") {
  Cluster cluster;
  const std::string definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const auto column = [](const std::string& name, const std::string& type,
                         const std::string& path) {
    return Json{{"name", name}, {"type", type}, {"jsonPath", path}};
  };
  cluster.define({{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}});
  Json definition = cluster.call(200, "GET", definitions + "/mappings.example.dev");
  definition["spec"]["versions"][0]["additionalPrinterColumns"] = {
      column("All", "string", ".spec.list"),    column("First", "string", ".spec.list[*]"),
      column("Number", "integer", ".spec.n"),   column("Text", "string", ".spec.n"),
      column("Wrong", "integer", ".spec.list"), column("When", "date", ".spec.when"),
      column("Never", "date", ".spec.list[0]"), column("None", "string", ".spec.nothing[*]"),
      column("Yes", "boolean", ".spec.yes"),
  };
  cluster.call(200, "PUT", definitions + "/mappings.example.dev", definition);
  cluster.call(
      201, "POST", mappings,
      Cluster::mapping(
          "m", {{"list", {"a", "b"}}, {"n", 7}, {"yes", true}, {"when", "2001-09-09T01:46:30Z"}}));
  support::apiserver::Request request{
      "GET", mappings, {{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}}, ""};
  request.headers["authorization"] = "Bearer admin";
  const Json table = Json::parse(cluster.server.handle(request).body);
  CHECK(table["rows"][0]["cells"] ==
        Json({"m", R"(["a","b"])", "a", 7, "7", nullptr, "10s", "<invalid>", nullptr, true}));
}

}  // namespace unit::json_path_test
