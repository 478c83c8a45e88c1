#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "kube/api/blocking_request.hpp"
#include "kube/decode/encoding.hpp"
#include "kube/decode/object_text.hpp"
#include "kube/decode/parse.hpp"
#include "kube/mapping/live_mapping.hpp"
#include "kube/mapping/store.hpp"
#include "kube/mapping/text.hpp"

namespace kube {
namespace {

constexpr auto resource = "mappings.smartnat.aureacentral.com";
constexpr auto page_size = "500";
// The schema's. What an edge accepts is the edge's business.
constexpr std::size_t most_ports = 256;

using Kind = core::Error::Kind;

std::string path_of(const std::string& ns) {
  return "/apis/" + std::string(mapping_api_version) + (ns.empty() ? "" : "/namespaces/" + ns) +
         "/mappings";
}

std::string path_of(const core::ObjectName& name) { return path_of(name.ns) + "/" + name.name; }

std::string in(const std::string& ns) {
  return ns.empty() ? " in all namespaces" : " in namespace " + ns;
}

LiveObject read_answer(const std::string& body) {
  Document document;
  LiveObject live;
  parse_json(body, document, [&](const Document& parsed) { live = read_live(*parsed.root()); });
  return live;
}

class ClusterStore : public MappingStore {
 public:
  explicit ClusterStore(ClusterStoreOptions options)
      : options_(std::move(options)), caller_(options_.config, options_.user_agent) {}

  [[nodiscard]] std::string place() const override {
    const ClientConfig& config = options_.config;
    return config.context == "in-cluster" ? "the pod's cluster" : config.origin;
  }
  [[nodiscard]] std::string usual_namespace() const override { return options_.config.ns; }
  void lock() override {}  // versions tell of others
  StoredObjects list(const std::string& ns) override;
  StoredObjects find(const core::ObjectName& name) override;
  std::optional<bool> has_service(const core::ObjectName& name) override;
  StoreChange put(const core::Mapping& mapping, const StoredMapping* before, bool dry_run) override;
  StoreChange remove(const core::ObjectName& name, bool dry_run) override;

 private:
  std::string read_page(const std::string& body, StoredObjects& objects) const;
  void take(const Node& node, Decoded decoded, StoredObjects& objects) const;
  Answer apply(const std::string& attempt, const core::Mapping& mapping,
               const StoredMapping* before, bool preview);
  StoreChange create(const core::Mapping& mapping);
  StoreChange change(const core::Mapping& mapping, const StoredMapping& before);
  StoreChange change_by_force(const std::string& attempt, const core::Mapping& mapping,
                              const StoredMapping& before, const std::vector<std::string>& others);
  [[noreturn]] void fail(const Answer& answer, const std::string& attempt) const;
  [[nodiscard]] std::string written() const {
    return options_.dry_run_server ? " (server dry run)" : "";
  }

