// The test API server beyond what was recorded: deletion and garbage, pages over compaction,
// selection in watches, access, schemas, strategic merge patch.
#include "unit/apiserver/cluster.hpp"

namespace unit::server_test {

namespace {

using unit::Cluster;
using unit::config;
using unit::configs;
using unit::Json;
using unit::mappings;
using unit::services;
using Said = std::vector<std::string>;

Json owned(const std::string& name, const Json& owner) {
  Json out = config(name);
  out["metadata"]["ownerReferences"] = {{{"apiVersion", "v1"},
                                         {"kind", "ConfigMap"},
                                         {"name", owner["metadata"]["name"]},
                                         {"uid", owner["metadata"]["uid"]},
                                         {"blockOwnerDeletion", true}}};
  return out;
}

}  // namespace

TEST_CASE("dependents go with their owner, unless they are orphaned", "[apiserver]") {
  Cluster cluster;
  const Json owner = cluster.call(201, "POST", configs, config("owner"));
  cluster.call(201, "POST", configs, owned("child", owner));
  SECTION("in the background") {
    cluster.call(200, "DELETE", configs + "/owner");
    cluster.call(404, "GET", configs + "/child");
  }
  SECTION("in the foreground, the owner waits for a child's finalizer") {
    cluster.merge(200, configs + "/child", {{"metadata", {{"finalizers", {"x.dev/hold"}}}}});
    const Json left =
        cluster.call(200, "DELETE", configs + "/owner", {{"propagationPolicy", "Foreground"}});
    CHECK(left["metadata"]["finalizers"] == Json({"foregroundDeletion"}));
    CHECK(cluster.call(200, "GET", configs + "/child")["metadata"].contains("deletionTimestamp"));
    cluster.merge(200, configs + "/child", {{"metadata", {{"finalizers", nullptr}}}});
    cluster.call(404, "GET", configs + "/child");
    cluster.call(404, "GET", configs + "/owner");
  }
  SECTION("orphaned") {
    cluster.call(200, "DELETE", configs + "/owner?propagationPolicy=Orphan");
    const Json child = cluster.call(200, "GET", configs + "/child");
    CHECK_FALSE(child["metadata"].contains("ownerReferences"));
    cluster.call(404, "GET", configs + "/owner");
  }
  SECTION("an owner that never was") {
    Json stranger = owner;
    stranger["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000";
    cluster.call(201, "POST", configs, owned("lost", stranger));
    cluster.call(404, "GET", configs + "/lost");
  }
}

TEST_CASE("deletion has preconditions", "[apiserver]") {
  Cluster cluster;
  cluster.call(201, "POST", configs, config("c"));
  const Json refused =
      cluster.call(409, "DELETE", configs + "/c", {{"preconditions", {{"uid", "other"}}}});
  CHECK(refused["message"].get<std::string>().find("Precondition failed: UID") !=
        std::string::npos);
  CHECK(cluster.call(200, "DELETE", configs + "/c")["status"] == "Success");
}

TEST_CASE("a namespace takes its contents along and takes no new ones", "[apiserver]") {
  Cluster cluster;
  cluster.call(201, "POST", "/api/v1/namespaces", {{"metadata", {{"name", "shop"}}}});
  const std::string inside = "/api/v1/namespaces/shop/configmaps";
  Json held = config("held");
  held["metadata"]["finalizers"] = {"x.dev/hold"};
  cluster.call(201, "POST", inside, held);
  cluster.call(201, "POST", inside, config("plain"));
  CHECK(cluster.call(200, "DELETE", "/api/v1/namespaces/shop")["status"]["phase"] == "Terminating");
  cluster.call(404, "GET", inside + "/plain");
  cluster.call(403, "POST", inside, config("late"));
  cluster.merge(200, inside + "/held", {{"metadata", {{"finalizers", Json::array()}}}});
  cluster.call(404, "GET", "/api/v1/namespaces/shop");
  CHECK(cluster.call(404, "POST", inside, config("later"))["message"] ==
        "namespaces \"shop\" not found");
}

TEST_CASE("a pod on a node stays until its grace is over", "[apiserver]") {
  Cluster cluster;
  const std::string pods = "/api/v1/namespaces/default/pods";
  const Json spec = {{"nodeName", "n1"}, {"containers", {{{"name", "c"}, {"image", "i"}}}}};
  cluster.call(201, "POST", pods, {{"metadata", {{"name", "p"}}}, {"spec", spec}});
  const Json leaving = cluster.call(200, "DELETE", pods + "/p");
  CHECK(leaving["metadata"]["deletionGracePeriodSeconds"] == 30);
  CHECK(leaving["metadata"]["deletionTimestamp"] == "2001-09-09T01:47:10Z");
  cluster.call(200, "GET", pods + "/p");
  cluster.call(200, "DELETE", pods + "/p?gracePeriodSeconds=0");
  cluster.call(404, "GET", pods + "/p");
}

TEST_CASE("a page of a compacted revision is 410 with a token to go on", "[apiserver]") {
  Cluster cluster;
  for (const char* name : {"a", "b", "c", "d"}) cluster.call(201, "POST", configs, config(name));
  Json page = cluster.call(200, "GET", configs + "?limit=2");
  const std::string token = page["metadata"]["continue"];
  cluster.call(200, "DELETE", configs + "/c");
  page = cluster.call(200, "GET", configs + "?limit=2&continue=" + token);
  CHECK(page["items"].size() == 2);  // as it was
  cluster.server.compact();
  const Json gone = cluster.call(410, "GET", configs + "?limit=2&continue=" + token);
  CHECK(gone["reason"] == "Expired");
  page = cluster.call(
      200, "GET", configs + "?limit=2&continue=" + gone["metadata"]["continue"].get<std::string>());
  REQUIRE(page["items"].size() == 1);
  CHECK(page["items"][0]["metadata"]["name"] == "d");
}

TEST_CASE("a watch behind a compaction ends with 410", "[apiserver]") {
  Cluster cluster;
  const auto watch = cluster.send(
      "GET", configs + "?watch=true&resourceVersion=" + std::to_string(cluster.server.revision()));
  REQUIRE(watch.stream);
  cluster.call(201, "POST", configs, config("a"));
  cluster.server.compact();
  const auto piece = watch.stream->read();
  CHECK(piece.ended);
  CHECK(Json::parse(piece.bytes)["object"]["code"] == 410);
}

TEST_CASE("what comes into a selection is added, what falls out is deleted", "[apiserver]") {
  Cluster cluster;
  const auto watch = cluster.send("GET", configs + "?watch=1&labelSelector=app+in+(x,y),!old");
  REQUIRE(watch.stream);
  cluster.call(201, "POST", configs, config("c"));
  CHECK(Cluster::said(*watch.stream).empty());
  cluster.merge(200, configs + "/c", {{"metadata", {{"labels", {{"app", "x"}}}}}});
  CHECK(Cluster::said(*watch.stream) == Said{"ADDED c"});
  cluster.merge(200, configs + "/c", {{"metadata", {{"labels", {{"app", "y"}}}}}});
  CHECK(Cluster::said(*watch.stream) == Said{"MODIFIED c"});
  cluster.merge(200, configs + "/c", {{"metadata", {{"labels", {{"old", "1"}}}}}});
  CHECK(Cluster::said(*watch.stream) == Said{"DELETED c"});
  cluster.call(200, "DELETE", configs + "/c");
  CHECK(Cluster::said(*watch.stream).empty());
}

TEST_CASE("bookmarks come every minute and name the newest revision", "[apiserver]") {
  Cluster cluster;
  const auto watch =
      cluster.send("GET", configs + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=300");
  REQUIRE(watch.stream);
  CHECK(Cluster::said(*watch.stream).empty());
  cluster.call(201, "POST", services,
               {{"metadata", {{"name", "s"}}}, {"spec", {{"ports", {{{"port", 1}}}}}}});
  CHECK(watch.stream->due() == cluster.now + std::chrono::seconds(60));
  cluster.now = watch.stream->due();
  const Json bookmark = Json::parse(watch.stream->read().bytes);
  CHECK(bookmark["type"] == "BOOKMARK");
  CHECK(bookmark["object"]["metadata"]["resourceVersion"] ==
        std::to_string(cluster.server.revision()));
  cluster.now += std::chrono::seconds(240);
  CHECK(watch.stream->read().ended);
}

TEST_CASE("roles decide, and refusals name verb and resource", "[apiserver]") {
  Cluster cluster;
  const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/";
  const std::string user = "system:serviceaccount:pona:edge";
  cluster.server.add_token("edge", user, {}, std::chrono::seconds(60));
  cluster.call(201, "POST", rbac + "namespaces/default/roles",
               {{"metadata", {{"name", "r"}}},
                {"rules",
                 {{{"verbs", {"get", "patch"}},
                   {"apiGroups", {""}},
                   {"resources", {"configmaps"}},
                   {"resourceNames", {"mine"}}}}}});
  cluster.call(
      201, "POST", rbac + "namespaces/default/rolebindings",
      {{"metadata", {{"name", "b"}}},
       {"roleRef", {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", "r"}}},
       {"subjects", {{{"kind", "ServiceAccount"}, {"name", "edge"}, {"namespace", "pona"}}}}});
  cluster.call(201, "POST", configs, config("mine"));
  cluster.token = "edge";
  cluster.call(200, "GET", configs + "/mine");
  CHECK(cluster.call(403, "GET", configs + "/other")["message"] ==
        "configmaps \"other\" is forbidden: User \"" + user +
            "\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"default\"");
  cluster.call(403, "GET", configs);
  cluster.call(403, "GET", configs + "?watch=true");
  CHECK(cluster.send("GET", "/apis").status == 200);
  cluster.now += std::chrono::seconds(60);
  CHECK(cluster.call(401, "GET", configs + "/mine")["reason"] == "Unauthorized");
  cluster.token = "";
  CHECK(cluster.send("GET", "/readyz").body == "ok");
  cluster.call(403, "GET", "/apis");
}

TEST_CASE("a schema's checks are worded as the real ones", "[apiserver]") {
  Cluster cluster;
  const Json port = {{"type", "integer"}, {"minimum", 1}, {"maximum", 65535}};
  const Json name = {{"type", "string"}, {"pattern", "^[a-z]+$"}, {"maxLength", 5}};
  const Json list = {{"type", "array"}, {"items", port}, {"maxItems", 2}};
  cluster.define({{"type", "object"},
                  {"required", {"port"}},
                  {"properties", {{"port", port}, {"name", name}, {"list", list}}}});
  const auto messages = [&](const Json& spec) {
    Said out;
    const Json refused = cluster.call(422, "POST", mappings, Cluster::mapping("m", spec));
    for (const Json& cause : refused["details"]["causes"]) out.push_back(cause["message"]);
    return out;
  };
  CHECK(messages(Json::object()) == Said{"Required value"});
  CHECK(messages({{"port", 70000}, {"name", "A"}}) ==
        Said{"Invalid value: \"A\": spec.name in body should match '^[a-z]+$'",
             "Invalid value: 70000: spec.port in body should be less than or equal to 65535"});
  CHECK(messages({{"port", "x"}}) ==
        Said{"Invalid value: \"string\": spec.port in body must be of type integer: \"string\""});
  CHECK(messages({{"port", 1}, {"name", "abcdef"}}) ==
        Said{"Too long: may not be more than 5 bytes"});
  CHECK(messages({{"port", 1}, {"list", {1, 2, 3}}}) ==
        Said{"Too many: 3: must have at most 2 items"});
}

TEST_CASE("a strategic merge patch merges lists by key and obeys directives", "[apiserver]") {
  Cluster cluster;
  const Json ports = {{{"name", "a"}, {"port", 1}}, {{"name", "b"}, {"port", 2}}};
  cluster.call(201, "POST", services,
               {{"metadata", {{"name", "s"}}}, {"spec", {{"ports", ports}}}});
  const Json patch = {{{"port", 1}, {"$patch", "delete"}}, {{"port", 2}, {"targetPort", 8080}}};
  const Json object = cluster.call(200, "PATCH", services + "/s", {{"spec", {{"ports", patch}}}},
                                   "application/strategic-merge-patch+json");
  REQUIRE(object["spec"]["ports"].size() == 1);
  CHECK(object["spec"]["ports"][0]["name"] == "b");
  CHECK(object["spec"]["ports"][0]["targetPort"] == 8080);
  cluster.define({{"type", "object"}});
  cluster.call(201, "POST", mappings, Cluster::mapping("m", Json::object()));
  cluster.call(415, "PATCH", mappings + "/m", Json::object(),
               "application/strategic-merge-patch+json");
}

TEST_CASE("events are the same in both groups", "[apiserver]") {
  Cluster cluster;
  cluster.call(201, "POST", "/apis/events.k8s.io/v1/namespaces/default/events",
               {{"metadata", {{"name", "e"}}},
                {"regarding", {{"kind", "Mapping"}, {"name", "m"}, {"namespace", "default"}}},
                {"note", "done"},
                {"reason", "Programmed"},
                {"type", "Normal"},
                {"eventTime", "2026-01-01T00:00:00.000000Z"},
                {"reportingController", "pona.dev/edge"}});
  const Json old = cluster.call(
      200, "GET", "/api/v1/namespaces/default/events?fieldSelector=reason%3DProgrammed");
  REQUIRE(old["items"].size() == 1);
  CHECK(old["items"][0]["message"] == "done");
  CHECK(old["items"][0]["involvedObject"]["name"] == "m");
}

TEST_CASE("a dry run says what would be and changes nothing", "[apiserver]") {
  Cluster cluster;
  const std::uint64_t before = cluster.server.revision();
  cluster.call(201, "POST", configs + "?dryRun=All", config("c"));
  cluster.call(404, "GET", configs + "/c");
  CHECK(cluster.server.revision() == before);
}

TEST_CASE("a definition that goes takes its objects and its path along", "[apiserver]") {
  Cluster cluster;
  cluster.define({{"type", "object"}});
  cluster.call(201, "POST", mappings, Cluster::mapping("m", Json::object()));
  const auto watch = cluster.send("GET", mappings + "?watch=true");
  REQUIRE(watch.stream);
  CHECK(Cluster::said(*watch.stream) == Said{"ADDED m"});
  cluster.call(200, "DELETE",
               "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/mappings.example.dev");
  CHECK(cluster.send("GET", mappings).status == 404);
  CHECK(watch.stream->read().ended);
}

}  // namespace unit::server_test
