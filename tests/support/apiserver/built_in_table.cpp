#include "support/apiserver/built_in.hpp"

namespace support::apiserver {
namespace {

const std::vector<std::string> all_verbs = {"create", "delete", "deletecollection", "get",
                                            "list",   "patch",  "update",           "watch"};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

Resource make(const std::string& group, const std::string& plural, const std::string& kind,
              const std::string& hash, const std::string& exceptions = "") {
  Resource out;
  out.group = group;
  out.version = "v1";
  out.plural = plural;
  out.kind = kind;
  out.singular = lower(kind);
  out.list_kind = kind + "List";
  out.storage_hash = hash;
  out.verbs = all_verbs;
  out.schema = built_in_schema(exceptions);
  return out;
}

const std::string conditions = "status.conditions [type]\n";

void add_core(std::vector<Resource>& all) {
  Resource config = make("", "configmaps", "ConfigMap", "qFsyl6wFWjQ=", "data map\nbinaryData map");
  config.short_names = {"cm"};
  Resource endpoints = make("", "endpoints", "Endpoints", "fWeeMqaN/OA=", "subsets atomic");
  endpoints.short_names = {"ep"};
  endpoints.creates_on_update = true;
  Resource events = make("", "events", "Event", "r2yiGXH7wu8=", "involvedObject atomic");
  events.short_names = {"ev"};
  events.creates_on_update = true;
  events.selectable = {"involvedObject.kind",
                       "involvedObject.name",
                       "involvedObject.namespace",
                       "involvedObject.uid",
                       "reason",
                       "type"};
  Resource spaces =
      make("", "namespaces", "Namespace", "Q3oi5N2YM8M=", "spec.finalizers atomic\n" + conditions);
  spaces.short_names = {"ns"};
  spaces.namespaced = false;
  spaces.status = true;
  spaces.selectable = {"status.phase"};
  spaces.verbs = {"create", "delete", "get", "list", "patch", "update", "watch"};
  Resource nodes = make("", "nodes", "Node", "XwShjMxG9Fs=",
                        "spec.podCIDRs set\nstatus.addresses [type]\nstatus.capacity map\n"
                        "status.allocatable map\n" +
                            conditions);
  nodes.short_names = {"no"};
  nodes.namespaced = false;
  nodes.status = true;
  nodes.selectable = {"spec.unschedulable"};
  Resource pods =
      make("", "pods", "Pod",
           "xPOwRZ+Yhw8=", pod_exceptions("spec") + conditions + "status.podIPs [ip]\n");
  pods.short_names = {"po"};
  pods.categories = {"all"};
  pods.status = pods.generation = pods.returns_deleted = true;
  pods.selectable = {"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName",
                     "status.phase", "status.podIP"};
  Resource accounts = make("", "serviceaccounts", "ServiceAccount",
                           "pbx9ZvyFpBE=", "secrets [name]\nimagePullSecrets [name]");
  accounts.short_names = {"sa"};
  accounts.returns_deleted = true;
  Resource services =
      make("", "services", "Service",
           "0/CO1lhkEBI=", "spec.selector atomic\nspec.ports [port,protocol=TCP]\n" + conditions);
  services.short_names = {"svc"};
  services.categories = {"all"};
  services.status = services.returns_deleted = true;
  services.selectable = {"spec.clusterIP", "spec.type"};
  all.insert(all.end(), {config, endpoints, events, spaces, nodes, pods, accounts, services});
}

// Asked, not stored.
void add_reviews(std::vector<Resource>& all) {
  for (const char* kind : {"SelfSubjectAccessReview", "SelfSubjectRulesReview"}) {
    Resource review = make("authorization.k8s.io", lower(kind) + "s", kind, "");
    review.namespaced = false;
    review.verbs = {"create"};
    all.push_back(review);
  }
}

void add_rbac(std::vector<Resource>& all) {
  const std::string group = "rbac.authorization.k8s.io";
  const std::string binding = "subjects atomic\nroleRef atomic";
  const std::string role = "rules atomic\naggregationRule.clusterRoleSelectors atomic";
  Resource cluster_bindings =
      make(group, "clusterrolebindings", "ClusterRoleBinding", "48xpY2EgPLg=", binding);
  Resource cluster_roles = make(group, "clusterroles", "ClusterRole", "bYE5ZWDrJ44=", role);
  cluster_bindings.namespaced = cluster_roles.namespaced = false;
  all.insert(all.end(), {cluster_bindings, cluster_roles,
                         make(group, "rolebindings", "RoleBinding", "eGsCzGH6b1g=", binding),
                         make(group, "roles", "Role", "7FuwZcIIItM=", role)});
}

}  // namespace

std::vector<Resource> built_in_resources() {
  std::vector<Resource> all;
  add_core(all);

  Resource deployments = make("apps", "deployments", "Deployment", "8aSe+NMegvE=",
                              "spec.selector atomic\nspec.template.metadata.labels map\n"
                              "spec.template.metadata.annotations map\n" +
                                  conditions + pod_exceptions("spec.template.spec"));
  deployments.short_names = {"deploy"};
  deployments.categories = {"all"};
  deployments.status = deployments.scale = deployments.generation = true;
  all.push_back(deployments);

  Resource events = make("events.k8s.io", "events", "Event", "r2yiGXH7wu8=", "regarding atomic");
  events.short_names = {"ev"};
  events.creates_on_update = true;
  events.stored_as = "events";
  events.renamed = {{"regarding", "involvedObject"},
                    {"note", "message"},
                    {"reportingController", "reportingComponent"},
                    {"deprecatedSource", "source"},
                    {"deprecatedFirstTimestamp", "firstTimestamp"},
                    {"deprecatedLastTimestamp", "lastTimestamp"},
                    {"deprecatedCount", "count"}};
  all.push_back(events);
  add_reviews(all);

  Resource budgets = make("policy", "poddisruptionbudgets", "PodDisruptionBudget",
                          "EVWiDmWqyJw=", "spec.selector atomic\n" + conditions);
  budgets.short_names = {"pdb"};
  budgets.status = budgets.generation = true;
  all.push_back(budgets);

  add_rbac(all);

  Resource definitions = make("apiextensions.k8s.io", "customresourcedefinitions",
                              "CustomResourceDefinition", "jfWCUB31mvA=", conditions);
  definitions.short_names = {"crd", "crds"};
  definitions.categories = {"api-extensions"};
  definitions.namespaced = false;
  definitions.status = definitions.generation = true;
  all.push_back(definitions);

  Resource leases = make("coordination.k8s.io", "leases", "Lease", "gqkMMb/YqFM=");
  leases.needs_version = leases.creates_on_update = true;
  all.push_back(leases);

  Resource slices = make("discovery.k8s.io", "endpointslices", "EndpointSlice",
                         "qgS0xkrxYAI=", "endpoints atomic\nports atomic");
  slices.generation = true;
  all.push_back(slices);
  return all;
}

}  // namespace support::apiserver