  ClusterStoreOptions options_;
  Caller caller_;
};

[[noreturn]] void ClusterStore::fail(const Answer& answer, const std::string& attempt) const {
  std::string owned;
  for (const StatusCause& cause : answer.status.causes) {
    if (cause.reason != "FieldManagerConflict") continue;
    // "conflict with \"kubectl-edit\" using smartnat.aureacentral.com/v1alpha1 at 2024-…"
    const std::size_t begin = cause.message.find('"');
    const std::size_t end = cause.message.find('"', begin + 1);
    const std::string manager =
        end == std::string::npos ? cause.message : cause.message.substr(begin + 1, end - begin - 1);
    owned += (owned.empty() ? "" : ", ") +
             cause.field.substr(cause.field.starts_with('.') ? 1 : 0) + " belongs to " + manager;
  }
  if (!owned.empty()) {
    throw core::Error(Kind::permanent,
                      "cannot " + attempt + ": " + owned +
                          ", which would set it back: change it there, or take it over by "
                          "--force-conflicts");
  }
  // Of an object that is missing, and of its namespace, the server says the name.
  if (answer.code == 404 && answer.status.name.empty()) {
    throw core::Error(Kind::permanent,
                      "cannot " + attempt +
                          ": the cluster has no Mappings; \"pona install crds | kubectl apply "
                          "--server-side -f -\" gives it the kind");
  }
  throw caller_.refused(answer, attempt);
}

void ClusterStore::take(const Node& node, Decoded decoded, StoredObjects& objects) const {
  if (!decoded.id) return;
  for (const Finding& finding : decoded.findings) {
    objects.problems.push_back({options_.config.context, to_string(finding, decoded.id)});
  }
  if (!decoded.object) {
    objects.left_out.insert(decoded.id->name);
    return;
  }
  objects.mappings.push_back({std::get<core::Mapping>(*decoded.object), options_.config.context,
                              std::make_shared<const LiveObject>(read_live(node))});
}

// Returns the token of the next page.
std::string ClusterStore::read_page(const std::string& body, StoredObjects& objects) const {
  Document document;
  std::string next;
  const auto error = parse_json(body, document, [&](const Document& parsed) {
    const Node root = *parsed.root();
    // As manifests are read: a Mapping and what was made of it by options are to be comparable.
    std::vector<Decoded> decoded = decode(root, {most_ports, false, {}});
    auto at = decoded.begin();
    const auto items = root.find("items");
    const auto kind = root.find("kind");
    // Whoever answers in the server's place must not make a cluster look empty.
    if (!kind || !kind->text().starts_with("Mapping")) {
      throw core::Error(Kind::permanent,
                        caller_.config().cluster.server.authority() +
                            " answered with something else than Mappings: " + quote(body));
    }
    if (!items) {
      for (Decoded& one : decoded) take(root, std::move(one), objects);
      return;
    }
    for (const Node item : *items) {
      if (at != decoded.end()) take(item, std::move(*at++), objects);
    }
    const auto metadata = root.find("metadata");
    const auto token = metadata ? metadata->find("continue") : std::nullopt;
    if (token) next = token->text();
  });
  if (error) {
    throw core::Error(Kind::transient, "cannot read what the server answered: " + error->reason);
  }
  return next;
}

StoredObjects ClusterStore::list(const std::string& ns) {
  const std::string attempt = std::string("list ") + resource + in(ns);
  StoredObjects objects;
  std::string next;
  std::string limit = std::string("?limit=") + page_size;
  for (;;) {
    const std::string token = next.empty() ? "" : "&continue=" + escape_query(next);
    const Answer answer = caller_.call({"GET", path_of(ns) + limit + token, "", ""}, attempt);
    if (answer.status.gone() && !next.empty()) {  // the token expired: all at once
      objects = {};
      next.clear();
      limit.clear();
      continue;
    }
    if (!answer.ok()) fail(answer, attempt);
    next = read_page(answer.body, objects);
    if (next.empty()) break;
  }
  std::ranges::sort(objects.mappings, {},
                    [](const StoredMapping& stored) { return stored.mapping.name; });
  return objects;
}

StoredObjects ClusterStore::find(const core::ObjectName& name) {
  const std::string attempt = std::string("get ") + resource + " " + name.name + in(name.ns);
  const Answer answer = caller_.call({"GET", path_of(name), "", ""}, attempt);
  StoredObjects objects;
  if (answer.code == 404 && !answer.status.name.empty()) return objects;
  if (!answer.ok()) fail(answer, attempt);
  read_page(answer.body, objects);
  return objects;
}

std::optional<bool> ClusterStore::has_service(const core::ObjectName& name) {
  const Answer answer =
      caller_.call({"GET", "/api/v1/namespaces/" + name.ns + "/services/" + name.name, "", ""},
                   "get service " + core::to_string(name));
  if (answer.ok()) return true;
  return answer.code == 404 ? std::optional(false) : std::nullopt;
}

Answer ClusterStore::apply(const std::string& attempt, const core::Mapping& mapping,
                           const StoredMapping* before, bool preview) {
  std::string target = path_of(mapping.name) + "?fieldManager=" + std::string(field_manager) +
                       "&fieldValidation=Strict";
  if (options_.force_conflicts) target += "&force=true";
  if (preview || options_.dry_run_server) target += "&dryRun=All";
  return caller_.call(
      {"PATCH", target, "application/apply-patch+yaml", apply_configuration(mapping, before)},
      attempt);
}

// Whether a refusal is of the version, not of a field.
bool is_outdated(const Answer& answer) {
  return answer.code == 409 &&
         std::ranges::none_of(answer.status.causes, [](const StatusCause& cause) {
           return cause.reason == "FieldManagerConflict";
         });
}

StoreChange ClusterStore::create(const core::Mapping& mapping) {
  const std::string attempt = "create mapping " + core::to_string(mapping.name);
  const Answer answer = apply(attempt, mapping, nullptr, false);
  // Whatever the conflict is with: somebody created it since it was looked for.
  if (answer.code == 409) return {"", "", true};
  if (!answer.ok()) fail(answer, attempt);
  return {"created" + written(), object_yaml(answer.body)};
}

StoreChange ClusterStore::change(const core::Mapping& mapping, const StoredMapping& before) {
  if (mapping == before.mapping) return {"unchanged", object_yaml(before.live->json)};
  const std::string attempt = "change mapping " + core::to_string(mapping.name);
  // Leaving a field out takes it away only where nobody else owns it, which the server knows; it is
  // asked first, since half a change is none.
  std::vector<std::string> others;
  if (!remaining_fields(before.mapping, mapping, before.live->json).empty()) {
    const Answer preview = apply(attempt, mapping, &before, true);
    if (is_outdated(preview)) return {"", "", true};
    if (!preview.ok()) fail(preview, attempt);
    others = remaining_fields(before.mapping, mapping, preview.body);
  }
  if (!others.empty() && !options_.force_conflicts) {
    throw core::Error(Kind::permanent,
                      "cannot " + attempt + ": spec." + others.front() + " belongs to " +
                          owners_of(before.live->json, others.front()) +
                          ", which would set it back: change it there, or take it over by "
                          "--force-conflicts");
  }
  if (!others.empty()) return change_by_force(attempt, mapping, before, others);
  const Answer answer = apply(attempt, mapping, &before, false);
  if (is_outdated(answer)) return {"", "", true};
  if (!answer.ok()) fail(answer, attempt);
  return {"changed" + written(), object_yaml(answer.body)};
}

// No configuration can say that a field of others should go; the rest is then for the object as it
// is without.
StoreChange ClusterStore::change_by_force(const std::string& attempt, const core::Mapping& mapping,
                                          const StoredMapping& before,
                                          const std::vector<std::string>& others) {
  const Answer answer =
      caller_.call({"PATCH",
                    path_of(mapping.name) + "?fieldManager=" + std::string(field_manager) +
                        (options_.dry_run_server ? "&dryRun=All" : ""),
                    "application/merge-patch+json", removal_patch(others, before.live->version)},
                   attempt);
  if (is_outdated(answer)) return {"", "", true};
  if (!answer.ok()) fail(answer, attempt);
  StoredObjects now;
  read_page(answer.body, now);
  if (now.mappings.empty() || now.mappings.front().mapping == mapping || options_.dry_run_server) {
    return {"changed" + written(), object_yaml(answer.body)};
  }
  return change(mapping, now.mappings.front());
}

StoreChange ClusterStore::put(const core::Mapping& mapping, const StoredMapping* before,
                              bool dry_run) {
  if (!dry_run) return before == nullptr ? create(mapping) : change(mapping, *before);
  if (before != nullptr && mapping == before->mapping) {
    return {"unchanged", mapping_yaml(mapping)};
  }
  return {before == nullptr ? "created" : "changed", mapping_yaml(mapping)};
}

StoreChange ClusterStore::remove(const core::ObjectName& name, bool dry_run) {
  const std::string attempt = "delete mapping " + core::to_string(name);
  const Answer found = caller_.call({"GET", path_of(name), "", ""}, attempt);
  if (!found.ok()) fail(found, attempt);
  if (dry_run) return {"removed", ""};
  // Another of the same name that came in between is not the one that was meant.
  const std::string body = R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":)" +
                           json_text(read_answer(found.body).uid) + "}" +
                           (options_.dry_run_server ? R"(,"dryRun":["All"])" : "") + "}";
  const Answer answer = caller_.call({"DELETE", path_of(name), "application/json", body}, attempt);
  if (!answer.ok()) fail(answer, attempt);
  if (read_answer(answer.body).deleting) return {"marked for removal: its finalizers hold it", ""};
  return {"removed" + written(), ""};
}

}  // namespace

std::unique_ptr<MappingStore> open_cluster_store(ClusterStoreOptions options) {
  return std::make_unique<ClusterStore>(std::move(options));
}

}  // namespace kube
