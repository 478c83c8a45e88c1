#include "kube/egress/nat_pod_troubles.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

namespace unit::nat_pod_troubles_test {

using kube::trouble_of_pod;
using Json = nlohmann::json;

namespace {

std::string waits(const std::string& reason, const std::string& message,
                  const Json& last = nullptr) {
  const Json status = {{"name", "egress"},
                       {"image", "pona:1"},
                       {"state", {{"waiting", {{"reason", reason}, {"message", message}}}}},
                       {"lastState", {{"terminated", last}}}};
  return Json{{"status", {{"containerStatuses", {status}}}}}.dump();
}

kube::Seen pod(const std::string& egress, const std::string& status) {
  Json object = Json::parse(status);
  object["metadata"]["labels"]["app.kubernetes.io/instance"] = egress;
  kube::Seen seen;
  seen.json = object.dump();
  return seen;
}

}  // namespace

TEST_CASE("3.6: what keeps a pod from running is told in words that stay while it lasts") {
  CHECK(trouble_of_pod(waits("ContainerCreating", "")).empty());
  CHECK(trouble_of_pod(waits("PodInitializing", "")).empty());
  CHECK(trouble_of_pod("{}").empty());
  CHECK(trouble_of_pod("no JSON").empty());
  CHECK(trouble_of_pod(R"({"status": {"conditions": 7, "containerStatuses": [7, null]}})").empty());
  // Kubelet alternates between these two.
  const std::string image = "the image pona:1 of container egress cannot be pulled";
  CHECK(trouble_of_pod(waits("ErrImagePull", "not found")) == image);
  CHECK(trouble_of_pod(waits("ImagePullBackOff", "Back-off pulling image")) == image);
  CHECK(trouble_of_pod(waits("CreateContainerConfigError", "secret \"a\" not found")) ==
        "container egress cannot start: CreateContainerConfigError: secret \"a\" not found");
  // How long it waits changes each time; why it ended does not.
  const Json last = {{"reason", "Error"}, {"exitCode", 2}};
  CHECK(trouble_of_pod(waits("CrashLoopBackOff", "back-off 5m0s", last)) ==
        "container egress ends again and again: Error (exit status 2)");
  CHECK(trouble_of_pod(waits("CrashLoopBackOff", "back-off 10s",
                             {{"message", "no such option"}, {"exitCode", 2}})) ==
        "container egress ends again and again: no such option (exit status 2)");
  CHECK(
      trouble_of_pod(R"({"status": {"phase": "Failed", "reason": "Evicted", "message": "low"}})") ==
      "failed: Evicted: low");
  // One that goes is nobody's trouble.
  CHECK(trouble_of_pod(R"({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
                           "status": {"phase": "Failed"}})")
            .empty());
  // Whatever is in it, it is one line.
  CHECK(trouble_of_pod(R"({"status": {"phase": "Failed", "reason": "a\u001b[2Jb\nc"}})") ==
        "failed: a?[2Jb c");
}

TEST_CASE("3.6: pods with the same trouble are counted, and at most three troubles told") {
  kube::NatPodTroubles troubles;
  const core::ObjectName egress{"internet", "nat"}, other{"internet", "other"};
  const auto failed = [](const std::string& reason) {
    return R"({"status": {"phase": "Failed", "reason": ")" + reason + R"("}})";
  };
  for (int i = 0; i < 5; ++i) {
    const kube::Seen seen = pod("nat", failed(i < 2 ? "Evicted" : "Reason" + std::to_string(i)));
    CHECK(troubles.update({"internet", "nat-" + std::to_string(i)}, &seen) == egress);
    CHECK(troubles.update({"internet", "nat-" + std::to_string(i)}, &seen).name.empty());
  }
  const kube::Seen elsewhere = pod("other", failed("Elsewhere"));
  CHECK(troubles.update({"internet", "x"}, &elsewhere) == other);
  const kube::Seen stranger = pod("nat", failed("Stranger"));
  troubles.update({"zone", "nat-0"}, &stranger);
  const auto told = troubles.of(egress);
  REQUIRE(told.size() == 3);
  CHECK(told[0] == "2 NAT pods: failed: Evicted");
  CHECK(told[1] == "1 NAT pod: failed: Reason2");
  CHECK(troubles.of(other) == std::vector<std::string>{"1 NAT pod: failed: Elsewhere"});
  // Gone, or well again.
  CHECK(troubles.update({"internet", "nat-0"}, nullptr) == egress);
  const kube::Seen well = pod("nat", R"({"status": {"phase": "Running"}})");
  CHECK(troubles.update({"internet", "nat-1"}, &well) == egress);
  CHECK(troubles.of(egress)[0] == "1 NAT pod: failed: Reason2");
}

}  // namespace unit::nat_pod_troubles_test
