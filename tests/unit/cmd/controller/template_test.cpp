// What a tenant gets by the template of an Egress.
#include <string>

#include "unit/cmd/controller/world.hpp"

namespace unit::controller_template_test {

using namespace unit::controller;

namespace {

constexpr const char* privileged = R"({"template": {"spec": {
  "hostPID": true, "serviceAccountName": "mine", "priorityClassName": "high"}}})";

Json pod_of(World& world) {
  return world.cluster.call(200, "GET", deployments + "/nat")["spec"]["template"]["spec"];
}

void make_account(World& world, const Json& labels) {
  world.cluster.call(201, "POST", accounts,
                     {{"apiVersion", "v1"},
                      {"kind", "ServiceAccount"},
                      {"metadata", {{"name", "mine"}, {"labels", labels}}}});
}

}  // namespace

TEST_CASE("controller: what a template must not ask for is left out, and the condition names it") {
  World world;
  make_account(world, Json::object());
  world.create(any_part);
  world.change(privileged);
  world.run(10s);
  CHECK_FALSE(pod_of(world).contains("hostPID"));
  CHECK(pod_of(world)["serviceAccountName"] == "pona-egress-nat");
  CHECK(pod_of(world)["priorityClassName"] == "high");
  const Json applied = world.condition("Applied");
  CHECK(applied["status"] == "True");
  CHECK(applied["reason"] == "FieldsLeftOut");
  const std::string message = applied["message"];
  CHECK(message.find("spec.template.spec.hostPID, spec.template.spec.serviceAccountName;") !=
        std::string::npos);

  world.change(R"({"template": {"spec": {"hostPID": null, "serviceAccountName": null}}})");
  world.run(5s);
  CHECK(world.condition("Applied")["reason"] == "Applied");
  CHECK(world.first().wire.refused.empty());
}

TEST_CASE("controller: an account that carries the label may be named, from the label on") {
  World world;
  world.create(any_part);
  world.change(privileged);
  world.run(10s);
  CHECK(pod_of(world)["serviceAccountName"] == "pona-egress-nat");
  make_account(world, {{"egress.pona.cybozu.com/nat-pods", ""}});
  world.run(10s);
  CHECK(pod_of(world)["serviceAccountName"] == "mine");
  const std::string message = world.condition("Applied")["message"];
  CHECK(message.find("serviceAccountName") == std::string::npos);
  CHECK(world.cluster.call(200, "GET", bindings + "/pona-egress-nat")["subjects"][0]["name"] ==
        "mine");
}

TEST_CASE("controller: NAT pods that run with more than is allowed are not rolled") {
  World world;
  make_account(world, Json::object());
  world.create(any_part);
  world.run(10s);
  // As a controller of before made them.
  world.cluster.merge(
      200, deployments + "/nat",
      {{"spec", {{"template", {{"spec", {{"hostPID", true}, {"serviceAccountName", "mine"}}}}}}}});
  world.change(privileged);
  world.run(10s);
  CHECK(pod_of(world)["hostPID"] == true);
  CHECK(pod_of(world)["serviceAccountName"] == "mine");
  CHECK(world.condition("Applied")["reason"] == "Applied");
  // Nothing more than that.
  world.change(R"({"template": {"spec": {"hostIPC": true}}})");
  world.run(10s);
  CHECK(pod_of(world)["hostPID"] == true);
  CHECK_FALSE(pod_of(world).contains("hostIPC"));
  CHECK(world.condition("Applied")["reason"] == "FieldsLeftOut");
  // One that is made anew has no more than what is allowed.
  world.change(R"({"template": {"spec": {"hostIPC": null}}})");
  world.run(10s);
  CHECK(world.condition("Applied")["reason"] == "Applied");
  world.cluster.call(200, "DELETE", deployments + "/nat");
  world.run(10s);
  CHECK_FALSE(pod_of(world).contains("hostPID"));
  CHECK(pod_of(world)["serviceAccountName"] == "pona-egress-nat");
  CHECK(world.condition("Applied")["reason"] == "FieldsLeftOut");
}

}  // namespace unit::controller_template_test
