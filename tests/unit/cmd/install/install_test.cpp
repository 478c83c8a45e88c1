// What `pona install` prints, read back: what an edge may do, verb by verb, and how it runs.
#include "cmd/install/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/yaml_json.hpp"

namespace unit::install_test {

namespace {

using cmd::InstallRequest;
using nlohmann::json;
using Part = InstallRequest::Part;

std::vector<json> objects(const InstallRequest& request) {
  return test::yaml_documents(cmd::install_yaml(request));
}

InstallRequest outside(Part part) {
  InstallRequest request;
  request.part = part;
  return request;
}

InstallRequest inside(Part part = Part::edge) {
  InstallRequest request = outside(part);
  request.in_cluster = true;
  request.image = "registry.example.com/pona:1";
  return request;
}

std::vector<std::string> kinds(const InstallRequest& request) {
  std::vector<std::string> found;
  for (const json& object : objects(request)) found.push_back(object["kind"]);
  return found;
}

json find(const std::vector<json>& all, const std::string& kind) {
  const auto found =
      std::ranges::find_if(all, [&](const json& object) { return object["kind"] == kind; });
  REQUIRE(found != all.end());
  return *found;
}

// "list services" or "patch services/status in smartnat…" for everything that the rules allow.
std::set<std::string> permissions(const json& role) {
  std::set<std::string> found;
  for (const json& rule : role["rules"]) {
    REQUIRE_FALSE(rule.contains("nonResourceURLs"));
    for (const json& group : rule["apiGroups"]) {
      for (const json& resource : rule["resources"]) {
        for (const json& verb : rule["verbs"]) {
          std::string text = verb.get<std::string>() + " " + resource.get<std::string>();
          if (group != "") text += "." + group.get<std::string>();
          if (!rule.contains("resourceNames")) {
            found.insert(text);
            continue;
          }
          for (const json& name : rule["resourceNames"]) {
            found.insert(text + " " + name.get<std::string>());
          }
        }
      }
    }
  }
  return found;
}

bool has(const json& list, const std::string& text) {
  return std::find(list.begin(), list.end(), json(text)) != list.end();
}

std::string usage_error(const InstallRequest& request) {
  try {
    static_cast<void>(cmd::install_yaml(request));
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::usage);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("each part prints its objects, all prints every one once") {
  const std::vector<std::string> crds(3, "CustomResourceDefinition");
  const std::vector<std::string> rbac = {"Namespace",          "ServiceAccount", "ClusterRole",
                                         "ClusterRoleBinding", "Role",           "RoleBinding"};
  std::vector<std::string> edge = rbac;
  edge.emplace_back("Secret");
  std::vector<std::string> all = crds;
  all.insert(all.end(), edge.begin(), edge.end());
  CHECK(kinds(outside(Part::crds)) == crds);
  CHECK(kinds(outside(Part::rbac)) == rbac);
  CHECK(kinds(outside(Part::edge)) == edge);
  CHECK(kinds(outside(Part::all)) == all);
  std::vector<std::string> controller = rbac;
  controller.emplace_back("Deployment");
  InstallRequest request = outside(Part::controller);
  request.image = "registry.example.com/pona:1";
  CHECK(kinds(request) == controller);
  std::vector<std::string> agent(rbac.begin(), rbac.begin() + 4);
  agent.emplace_back("DaemonSet");
  request.part = Part::agent;
  CHECK(kinds(request) == agent);
  all.back() = "DaemonSet";
  CHECK(kinds(inside(Part::all)) == all);
}

TEST_CASE("an edge may do what it must, and nothing else") {
  const auto all = objects(outside(Part::rbac));
  CHECK(permissions(find(all, "ClusterRole")) ==
        std::set<std::string>{
            "get namespaces kube-system",
            "get services",
            "list services",
            "watch services",
            "get endpointslices.discovery.k8s.io",
            "list endpointslices.discovery.k8s.io",
            "watch endpointslices.discovery.k8s.io",
            "get mappings.smartnat.aureacentral.com",
            "list mappings.smartnat.aureacentral.com",
            "watch mappings.smartnat.aureacentral.com",
            "get addresspools.pona.dev",
            "list addresspools.pona.dev",
            "watch addresspools.pona.dev",
            "patch mappings/status.smartnat.aureacentral.com",
            "patch services/status",
            "create events.events.k8s.io",
            "patch events.events.k8s.io",
        });
  // Only in its own namespace.
  CHECK(permissions(find(all, "Role")) == std::set<std::string>{
                                              "create leases.coordination.k8s.io",
                                              "get leases.coordination.k8s.io pona-edge",
                                              "update leases.coordination.k8s.io pona-edge",
                                              "list leases.coordination.k8s.io",
                                              "update leases.coordination.k8s.io",
                                              "delete leases.coordination.k8s.io",
                                          });
}

TEST_CASE("SmartNat's finalizers are a permission of their own, for who asks for it") {
  for (const Part part : {Part::rbac, Part::all}) {
    const std::vector<json> without = objects(outside(part));
    InstallRequest request = outside(part);
    request.smartnat_finalizers = true;
    std::vector<json> added;
    std::size_t same = 0;
    for (const json& object : objects(request)) {
      if (same < without.size() && object == without[same]) {
        ++same;
      } else {
        added.push_back(object);
      }
    }
    CHECK(same == without.size());
    REQUIRE(added.size() == 2);
    CHECK(permissions(find(added, "ClusterRole")) ==
          std::set<std::string>{"patch mappings.smartnat.aureacentral.com"});
    for (const json& object : added) {
      CHECK(object["metadata"]["name"] == "pona-edge-smartnat-finalizers");
    }
  }
}

TEST_CASE("the permissions are bound to the edge's account and to no other") {
  InstallRequest request = outside(Part::all);
  request.ns = "edges";
  request.smartnat_finalizers = true;
  const auto all = objects(request);
  const json subjects = {
      {{"kind", "ServiceAccount"}, {"name", "pona-edge"}, {"namespace", "edges"}}};
  std::size_t bindings = 0;
  for (const json& object : all) {
    const std::string kind = object["kind"];
    const bool cluster_wide = kind == "Namespace" || kind == "CustomResourceDefinition" ||
                              kind.starts_with("ClusterRole");
    INFO(object.dump());
    CHECK(object["metadata"].contains("namespace") == !cluster_wide);
    if (!cluster_wide) CHECK(object["metadata"]["namespace"] == "edges");
    if (!kind.ends_with("Binding")) continue;
    ++bindings;
    CHECK(object["subjects"] == subjects);
    CHECK(object["roleRef"] == json({{"apiGroup", "rbac.authorization.k8s.io"},
                                     {"kind", kind.substr(0, kind.size() - 7)},
                                     {"name", object["metadata"]["name"]}}));
  }
  CHECK(bindings == 3);
  const json account = find(all, "ServiceAccount");
  CHECK(account["metadata"]["name"] == "pona-edge");
  const json secret = find(all, "Secret");
  CHECK(secret["type"] == "kubernetes.io/service-account-token");
  CHECK(secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == "pona-edge");
  CHECK_FALSE(secret.contains("data"));
}

TEST_CASE("in the cluster an edge has the host's network and little else of the host") {
  InstallRequest request = inside();
  cmd::add_node_selector(request, "example.com/edge=yes");
  request.external_interfaces = "^eth[1-9]$";
  const auto all = objects(request);
  const json set = find(all, "DaemonSet");
  const json& pod = set["spec"]["template"]["spec"];
  CHECK(set["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] ==
        set["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]);
  CHECK(set["spec"]["updateStrategy"]["type"] == "RollingUpdate");
  CHECK(pod["serviceAccountName"] == "pona-edge");
  CHECK(pod["hostNetwork"] == true);
  CHECK_FALSE(pod.contains("hostPID"));
  CHECK_FALSE(pod.contains("hostIPC"));
  CHECK(pod["dnsPolicy"] == "Default");
  CHECK(pod["priorityClassName"] == "system-node-critical");
  CHECK(pod["tolerations"] == json::parse(R"([{"operator": "Exists"}])"));
  CHECK(pod["nodeSelector"] ==
        json::parse(R"({"kubernetes.io/os": "linux", "example.com/edge": "yes"})"));
  CHECK(pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault");

  REQUIRE(pod["containers"].size() == 1);
  CHECK_FALSE(pod.contains("initContainers"));
  const json& edge = pod["containers"][0];
  CHECK(edge["image"] == "registry.example.com/pona:1");
  CHECK(edge["command"] == json({"pona", "edge"}));
  CHECK(edge["args"][0] == "--external-interfaces=^eth[1-9]$");
  CHECK(edge["securityContext"] == json::parse(R"({
          "allowPrivilegeEscalation": false, "privileged": false, "readOnlyRootFilesystem": true,
          "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}})"));
  CHECK(edge["resources"]["requests"].size() == 2);
  CHECK(edge["resources"]["limits"].contains("memory"));

  // The probes ask where the monitor listens.
  const int port = edge["ports"][0]["containerPort"];
  CHECK(has(edge["args"], "--monitor-port=" + std::to_string(port)));
  CHECK(edge["ports"][0]["hostPort"] == port);
  for (const char* const probe : {"livenessProbe", "readinessProbe"}) {
    CHECK(edge[probe]["httpGet"]["port"] == edge["ports"][0]["name"]);
    CHECK(edge[probe]["httpGet"]["host"] == "127.0.0.1");
  }
  CHECK(has(edge["args"], "--monitor-address=127.0.0.1"));

  // Every volume is mounted, and little of it is the host's.
  std::set<std::string> mounted;
  for (const json& mount : edge["volumeMounts"]) mounted.insert(mount["name"]);
  std::set<std::string> host_paths;
  for (const json& volume : pod["volumes"]) {
    CHECK(mounted.erase(volume["name"]) == 1);
    if (volume.contains("hostPath")) host_paths.insert(volume["hostPath"]["path"]);
  }
  CHECK(mounted.empty());
  CHECK(host_paths == std::set<std::string>{"/proc/sys/net", "/var/lib/pona"});
}

TEST_CASE("what a user says becomes a value and nothing else of a manifest") {
  InstallRequest request = inside(Part::all);
  request.ns = "123";  // a number, if it were not quoted
  request.external_interfaces = "^\"[${IMAGE}: ]|\\$$";
  cmd::add_node_selector(request, "on=true");
  cmd::add_node_selector(request, "empty=");
  const auto all = objects(request);
  const json set = find(all, "DaemonSet");
  const json& pod = set["spec"]["template"]["spec"];
  CHECK(set["metadata"]["namespace"] == "123");
  CHECK(find(all, "Namespace")["metadata"]["name"] == "123");
  CHECK(pod["containers"][0]["args"][0] == "--external-interfaces=" + request.external_interfaces);
  CHECK(pod["nodeSelector"]["on"] == "true");
  CHECK(pod["nodeSelector"]["empty"] == "");
}

TEST_CASE("nothing is left to fill in") {
  for (const bool in_cluster : {false, true}) {
    InstallRequest request = in_cluster ? inside(Part::all) : outside(Part::all);
    const std::string text = cmd::install_yaml(request);
    CHECK(text.find("${") == std::string::npos);
    CHECK(text.find("# ") != std::string::npos);  // the comments are for the reader
  }
}

TEST_CASE("JSON is the same objects as YAML, in one list") {
  for (const InstallRequest& request : {outside(Part::all), inside(Part::all)}) {
    const json list = json::parse(cmd::install_json(request));
    CHECK(list["apiVersion"] == "v1");
    CHECK(list["kind"] == "List");
    CHECK(list["items"] == json(objects(request)));
  }
}

TEST_CASE("a namespace of Kubernetes itself is used, not written") {
  for (const char* const ns : {"default", "kube-system"}) {
    InstallRequest request = outside(Part::edge);
    request.ns = ns;
    CHECK(kinds(request).front() == "ServiceAccount");
    CHECK(find(objects(request), "Role")["metadata"]["namespace"] == ns);
  }
}

TEST_CASE("values that are none are usage errors that name the option") {
  InstallRequest request = outside(Part::edge);
  request.ns = "Pona";
  CHECK(usage_error(request).starts_with("--namespace \"Pona\" is not a namespace"));

  request = outside(Part::edge);
  request.image = "pona";
  CHECK(usage_error(request) ==
        "--image is about edges in the cluster: add --in-cluster, or leave it out");

  request = inside();
  request.image.clear();
  CHECK(usage_error(request).starts_with("--in-cluster needs --image"));
  for (const char* const image : {"a b", "pona\nprivileged: true", "p\xc3\xb6na"}) {
    request.image = image;
    CHECK(usage_error(request).starts_with("--image"));
  }

  request = inside();
  request.external_interfaces = "eth[";
  CHECK(usage_error(request).starts_with(
      "--external-interfaces \"eth[\" is not an extended regular expression"));

  for (const char* const selector :
       {"", "edge", "=yes", "a b=c", "edge=a b", "/edge=yes", "example.com/=yes", "edge=-",
        "A/b/c=d", "Example.com/edge=yes"}) {
    INFO(selector);
    InstallRequest other = inside();
    CHECK_THROWS_WITH(cmd::add_node_selector(other, selector), Catch::Contains("write KEY=VALUE"));
  }
  cmd::add_node_selector(request, "edge=yes");
  CHECK_THROWS_WITH(cmd::add_node_selector(request, "edge=no"), Catch::Contains("given twice"));
}

TEST_CASE(
    "a controller may do what it must, and no more than that beyond what it gives to others") {
  InstallRequest request = outside(Part::controller);
  CHECK(usage_error(request).find("pona install controller needs --image") == 0);
  request.image = "registry.example.com/pona:1";
  request.ns = "network";
  const auto all = objects(request);
  std::set<std::string> expected = {
      "get namespaces kube-system",
      "patch egresses/status.pona.cybozu.com",
      "update egresses/finalizers.pona.cybozu.com",
      "update endpointslices.discovery.k8s.io",
      "create events.events.k8s.io",
      "patch events.events.k8s.io",
  };
  for (const char* const read :
       {"egresses.pona.cybozu.com", "pods", "nodes", "servicecidrs.networking.k8s.io"}) {
    for (const char* const verb : {"get ", "list ", "watch "})
      expected.insert(verb + std::string(read));
  }
  for (const char* const made :
       {"serviceaccounts", "services", "deployments.apps", "poddisruptionbudgets.policy",
        "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
        "endpointslices.discovery.k8s.io"}) {
    for (const char* const verb : {"get ", "list ", "watch ", "create ", "patch ", "delete "}) {
      expected.insert(verb + std::string(made));
    }
  }
  CHECK(permissions(find(all, "ClusterRole")) == expected);
  CHECK(permissions(find(all, "Role")) ==
        std::set<std::string>{"create leases.coordination.k8s.io",
                              "get leases.coordination.k8s.io pona-controller",
                              "update leases.coordination.k8s.io pona-controller"});
  const json pod = find(all, "Deployment")["spec"]["template"]["spec"];
  const json& container = pod["containers"][0];
  CHECK(container["image"] == "registry.example.com/pona:1");
  CHECK(has(container["args"], "--image=registry.example.com/pona:1"));
  CHECK(container["securityContext"]["capabilities"] == json{{"drop", json::array({"ALL"})}});
  CHECK(pod["securityContext"]["runAsNonRoot"] == true);
  CHECK(find(all, "Deployment")["metadata"]["namespace"] == "network");
}

// These are atomic: what the server fills in belongs to whoever applied without it, and to apply
// them again by another client would conflict.
TEST_CASE("what is printed names what the server would fill in in atomic fields") {
  std::size_t seen = 0;
  const auto check = [&](const auto& self, const json& value) -> void {
    if (value.is_object() && value.contains("fieldRef")) {
      CHECK(value["fieldRef"].value("apiVersion", "") == "v1");
      ++seen;
    }
    if (value.is_structured()) {
      for (const json& inner : value) self(self, inner);
    }
  };
  for (const Part part : {Part::edge, Part::controller, Part::agent}) {
    for (const json& object : objects(inside(part))) check(check, object);
  }
  CHECK(seen >= 5);
}

}  // namespace unit::install_test
