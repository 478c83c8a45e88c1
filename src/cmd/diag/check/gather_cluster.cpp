#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "cmd/diag/check/survey.hpp"
#include "cmd/install/text.hpp"
#include "core/error.hpp"
#include "kube/api/blocking_request.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using ClusterJson = nlohmann::json;
using core::check::Right;
using core::check::Role;

constexpr std::chrono::seconds cluster_patience{15};

std::vector<std::string> words(const ClusterJson& rule, const char* key) {
  std::vector<std::string> all;
  const auto found = rule.find(key);
  if (found == rule.end() || !found->is_array()) return all;
  for (const ClusterJson& one : *found) all.push_back(one.get<std::string>());
  return all;
}

void rights_of_rule(const std::string& role, const std::string& ns, const ClusterJson& rule,
                    std::set<Right>& rights) {
  std::vector<std::string> names = words(rule, "resourceNames");
  if (names.empty()) names.emplace_back();
  for (const std::string& group : words(rule, "apiGroups")) {
    for (const std::string& resource : words(rule, "resources")) {
      const std::size_t slash = resource.find('/');
      for (const std::string& verb : words(rule, "verbs")) {
        for (const std::string& name : names) {
          rights.insert({role, ns, group, resource.substr(0, slash),
                         slash == std::string::npos ? "" : resource.substr(slash + 1), name, verb});
        }
      }
    }
  }
}

// What `pona install` gives to the jobs of a role: there is no second list of it.
std::set<Right> wanted_rights(Role role) {
  InstallRequest request;
  request.part = InstallRequest::Part::rbac;
  std::set<Right> rights;
  const ClusterJson list = ClusterJson::parse(install_json(request));
  for (const ClusterJson& item : list.at("items")) {
    const std::string kind = item.at("kind").get<std::string>();
    if (kind != "ClusterRole" && kind != "Role") continue;
    const ClusterJson& metadata = item.at("metadata");
    const std::string name = metadata.at("name").get<std::string>();
    const bool fits = role == Role::edge   ? name == "pona-edge"
                      : role == Role::node ? name == "pona-agent"
                                           : name == "pona-edge" || name == "pona-agent" ||
                                                 name == "pona-controller";
    if (!fits) continue;
    for (const ClusterJson& rule : item.at("rules")) {
      rights_of_rule(kind + " " + name, metadata.value("namespace", ""), rule, rights);
    }
  }
  return rights;
}

bool is_allowed(kube::Caller& caller, const Right& right) {
  ClusterJson attributes = {
      {"verb", right.verb}, {"group", right.group}, {"resource", right.resource}};
  if (!right.subresource.empty()) attributes["subresource"] = right.subresource;
  if (!right.name.empty()) attributes["name"] = right.name;
  if (!right.ns.empty()) attributes["namespace"] = right.ns;
  const ClusterJson review = {{"apiVersion", "authorization.k8s.io/v1"},
                              {"kind", "SelfSubjectAccessReview"},
                              {"spec", {{"resourceAttributes", std::move(attributes)}}}};
  kube::Request request;
  request.method = "POST";
  request.target = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  request.content_type = "application/json";
  request.body = kube::dump_json(review);
  const std::string attempt = "ask for rights";
  const kube::Answer answer = caller.call(request, attempt);
  if (!answer.ok()) throw caller.refused(answer, attempt);
  const ClusterJson json = ClusterJson::parse(answer.body, nullptr, false);
  const auto status = json.is_object() ? json.find("status") : json.end();
  return json.is_object() && status != json.end() && status->is_object() &&
         status->value("allowed", ClusterJson(false)) == ClusterJson(true);
}

std::string time_text(std::int64_t seconds) { return rfc3339(seconds); }

void ask_time(const kube::Answer& answer, core::check::ClusterFacts& facts) {
  if (!answer.date) return;
  const std::int64_t now = std::time(nullptr);
  facts.skew = now - *answer.date;
  facts.here = time_text(now);
  facts.there = time_text(*answer.date);
}

}  // namespace

core::check::ClusterFacts gather_cluster(Survey& survey) {
  core::check::ClusterFacts facts;
  const kube::Environment environment = kube::process_environment();
  const bool named = !survey.options.kubeconfig.empty() || !survey.options.context.empty();
  if (!named && kube::usual_config(environment).empty()) return facts;
  try {
    kube::ClientConfig config =
        kube::load_config({survey.options.kubeconfig, survey.options.context}, environment);
    facts.config = config.origin;
    kube::Caller caller(std::move(config), "pona (diag)", cluster_patience);
    const kube::Answer first =
        caller.call({"GET", "/version", "", "", false}, "reach the API server");
    if (!first.ok()) throw caller.refused(first, "reach the API server");
    ask_time(first, facts);
    for (const char* const kind :
         {"smartnat.aureacentral.com/v1alpha1", "pona.dev/v1alpha1", "pona.cybozu.com/v1"}) {
      const bool asked =
          survey.role != Role::edge || std::string_view(kind) != "pona.cybozu.com/v1";
      if (!asked) continue;
      const kube::Answer answer =
          caller.call({"GET", std::string("/apis/") + kind, "", "", false}, "look for kinds");
      if (answer.code == 404) facts.missing_kinds.emplace_back(kind);
      if (answer.ok()) facts.kinds.emplace_back(kind);
    }
    try {
      for (const Right& right : wanted_rights(survey.role)) {
        facts.rights.emplace_back(right, is_allowed(caller, right));
      }
    } catch (const core::Error& error) {
      facts.rights_unknown = error.what();
    }
  } catch (const core::Error& error) {
    facts.failure = error.what();
    if (facts.config.empty()) facts.config = survey.options.kubeconfig;
  }
  return facts;
}

}  // namespace cmd
