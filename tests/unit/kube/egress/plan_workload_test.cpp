// What is made of an Egress, as a golden text, and what of the user's wishes is in it. After a
// deliberate change, PONA_WRITE_GOLDEN=1 in the environment writes the text anew, for review by
// eye.
#include "kube/egress/plan_workload.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "kube/decode/decode.hpp"
#include "kube/decode/parse.hpp"
#include "kube/source/manifest_file.hpp"
#include "os/read_file.hpp"
#include "support/catch.hpp"

namespace unit::plan_workload_test {

namespace {

using kube::WorkloadPart;
using nlohmann::json;

const char* const example = R"({
  "apiVersion": "pona.cybozu.com/v1",
  "kind": "Egress",
  "metadata": {"namespace": "egress", "name": "egress", "uid": "u-1"},
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

struct Planned {
  kube::Workload workload;
  std::vector<std::string> left_out;
};

Planned plan(const json& object, const kube::WorkloadSettings& settings,
             const kube::TemplateContext& context) {
  kube::Document document;
  kube::DecodeOptions options;
  options.kinds = {core::Kind::egress};
  core::Egress egress;
  const auto error = kube::parse_json(object.dump(), document, [&](const kube::Document& parsed) {
    egress = std::get<core::Egress>(*kube::decode(*parsed.root(), options).at(0).object);
  });
  REQUIRE_FALSE(error);
  Planned planned;
  planned.workload =
      kube::plan_egress_workload(settings, egress, object.dump(), context, planned.left_out);
  return planned;
}

kube::Workload plan(const json& object, const kube::WorkloadSettings& settings) {
  return plan(object, settings, {}).workload;
}

kube::Workload plan(const json& object) { return plan(object, {"pona:1", "", "pona-system"}); }

json with(const char* patch) {
  json object = json::parse(example);
  object["spec"].merge_patch(json::parse(patch));
  return object;
}

json deployment(const json& object) {
  return json::parse(plan(object).at(WorkloadPart::deployment))["spec"];
}

json pod(const json& object) { return deployment(object)["template"]["spec"]; }

}  // namespace

TEST_CASE("the design's example becomes these objects") {
  std::string text;
  for (const auto& [part, body] : plan(json::parse(example))) {
    text += json::parse(body).dump(2) + "\n";
  }
  const auto golden = std::filesystem::path(PONA_TEST_DATA) / "golden" / "egress_workload.json";
  if (std::getenv("PONA_WRITE_GOLDEN") != nullptr) std::ofstream(golden) << text;
  CHECK(text == os::read_file(golden));
}

TEST_CASE("an Egress that says nothing has one NAT pod and no budget") {
  const json object = with(R"({"replicas": null, "strategy": null, "template": null,
    "sessionAffinity": null, "sessionAffinityConfig": null, "podDisruptionBudget": null})");
  const auto workload = plan(object);
  CHECK_FALSE(workload.contains(WorkloadPart::budget));
  CHECK(workload.size() == kube::workload_parts.size() - 1);
  CHECK(deployment(object)["replicas"] == 1);
  CHECK_FALSE(deployment(object).contains("strategy"));
  const json container = pod(object)["containers"][0];
  CHECK(container["name"] == "egress");
  CHECK(container["image"] == "pona:1");
  CHECK_FALSE(container.contains("imagePullPolicy"));
  CHECK(json::parse(plan(object, {"i", "Never", "x"})
                        .at(WorkloadPart::deployment))["spec"]["template"]["spec"]["containers"][0]
                                                      ["imagePullPolicy"] == "Never");
  const json service = json::parse(workload.at(WorkloadPart::service))["spec"];
  CHECK_FALSE(service.contains("sessionAffinity"));
}

TEST_CASE("an affinity's settings are left out where there is no affinity") {
  const auto workload = plan(with(R"({"sessionAffinity": "None"})"));
  const json service = json::parse(workload.at(WorkloadPart::service))["spec"];
  CHECK(service["sessionAffinity"] == "None");
  CHECK_FALSE(service.contains("sessionAffinityConfig"));
}

