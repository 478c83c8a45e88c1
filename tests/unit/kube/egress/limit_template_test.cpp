#include "kube/egress/limit_template.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace unit::limit_template_test {

namespace {

using nlohmann::json;
using Paths = std::vector<std::string>;

const kube::TemplateLimits limits{"egress", {"own"}};

std::pair<json, Paths> limited(const char* pod, const char* there = "null") {
  json spec = json::parse(pod);
  Paths left_out = kube::limit_template(spec, json::parse(there), limits);
  return {std::move(spec), std::move(left_out)};
}

// Of one container's fields.
Paths of_container(const std::string& fields, const std::string& name = "side") {
  const std::string pod = R"({"containers": [{"name": ")" + name + "\", " + fields + "}]}";
  return limited(pod.c_str()).second;
}

}  // namespace

TEST_CASE("what baseline lets pass, passes") {
  const char* const pod = R"({
    "hostPID": false, "hostIPC": false, "serviceAccountName": "own", "nodeSelector": {"a": "b"},
    "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"},
      "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"},
      "seLinuxOptions": {"type": "container_t", "level": "s0"}, "windowsOptions": {},
      "sysctls": [{"name": "net.ipv4.ip_forward", "value": "1"},
                  {"name": "net.ipv6.fwmark_reflect", "value": "1"},
                  {"name": "net.ipv4.tcp_syncookies", "value": "1"}]},
    "volumes": [{"name": "v", "emptyDir": {}}, {"name": "n", "hostPath": null}],
    "containers": [
      {"name": "egress", "ports": [{"containerPort": 80, "hostPort": 0}],
       "securityContext": {"privileged": false, "procMount": "Default",
         "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW", "CHOWN"]}},
       "livenessProbe": {"httpGet": {"path": "/", "port": 80, "host": ""}}},
      {"name": "side", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]})";
  const auto [left, left_out] = limited(pod);
  CHECK(left == json::parse(pod));
  CHECK(left_out.empty());
  CHECK(limited("[]").second.empty());
  CHECK(limited(R"({"containers": 7, "volumes": {}, "securityContext": "x"})").second.empty());
}

TEST_CASE("what baseline refuses is left out, by name") {
  const auto [left, left_out] = limited(R"({
    "hostPID": true, "hostIPC": true, "hostNetwork": true, "serviceAccountName": "admin",
    "serviceAccount": "admin",
    "securityContext": {"seccompProfile": {"type": "Unconfined"},
      "windowsOptions": {"hostProcess": true}, "seLinuxOptions": {"user": "root"},
      "sysctls": [{"name": "kernel.msgmax", "value": "1"}, {"name": "net.ipv4.ip_forward"}]},
    "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "emptyDir": {}}],
    "containers": [{"name": "egress", "volumeMounts": [{"name": "v"}, {"name": "w"}]}]})");
  CHECK(left == json::parse(R"({
    "securityContext": {"sysctls": [{"name": "net.ipv4.ip_forward"}]},
    "volumes": [{"name": "w", "emptyDir": {}}],
    "containers": [{"name": "egress", "volumeMounts": [{"name": "w"}]}]})"));
  CHECK(left_out == Paths{"hostPID", "hostIPC", "hostNetwork", "serviceAccountName",
                          "serviceAccount", "securityContext.windowsOptions",
                          "securityContext.seccompProfile", "securityContext.seLinuxOptions",
                          "securityContext.sysctls[kernel.msgmax]", "volumes[v].hostPath"});
}

TEST_CASE("of containers likewise, in each of their lists") {
  CHECK(of_container(R"("securityContext": {"privileged": true, "procMount": "Unmasked",
                         "appArmorProfile": {"type": "Unconfined"},
                         "seLinuxOptions": {"type": "spc_t"}})") ==
        Paths{"containers[side].securityContext.privileged",
              "containers[side].securityContext.procMount",
              "containers[side].securityContext.appArmorProfile",
              "containers[side].securityContext.seLinuxOptions"});
  const std::string capabilities =
      R"("securityContext": {"capabilities": {"add": ["NET_ADMIN", "SYS_ADMIN", "ALL", "CHOWN"]}})";
  CHECK(of_container(capabilities) ==
        Paths{"containers[side].securityContext.capabilities.add[NET_ADMIN]",
              "containers[side].securityContext.capabilities.add[SYS_ADMIN]",
              "containers[side].securityContext.capabilities.add[ALL]"});
  CHECK(of_container(capabilities, "egress").size() == 2);
  CHECK(of_container(R"("ports": [{"name": "web", "containerPort": 1, "hostPort": 1},
                                  {"containerPort": 2, "hostPort": 2}])") ==
        Paths{"containers[side].ports[web].hostPort", "containers[side].ports[2].hostPort"});
  CHECK(of_container(R"("livenessProbe": {"httpGet": {"host": "10.0.0.1"}},
                        "startupProbe": {"tcpSocket": {"host": "10.0.0.1"}},
                        "lifecycle": {"preStop": {"httpGet": {"host": "10.0.0.1"}}})") ==
        Paths{"containers[side].livenessProbe.httpGet.host",
              "containers[side].startupProbe.tcpSocket.host",
              "containers[side].lifecycle.preStop.httpGet.host"});
  // Of the name of pona's container, but not it.
  CHECK(limited(R"({"initContainers": [{"name": "egress", "securityContext":
                    {"capabilities": {"add": ["NET_ADMIN"]}}}]})")
            .second == Paths{"initContainers[egress].securityContext.capabilities.add[NET_ADMIN]"});
}

TEST_CASE("what pods have already is not taken from them, and nothing more is given") {
  const char* const there = R"({
    "hostPID": true, "serviceAccountName": "admin",
    "volumes": [{"name": "v", "hostPath": {"path": "/var", "type": ""}}],
    "containers": [{"name": "side", "securityContext": {"privileged": true,
                    "capabilities": {"add": ["SYS_TIME"]}}}]})";
  CHECK(limited(R"({
    "hostPID": true, "serviceAccountName": "admin",
    "volumes": [{"name": "v", "hostPath": {"path": "/var"}}],
    "containers": [{"name": "side", "securityContext": {"privileged": true,
                    "capabilities": {"add": ["SYS_TIME"]}}}]})",
                there)
            .second.empty());
  CHECK(limited(R"({
    "hostIPC": true, "serviceAccountName": "other",
    "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
    "containers": [{"name": "side", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
                   {"name": "another", "securityContext": {"privileged": true}}]})",
                there)
            .second == Paths{"hostIPC", "serviceAccountName", "volumes[v].hostPath",
                             "containers[side].securityContext.capabilities.add[SYS_ADMIN]",
                             "containers[another].securityContext.privileged"});
}

}  // namespace unit::limit_template_test
