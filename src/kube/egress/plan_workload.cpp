#include "kube/egress/plan_workload.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/constants.hpp"
#include "kube/decode/decode.hpp"
#include "kube/decode/egress_labels.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/egress/limit_template.hpp"

namespace kube {
namespace {

using nlohmann::json;

constexpr std::string_view nat_container = "egress";
constexpr std::string_view nat_prefix = "pona-egress-";
constexpr std::string_view agent_prefix = "pona-agent-";
constexpr std::string_view agent_account = "pona-agent";
// After draining, to take down what it made.
constexpr std::uint32_t grace_after_drain = 10;

constexpr std::array<WorkloadKind, 8> kinds = {{
    {"", "v1", "serviceaccounts", "ServiceAccount"},
    {"rbac.authorization.k8s.io", "v1", "roles", "Role"},
    {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"},
    {"rbac.authorization.k8s.io", "v1", "roles", "Role"},
    {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"},
    {"", "v1", "services", "Service"},
    {"apps", "v1", "deployments", "Deployment"},
    {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"},
}};

std::string_view prefix_of(WorkloadPart part) {
  switch (part) {
    case WorkloadPart::account:
    case WorkloadPart::role:
    case WorkloadPart::binding:
      return nat_prefix;
    case WorkloadPart::agent_role:
    case WorkloadPart::agent_binding:
      return agent_prefix;
    case WorkloadPart::service:
    case WorkloadPart::deployment:
    case WorkloadPart::budget:
      break;
  }
  return {};
}

json at(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

json map_at(const json& object, const char* key) {
  json value = at(object, key);
  return value.is_object() ? value : json::object();
}

void copy(const json& from, const char* key, json& to) {
  json value = at(from, key);
  if (!value.is_null()) to[key] = std::move(value);
}

// Maps become one, of which `over` has the last word. A list or a value is as `over` has it.
void lay_over(json& under, const json& over) {
  for (const auto& [key, value] : over.items()) {
    if (value.is_null()) continue;
    json& place = under[key];
    if (place.is_object() && value.is_object()) {
      lay_over(place, value);
    } else {
      place = value;
    }
  }
}

// Two lists of things with names, in which `strong` has the last word.
json joined(const json& strong, const json& weak) {
  json all = strong;
  if (!weak.is_array()) return all;
  for (const json& element : weak) {
    const json name = at(element, "name");
    const bool known =
        std::ranges::any_of(strong, [&](const json& one) { return at(one, "name") == name; });
    if (!known) all.push_back(element);
  }
  return all;
}

class Planner {
 public:
  Planner(const WorkloadSettings& settings, const core::Egress& egress, const json& object,
          const TemplateContext& context, std::vector<std::string>& left_out)
      : settings_(settings),
        context_(context),
        left_out_(left_out),
        egress_(egress),
        spec_(map_at(object, "spec")),
        owner_({{"apiVersion", egress_api_version},
                {"kind", "Egress"},
                {"name", egress.name.name},
                {"uid", at(map_at(object, "metadata"), "uid")},
                {"controller", true},
                {"blockOwnerDeletion", true}}),
        labels_({{app_name_label, nat_app_name},
                 {app_instance_label, egress.name.name},
                 {app_component_label, nat_component}}) {}

  Workload plan() {
    const std::string own = name_of(WorkloadPart::account, egress_.name).name;
    json made = deployment(map_at(map_at(spec_, "template"), "spec"), own);
    // Whose account is given has it made, too.
    const std::string account = made["template"]["spec"]["serviceAccountName"];
    if (account == own) put(WorkloadPart::account, json::object());
    // Client lists in its own namespace, and its own Egress.
    put_role(WorkloadPart::role, {{{"apiGroups", json::array({"pona.cybozu.com"})},
                                   {"resources", json::array({"egresses"})},
                                   {"resourceNames", json::array({egress_.name.name})},
                                   {"verbs", {"get", "list", "watch"}}},
                                  {{"apiGroups", json::array({"discovery.k8s.io"})},
                                   {"resources", json::array({"endpointslices"})},
                                   {"verbs", {"get", "list", "watch"}}}});
    put_binding(WorkloadPart::binding, WorkloadPart::role, account, egress_.name.ns);
    put_role(WorkloadPart::agent_role,
             json::array({{{"apiGroups", json::array({"discovery.k8s.io"})},
                           {"resources", json::array({"endpointslices"})},
                           {"verbs", {"create", "update", "patch", "delete"}}}}));
    put_binding(WorkloadPart::agent_binding, WorkloadPart::agent_role, std::string(agent_account),
                settings_.agent_ns);
    put(WorkloadPart::service, {{"spec", service()}});
    put(WorkloadPart::deployment, {{"spec", std::move(made)}});
    const json budget = map_at(spec_, "podDisruptionBudget");
    json limits = json::object();
    copy(budget, "minAvailable", limits);
    copy(budget, "maxUnavailable", limits);
    if (!limits.empty()) {
      limits["selector"]["matchLabels"] = labels_;
      put(WorkloadPart::budget, {{"spec", std::move(limits)}});
    }
    return std::move(workload_);
  }

 private:
  void put(WorkloadPart part, json object) {
    const WorkloadKind& kind = kind_of(part);
    object["apiVersion"] =
        (kind.group.empty() ? "" : std::string(kind.group) + "/") + std::string(kind.version);
    object["kind"] = kind.kind;
    object["metadata"] = {{"name", name_of(part, egress_.name).name},
                          {"namespace", egress_.name.ns},
                          {"labels", labels_},
                          {"ownerReferences", json::array({owner_})}};
    workload_[part] = dump_json(object);
  }

  void put_role(WorkloadPart part, json rules) { put(part, {{"rules", std::move(rules)}}); }

  void put_binding(WorkloadPart part, WorkloadPart role, const std::string& account,
                   const std::string& ns) {
    put(part,
        {{"roleRef",
          {{"apiGroup", "rbac.authorization.k8s.io"},
           {"kind", "Role"},
           {"name", name_of(role, egress_.name).name}}},
         {"subjects",
          json::array({{{"kind", "ServiceAccount"}, {"name", account}, {"namespace", ns}}})}});
  }

  [[nodiscard]] static json port(const char* name, std::uint16_t number) {
    return {{"name", name}, {"port", number}, {"targetPort", number}, {"protocol", "UDP"}};
  }

  [[nodiscard]] json service() const {
    json ports = json::array({port("fou", core::constants::fou_port)});
    if (egress_.encapsulation == core::Egress::Encapsulation::vxlan) {
      ports.push_back(port("vxlan", core::constants::vxlan_gpe_port));
    }
    json spec = {{"type", "ClusterIP"},
                 {"ipFamilyPolicy", "PreferDualStack"},
                 {"selector", labels_},
                 {"ports", std::move(ports)}};
    copy(spec_, "sessionAffinity", spec);
    // The API refuses it for None, where it means nothing.
    if (at(spec_, "sessionAffinity") == "ClientIP") copy(spec_, "sessionAffinityConfig", spec);
    return spec;
  }

  // The rest is what the template has.
  void limit(json& pod, const std::string& own) const {
    if (settings_.any_template) return;
    TemplateLimits limits{std::string(nat_container), context_.accounts};
    limits.accounts.insert(own);
    const json there = json::parse(context_.deployment, nullptr, false);
    const json running = map_at(map_at(map_at(there, "spec"), "template"), "spec");
    for (std::string& path : limit_template(pod, running, limits)) {
      left_out_.push_back("spec.template.spec." + std::move(path));
    }
  }

  // As it was said before securityContext had a field for it.
  void limit_annotations(json& annotations) const {
    constexpr std::string_view apparmor = "container.apparmor.security.beta.kubernetes.io/";
    if (settings_.any_template) return;
    const json there = json::parse(context_.deployment, nullptr, false);
    const json running =
        map_at(map_at(map_at(map_at(there, "spec"), "template"), "metadata"), "annotations");
    std::vector<std::string> gone;
    for (const auto& [key, value] : annotations.items()) {
      if (!key.starts_with(apparmor) || at(running, key.c_str()) == value) continue;
      const std::string profile = value.is_string() ? value.get<std::string>() : "";
      if (profile != "runtime/default" && !profile.starts_with("localhost/")) gone.push_back(key);
    }
    for (const std::string& key : gone) {
      annotations.erase(key);
      left_out_.push_back("spec.template.metadata.annotations." + key);
    }
  }

  [[nodiscard]] json deployment(const json& template_spec, const std::string& account) const {
    const json metadata = map_at(map_at(spec_, "template"), "metadata");
    json pod_metadata = {
        {"labels", map_at(metadata, "labels")},
        {"annotations", {{"kubectl.kubernetes.io/default-container", nat_container}}}};
    lay_over(pod_metadata["labels"], labels_);
    lay_over(pod_metadata["annotations"], map_at(metadata, "annotations"));
    limit_annotations(pod_metadata["annotations"]);
    pod_metadata["annotations"][std::string(nat_pod_annotation)] = "true";
    json pod = {{"enableServiceLinks", false}, {"serviceAccountName", account}};
    lay_over(pod, template_spec);
    // It would make the node a router of its own.
    pod.erase("hostNetwork");
    const std::uint32_t least = egress_.drain_seconds + grace_after_drain;
    json& grace = pod["terminationGracePeriodSeconds"];
    if (!grace.is_number_unsigned() || grace < least) grace = least;
    pod["containers"] = containers(at(template_spec, "containers"));
    limit(pod, account);
    if (!at(pod, "serviceAccountName").is_string()) pod["serviceAccountName"] = account;
    json spec = {{"selector", {{"matchLabels", labels_}}},
                 {"template", {{"metadata", std::move(pod_metadata)}, {"spec", std::move(pod)}}}};
    const json replicas = at(spec_, "replicas");
    spec["replicas"] = replicas.is_null() ? json(1) : replicas;
    copy(spec_, "strategy", spec);
    return spec;
  }

  // The user's own beside it stay as they are, and where they are.
  [[nodiscard]] json containers(const json& given) const {
    json all = json::array();
    bool found = false;
    if (given.is_array()) {
      for (const json& one : given) {
        const bool ours = at(one, "name") == nat_container;
        found = found || ours;
        all.push_back(ours ? container(one) : one);
      }
    }
    if (!found) all.insert(all.begin(), container(json::object()));
    return all;
  }

  [[nodiscard]] json container(const json& given) const {
    const auto own_field = [](const char* name, const char* path) {
      // With what the server fills in: the field is atomic, so another client's apply without it
      // would conflict with what is stored.
      return json{{"name", name},
                  {"valueFrom", {{"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", path}}}}}};
    };
    const auto probe = [](const char* path, int period) {
      return json{{"httpGet", {{"path", path}, {"port", "health"}}}, {"periodSeconds", period}};
    };
    json result = {
        {"name", nat_container},
        {"image", settings_.image},
        {"command", {"pona", "nat"}},
        {"resources", {{"requests", {{"cpu", "50m"}, {"memory", "64Mi"}}}}},
        // Root, as capabilities are lost to anybody else; of its powers, these two.
        {"securityContext",
         {{"runAsUser", 0},
          {"runAsNonRoot", false},
          {"privileged", false},
          {"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"seccompProfile", {{"type", "RuntimeDefault"}}},
          {"capabilities", {{"drop", json::array({"ALL"})}, {"add", {"NET_ADMIN", "NET_RAW"}}}}}},
        {"livenessProbe", probe("/healthz", 10)},
        {"readinessProbe", probe("/readyz", 1)}};
    if (!settings_.image_pull_policy.empty()) {
      result["imagePullPolicy"] = settings_.image_pull_policy;
    }
    lay_over(result, given);
    // A template that says nothing gets what is usual, one that says something gets that alone.
    if (!at(given, "resources").is_null()) result["resources"] = at(given, "resources");
    const json env = json::array({own_field("PONA_POD_NAMESPACE", "metadata.namespace"),
                                  json{{"name", "PONA_EGRESS_NAME"}, {"value", egress_.name.name}},
                                  own_field("PONA_POD_ADDRESSES", "status.podIPs")});
    result["env"] = joined(env, at(given, "env"));
    const auto open = [](const char* name, std::uint16_t number, const char* protocol) {
      return json{{"name", name}, {"containerPort", number}, {"protocol", protocol}};
    };
    json ports = json::array({open("metrics", 8080, "TCP"), open("health", 8081, "TCP"),
                              open("fou", core::constants::fou_port, "UDP"),
                              open("probe", core::constants::probe_port, "UDP")});
    if (egress_.encapsulation == core::Egress::Encapsulation::vxlan) {
      ports.push_back(open("vxlan", core::constants::vxlan_gpe_port, "UDP"));
    }
    result["ports"] = joined(ports, at(given, "ports"));
    return result;
  }

  const WorkloadSettings& settings_;
  const TemplateContext& context_;
  std::vector<std::string>& left_out_;
  const core::Egress& egress_;
  json spec_;
  json owner_;
  json labels_;
  Workload workload_;
};

bool covers(const json& found, const json& wanted);

bool covers_list(const json& found, const json& wanted) {
  // Things with names are told apart by them; others may have added some.
  const bool named = !wanted.empty() && std::ranges::all_of(wanted, [](const json& element) {
    return at(element, "name").is_string();
  });
  if (!named) {
    return found.size() == wanted.size() &&
           std::equal(found.begin(), found.end(), wanted.begin(), covers);
  }
  return std::ranges::all_of(wanted, [&](const json& element) {
    return std::ranges::any_of(found, [&](const json& one) {
      return at(one, "name") == at(element, "name") && covers(one, element);
    });
  });
}

bool covers(const json& found, const json& wanted) {
  if (wanted.is_object() && found.is_object()) {
    for (const auto& [key, value] : wanted.items()) {
      const auto there = found.find(key);
      const bool empty = value.is_null() || (value.is_structured() && value.empty());
      if (there == found.end() ? !empty : !covers(*there, value)) return false;
    }
    return true;
  }
  if (wanted.is_array() && found.is_array()) return covers_list(found, wanted);
  return found == wanted;
}

}  // namespace

const WorkloadKind& kind_of(WorkloadPart part) { return kinds.at(static_cast<std::size_t>(part)); }

core::ObjectName name_of(WorkloadPart part, const core::ObjectName& egress) {
  return {egress.ns, std::string(prefix_of(part)) + egress.name};
}

std::optional<WorkloadPart> part_of(std::string_view plural, const core::ObjectName& name,
                                    core::ObjectName& egress) {
  for (const WorkloadPart part : workload_parts) {
    const std::string_view prefix = prefix_of(part);
    if (kind_of(part).plural != plural || !name.name.starts_with(prefix)) continue;
    egress = {name.ns, name.name.substr(prefix.size())};
    return part;
  }
  return std::nullopt;
}

Workload plan_egress_workload(const WorkloadSettings& settings, const core::Egress& egress,
                              std::string_view text, const TemplateContext& context,
                              std::vector<std::string>& left_out) {
  return Planner(settings, egress, json::parse(text, nullptr, false), context, left_out).plan();
}

std::string nat_selector(std::string_view egress) {
  std::string text;
  for (const auto& [label, value] :
       {std::pair{app_component_label, nat_component}, std::pair{app_instance_label, egress},
        std::pair{app_name_label, nat_app_name}}) {
    text += (text.empty() ? "" : ",") + std::string(label) + "=" + std::string(value);
  }
  return text;
}

bool is_in_effect(std::string_view wanted, std::string_view found) {
  const json there = json::parse(found, nullptr, false);
  json fields = json::parse(wanted, nullptr, false);
  // Items of lists come without.
  fields.erase("apiVersion");
  fields.erase("kind");
  return covers(there, fields);
}

}  // namespace kube