TEST_CASE("containers beside that of pona stay as they are") {
  const json containers = json::parse(R"([
    {"name": "logger", "image": "logger:1", "env": [{"name": "A", "value": "b"}]},
    {"name": "egress", "image": "mine:2", "resources": {"requests": {"cpu": "2"}},
     "env": [{"name": "PONA_EGRESS_NAME", "value": "another"}, {"name": "X", "value": "y"}],
     "ports": [{"name": "debug", "containerPort": 6060}],
     "securityContext": {"readOnlyRootFilesystem": false},
     "volumeMounts": [{"name": "v", "mountPath": "/v"}]}])");
  json object = with("{}");
  object["spec"]["template"]["spec"]["containers"] = containers;
  object["spec"]["template"]["spec"]["volumes"] = json::parse(R"([{"name": "v", "emptyDir": {}}])");
  const json spec = pod(object);
  REQUIRE(spec["containers"].size() == 2);
  CHECK(spec["containers"][0] == containers[0]);
  const json& own = spec["containers"][1];
  CHECK(own["image"] == "mine:2");
  CHECK(own["command"] == json::array({"pona", "nat"}));
  CHECK(own["resources"] == containers[1]["resources"]);
  CHECK(own["env"].size() == 4);
  CHECK(own["env"][1] == json::parse(R"({"name": "PONA_EGRESS_NAME", "value": "egress"})"));
  CHECK(own["env"][3] == containers[1]["env"][1]);
  CHECK(own["ports"].back()["name"] == "debug");
  CHECK(own["securityContext"]["readOnlyRootFilesystem"] == false);
  CHECK(own["securityContext"]["capabilities"]["drop"] == json::array({"ALL"}));
  CHECK(own["volumeMounts"] == containers[1]["volumeMounts"]);
  CHECK(spec["volumes"].size() == 1);

  object["spec"]["template"]["spec"]["containers"] = json::array({containers[0]});
  const json without = pod(object);
  REQUIRE(without["containers"].size() == 2);
  CHECK(without["containers"][0]["name"] == "egress");
  CHECK(without["containers"][1] == containers[0]);
}

TEST_CASE("what the template says of labels never changes what the Deployment selects") {
  const json metadata = deployment(with(
      R"({"template": {"metadata": {"labels": {"app.kubernetes.io/name": "mine"}}}})"))["template"]
                                                                                       ["metadata"];
  CHECK(metadata["labels"]["app.kubernetes.io/name"] == "pona");
  CHECK(metadata["labels"]["label1"] == "bar");
}

TEST_CASE("a NAT pod never has its node's network") {
  CHECK_FALSE(
      pod(with(R"({"template": {"spec": {"hostNetwork": true}}})")).contains("hostNetwork"));
}

TEST_CASE("there is time to drain") {
  CHECK(pod(with("{}"))["terminationGracePeriodSeconds"] == 40);
  CHECK(pod(with(R"({"drainSeconds": 600})"))["terminationGracePeriodSeconds"] == 610);
  CHECK(pod(with(R"({"template": {"spec": {"terminationGracePeriodSeconds": 5}}})"))
            ["terminationGracePeriodSeconds"] == 40);
  CHECK(pod(with(R"({"template": {"spec": {"terminationGracePeriodSeconds": 90}}})"))
            ["terminationGracePeriodSeconds"] == 90);
}

TEST_CASE("an account that is given is not made, and gets the permissions") {
  const json object = with(R"({"template": {"spec": {"serviceAccountName": "mine"}}})");
  const auto subject = [](const kube::Workload& workload) {
    return json::parse(workload.at(WorkloadPart::binding))["subjects"][0]["name"];
  };
  const auto labelled = plan(object, {}, {.accounts = {"mine"}, .deployment = ""});
  CHECK(labelled.left_out.empty());
  CHECK_FALSE(labelled.workload.contains(WorkloadPart::account));
  CHECK(subject(labelled.workload) == "mine");

  // Whoever may create an Egress must not get what any account may do.
  const auto without = plan(object, {}, {});
  CHECK(without.left_out == std::vector<std::string>{"spec.template.spec.serviceAccountName"});
  CHECK(without.workload.contains(WorkloadPart::account));
  CHECK(subject(without.workload) == "pona-egress-egress");

  kube::WorkloadSettings any;
  any.any_template = true;
  CHECK(subject(plan(object, any, {}).workload) == "mine");
}

