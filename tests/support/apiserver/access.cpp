#include "support/apiserver/access.hpp"

#include <algorithm>

#include "support/apiserver/refusal.hpp"

namespace support::apiserver {
namespace {

const std::string rbac = ".rbac.authorization.k8s.io";

bool holds(const Json& rule, const char* field, const std::string& value) {
  const Json* const list = find(rule, field);
  if (list == nullptr || !list->is_array()) return false;
  return std::any_of(list->begin(), list->end(),
                     [&](const Json& one) { return one == "*" || one == value; });
}

bool is_subject(const Json& subject, const User& user, const std::string& space) {
  const std::string kind = text(subject, "kind");
  const std::string name = text(subject, "name");
  if (kind == "User") return user.name == name;
  if (kind == "Group") return user.in(name);
  const std::string own = text(subject, "namespace");
  return kind == "ServiceAccount" &&
         user.name == "system:serviceaccount:" + (own.empty() ? space : own) + ":" + name;
}

void add_rules(const Store& store, const Json& binding, const User& user, const std::string& space,
               std::vector<Json>& out) {
  const Json* const subjects = find(binding, "subjects");
  if (subjects == nullptr || !subjects->is_array()) return;
  if (std::none_of(subjects->begin(), subjects->end(),
                   [&](const Json& one) { return is_subject(one, user, space); })) {
    return;
  }
  const bool cluster = text(binding, "roleRef.kind") == "ClusterRole";
  const Stored role = store.get({(cluster ? "clusterroles" : "roles") + rbac, cluster ? "" : space,
                                 text(binding, "roleRef.name")});
  if (!role) return;
  const Json* const rules = find(*role, "rules");
  if (rules == nullptr || !rules->is_array()) return;
  out.insert(out.end(), rules->begin(), rules->end());
}

bool matches_path(const Json& rule, const std::string& path) {
  const Json* const urls = find(rule, "nonResourceURLs");
  if (urls == nullptr) return false;
  return std::any_of(urls->begin(), urls->end(), [&](const Json& one) {
    const std::string url = one;
    return url == path || (url.ends_with("*") && path.starts_with(url.substr(0, url.size() - 1)));
  });
}

bool allows(const Json& rule, const Attempt& attempt) {
  if (!holds(rule, "verbs", attempt.verb)) return false;
  if (!attempt.path.empty()) return matches_path(rule, attempt.path);
  const std::size_t slash = attempt.resource.find('/');
  const bool any_of_subresource =
      slash != std::string::npos && holds(rule, "resources", "*" + attempt.resource.substr(slash));
  if (!holds(rule, "apiGroups", attempt.group) ||
      !(holds(rule, "resources", attempt.resource) || any_of_subresource)) {
    return false;
  }
  const Json* const names = find(rule, "resourceNames");
  return names == nullptr || names->empty() || holds(rule, "resourceNames", attempt.name);
}

}  // namespace

bool User::in(const std::string& group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

User make_user(const std::string& name, std::vector<std::string> groups) {
  const std::vector<std::string> parts = split(name, ':');
  if (parts.size() == 4 && parts[1] == "serviceaccount") {
    groups.insert(groups.end(), {"system:serviceaccounts", "system:serviceaccounts:" + parts[2]});
  }
  groups.emplace_back("system:authenticated");
  return {name, std::move(groups), std::nullopt};
}

void Access::expire(const std::string& token, Time now) {
  const auto found = users_.find(token);
  if (found != users_.end()) found->second.expires = now;
}

User Access::authenticate(const std::string& header, Time now) const {
  if (header.empty()) return {"system:anonymous", {"system:unauthenticated"}, std::nullopt};
  const std::string token = header.starts_with("Bearer ") ? header.substr(7) : "";
  const auto found = users_.find(token);
  if (found == users_.end() || (found->second.expires && *found->second.expires <= now)) {
    throw failure(401, "Unauthorized", "Unauthorized");
  }
  return found->second;
}

std::vector<Json> rules_of(const Store& store, const User& user, const std::string& space) {
  std::vector<Json> rules;
  for (const auto& [key, binding] : store.list("clusterrolebindings" + rbac, "")) {
    add_rules(store, *binding, user, "", rules);
  }
  if (space.empty()) return rules;
  for (const auto& [key, binding] : store.list("rolebindings" + rbac, space)) {
    add_rules(store, *binding, user, space, rules);
  }
  return rules;
}

bool may(const Store& store, const User& user, const Attempt& attempt) {
  if (user.in("system:masters")) return true;
  const std::vector<Json> rules = rules_of(store, user, attempt.space);
  return std::any_of(rules.begin(), rules.end(),
                     [&](const Json& rule) { return allows(rule, attempt); });
}

void require(const Store& store, const User& user, const Attempt& attempt) {
  if (may(store, user, attempt)) return;
  const std::string who = "User \"" + user.name + "\" cannot " + attempt.verb;
  if (!attempt.path.empty()) {
    Json status =
        status_object(403, "Forbidden", "forbidden: " + who + " path \"" + attempt.path + "\"");
    status["details"] = Json::object();
    throw Refusal(std::move(status));
  }
  const std::string where =
      attempt.space.empty() ? "at the cluster scope" : "in the namespace \"" + attempt.space + "\"";
  const std::string plural = attempt.resource.substr(0, attempt.resource.find('/'));
  throw forbidden({attempt.name, attempt.group, plural, ""},
                  who + " resource \"" + attempt.resource + "\" in API group \"" + attempt.group +
                      "\" " + where);
}

}  // namespace support::apiserver
