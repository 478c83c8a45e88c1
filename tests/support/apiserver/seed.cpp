#include "support/apiserver/seed.hpp"

#include "support/apiserver/json.hpp"

namespace support::apiserver {
namespace {

const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/";

struct Role {
  const char* name;
  std::vector<const char*> groups;
  const char* rules;
};

const std::vector<Role>& roles() {
  static const std::vector<Role> all = {
      {"cluster-admin", {"system:masters"}, R"([
        {"verbs":["*"],"apiGroups":["*"],"resources":["*"]},
        {"verbs":["*"],"nonResourceURLs":["*"]}])"},
      {"system:basic-user", {"system:authenticated"}, R"([
        {"verbs":["create"],"apiGroups":["authorization.k8s.io"],
         "resources":["selfsubjectaccessreviews","selfsubjectrulesreviews"]},
        {"verbs":["create"],"apiGroups":["authentication.k8s.io"],
         "resources":["selfsubjectreviews"]}])"},
      {"system:discovery", {"system:authenticated"}, R"([
        {"verbs":["get"],"nonResourceURLs":["/api","/api/*","/apis","/apis/*","/healthz","/livez",
         "/openapi","/openapi/*","/readyz","/version","/version/"]}])"},
      {"system:public-info-viewer", {"system:authenticated", "system:unauthenticated"}, R"([
        {"verbs":["get"],
         "nonResourceURLs":["/healthz","/livez","/readyz","/version","/version/"]}])"},
      {"system:service-account-issuer-discovery", {"system:serviceaccounts"}, R"([
        {"verbs":["get"],"nonResourceURLs":["/.well-known","/.well-known/*"]}])"},
  };
  return all;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> seed_objects() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const char* name : {"default", "kube-node-lease", "kube-public", "kube-system"}) {
    out.emplace_back("/api/v1/namespaces", Json{{"metadata", {{"name", name}}}}.dump());
  }
  for (const Role& role : roles()) {
    const Json metadata = {{"name", role.name}};
    out.emplace_back(rbac + "clusterroles",
                     Json{{"metadata", metadata}, {"rules", Json::parse(role.rules)}}.dump());
    Json subjects = Json::array();
    for (const char* group : role.groups) {
      subjects.push_back(
          {{"kind", "Group"}, {"apiGroup", "rbac.authorization.k8s.io"}, {"name", group}});
    }
    out.emplace_back(rbac + "clusterrolebindings", Json{{"metadata", metadata},
                                                        {"roleRef",
                                                         {{"apiGroup", "rbac.authorization.k8s.io"},
                                                          {"kind", "ClusterRole"},
                                                          {"name", role.name}}},
                                                        {"subjects", subjects}}
                                                       .dump());
  }
  return out;
}

}  // namespace support::apiserver