TEST_CASE("a template gets no privileges, unless the administrator or what runs already has them") {
  const json object = with(R"({"template": {
    "metadata": {"annotations": {
      "container.apparmor.security.beta.kubernetes.io/egress": "unconfined",
      "container.apparmor.security.beta.kubernetes.io/other": "runtime/default"}},
    "spec": {"hostPID": true, "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
             "containers": [{"name": "egress", "securityContext": {"privileged": true},
                             "volumeMounts": [{"name": "root", "mountPath": "/host"}]}]}}})");
  const auto limited = plan(object, {}, {});
  CHECK(limited.left_out ==
        std::vector<std::string>{
            "spec.template.metadata.annotations.container.apparmor.security.beta.kubernetes.io/"
            "egress",
            "spec.template.spec.hostPID", "spec.template.spec.volumes[root].hostPath",
            "spec.template.spec.containers[egress].securityContext.privileged"});
  const std::string text = limited.workload.at(WorkloadPart::deployment);
  for (const char* word : {"hostPID", "hostPath", "/host", "unconfined", "\"privileged\":true"}) {
    CHECK(text.find(word) == std::string::npos);
  }
  CHECK(text.find("runtime/default") != std::string::npos);

  kube::WorkloadSettings any;
  any.any_template = true;
  const auto full = plan(object, any, {});
  CHECK(full.left_out.empty());
  CHECK(full.workload.at(WorkloadPart::deployment).find("hostPID") != std::string::npos);

  // A Deployment of before stays as it is: nothing is rolled.
  const kube::TemplateContext running{{}, full.workload.at(WorkloadPart::deployment)};
  const auto kept = plan(object, {}, running);
  CHECK(kept.left_out.empty());
  CHECK(kept.workload == full.workload);
}

TEST_CASE("VXLAN has its port, too") {
  const auto workload = plan(with(R"({"encapsulation": "VXLAN"})"));
  const json ports = json::parse(workload.at(WorkloadPart::service))["spec"]["ports"];
  REQUIRE(ports.size() == 2);
  CHECK(ports[1]["port"] == 4790);
}

TEST_CASE("the parts of an Egress are found by kind and name") {
  for (const WorkloadPart part : kube::workload_parts) {
    core::ObjectName egress;
    const auto name = kube::name_of(part, {"internet", "nat"});
    CHECK(kube::part_of(kube::kind_of(part).plural, name, egress) == part);
    CHECK(egress == core::ObjectName{"internet", "nat"});
  }
  core::ObjectName egress;
  CHECK_FALSE(kube::part_of("roles", {"internet", "mine"}, egress));
  CHECK_FALSE(kube::part_of("configmaps", {"internet", "nat"}, egress));
}

TEST_CASE("what others add does not count, what they change does") {
  const std::string wanted = R"({"kind": "X", "spec": {"replicas": 2, "list": [1, 2],
    "containers": [{"name": "a", "env": []}], "none": null}})";
  CHECK(kube::is_in_effect(wanted, R"({"spec": {"replicas": 2, "list": [1, 2], "more": 1,
    "containers": [{"name": "b"}, {"name": "a", "image": "i"}]}, "status": {}})"));
  for (const char* const other :
       {R"({"spec": {"replicas": 3, "list": [1, 2], "containers": [{"name": "a"}]}})",
        R"({"spec": {"replicas": 2, "list": [1, 2, 3], "containers": [{"name": "a"}]}})",
        R"({"spec": {"replicas": 2, "list": [2, 1], "containers": [{"name": "a"}]}})",
        R"({"spec": {"replicas": 2, "list": [1, 2], "containers": []}})",
        R"({"spec": {"replicas": 2, "list": [1, 2]}})", "{}", "no JSON"}) {
    CHECK_FALSE(kube::is_in_effect(wanted, other));
  }
}

TEST_CASE("pitfall 24: a NAT pod reads its own Egress and its clients' lists, and no pods") {
  std::set<std::string> resources;
  const json role = json::parse(plan(json::parse(example)).at(WorkloadPart::role));
  for (const json& rule : role["rules"]) {
    for (const json& resource : rule["resources"]) resources.insert(resource);
    CHECK(rule["verbs"] == json{"get", "list", "watch"});
  }
  CHECK(resources == std::set<std::string>{"egresses", "endpointslices"});
}

}  // namespace unit::plan_workload_test
