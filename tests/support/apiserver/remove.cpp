// How objects go: grace, finalizers, and what the controllers of a real cluster do afterwards.
#include <algorithm>
#include <utility>

#include "support/apiserver/commit.hpp"

namespace support::apiserver {
namespace {

bool has_finalizer(const Json& object, const char* name) {
  const Json* const list = find(object, "metadata.finalizers");
  return list != nullptr && std::find(list->begin(), list->end(), name) != list->end();
}

bool has_finalizers(const Json& object) {
  const Json* const list = find(object, "metadata.finalizers");
  return list != nullptr && list->is_array() && !list->empty();
}

void remove_finalizer(State& state, const Key& key, const char* name) {
  const Stored live = state.store.get(key);
  if (!live) return;
  Json object = *live;
  Json kept = Json::array();
  for (const Json& one : object["metadata"]["finalizers"]) {
    if (one != name) kept.push_back(one);
  }
  if (kept.empty()) {
    object["metadata"].erase("finalizers");
  } else {
    object["metadata"]["finalizers"] = kept;
  }
  write(state, key, object);
}

std::shared_ptr<const Resource> resource_of(const State& state, const Key& key) {
  for (const auto& resource : state.resources.all()) {
    if (resource->storage() == key.resource) return resource;
  }
  return nullptr;
}

// Without a kubelet only a pod that runs nowhere, or not any more, goes at once.
std::int64_t grace_of(const Resource& resource, const Json& object, const Deletion& deletion) {
  if (resource.kind != "Pod") return 0;
  const std::string phase = text(object, "status.phase");
  if (text(object, "spec.nodeName").empty() || phase == "Succeeded" || phase == "Failed") return 0;
  return deletion.grace.value_or(object.at("spec").value("terminationGracePeriodSeconds", 30));
}

void erase_object(State& state, const Key& key, const Json& object) {
  const std::string uid = text(object, "metadata.uid");
  state.by_uid.erase(uid);
  state.departed.push_back(uid);
  if (key.resource == "services") {
    for (const std::string& ip : cluster_ips(object)) state.cluster_ips.erase(ip);
  }
  state.leaving.erase(key);
  state.store.erase(key);
}

// Whether an owner that was deleted still has to be answered for: no uid of it is stored.
bool is_orphan(const State& state, const Json& object) {
  const Json* const owners = find(object, "metadata.ownerReferences");
  return owners != nullptr && owners->is_array() && !owners->empty() &&
         std::none_of(owners->begin(), owners->end(),
                      [&](const Json& owner) { return state.by_uid.contains(text(owner, "uid")); });
}

void disown(State& state, const Key& key, const std::string& uid) {
  const Stored live = state.store.get(key);
  if (!live || find(*live, "metadata.ownerReferences") == nullptr) return;
  Json object = *live;
  Json kept = Json::array();
  for (const Json& owner : object["metadata"]["ownerReferences"]) {
    if (text(owner, "uid") != uid) kept.push_back(owner);
  }
  if (kept.empty()) {
    object["metadata"].erase("ownerReferences");
  } else {
    object["metadata"]["ownerReferences"] = kept;
  }
  if (object != *live) write(state, key, object);
}

// The dependents of one owner, which is gone or leaving. Says whether anything changed.
bool collect_dependents(State& state, const std::string& uid, const Stored& owner) {
  const auto found = state.dependents.find(uid);
  if (found == state.dependents.end()) return false;
  bool changed = false;
  const bool orphans = owner && has_finalizer(*owner, "orphan");
  const std::set<Key> keys = found->second;
  for (const Key& key : keys) {
    const Stored object = state.store.get(key);
    if (!object) continue;
    if (orphans) {
      disown(state, key, uid);
      changed = true;
    } else if (owner || is_orphan(state, *object)) {
      const auto resource = resource_of(state, key);
      if (!resource || find(*object, "metadata.deletionTimestamp") != nullptr) continue;
      remove_object(state, *resource, key, {std::nullopt, owner ? "Foreground" : "Background"});
      changed = true;
    }
  }
  if (!owner || orphans) state.dependents.erase(uid);
  return changed;
}

bool collect_garbage(State& state) {
  bool changed = false;
  for (const std::string& uid : std::exchange(state.departed, {})) {
    changed = collect_dependents(state, uid, nullptr) || changed;
  }
  const std::set<Key> leaving = state.leaving;
  for (const Key& key : leaving) {
    const Stored owner = state.store.get(key);
    if (owner && (has_finalizer(*owner, "orphan") || has_finalizer(*owner, "foregroundDeletion"))) {
      changed = collect_dependents(state, text(*owner, "metadata.uid"), owner) || changed;
    }
  }
  return changed;
}

// Owners that waited for their dependents.
bool finish_owners(State& state) {
  bool changed = false;
  const std::set<Key> leaving = state.leaving;
  for (const Key& key : leaving) {
    const Stored object = state.store.get(key);
    if (!object) continue;
    const std::string uid = text(*object, "metadata.uid");
    const auto found = state.dependents.find(uid);
    const bool blocked =
        found != state.dependents.end() &&
        std::any_of(found->second.begin(), found->second.end(), [&](const Key& dependent) {
          const Stored stored = state.store.get(dependent);
          const Json* const owners = stored ? find(*stored, "metadata.ownerReferences") : nullptr;
          return owners != nullptr &&
                 std::any_of(owners->begin(), owners->end(), [&](const Json& owner) {
                   return text(owner, "uid") == uid && owner.value("blockOwnerDeletion", false);
                 });
        });
    for (const char* name : {"orphan", "foregroundDeletion"}) {
      if (!has_finalizer(*object, name) || blocked) continue;
      remove_finalizer(state, key, name);
      changed = true;
    }
  }
  return changed;
}

bool empty_namespaces(State& state) {
  bool changed = false;
  const std::set<Key> leaving = state.leaving;
  for (const Key& key : leaving) {
    const Stored space = state.store.get(key);
    if (!space || key.resource != "namespaces") continue;
    const auto objects = state.store.objects();
    bool left = false;
    for (const auto& [inner, object] : objects) {
      if (inner.space != key.name) continue;
      left = true;
      const auto resource = resource_of(state, inner);
      if (!resource || find(*object, "metadata.deletionTimestamp") != nullptr) continue;
      remove_object(state, *resource, inner, {0, "Background"});
      changed = true;
    }
    if (left || has_finalizers(*space)) continue;
    erase_object(state, key, *space);
    changed = true;
  }
  return changed;
}

// What has no finalizer any more, whoever took the last one.
bool finish_deletions(State& state) {
  bool changed = false;
  const std::set<Key> leaving = state.leaving;
  for (const Key& key : leaving) {
    const Stored object = state.store.get(key);
    if (!object || key.resource == "namespaces" || has_finalizers(*object) ||
        object->at("metadata").value("deletionGracePeriodSeconds", 0) > 0) {
      continue;
    }
    const auto resource = resource_of(state, key);
    if (!resource) continue;
    purge(state, *resource, key);
    changed = true;
  }
  return changed;
}

void delete_instances(State& state, const Json& definition) {
  const std::string resource =
      text(definition, "spec.names.plural") + "." + text(definition, "spec.group");
  for (const auto& [key, object] : state.store.list(resource, ""))
    erase_object(state, key, *object);
  state.resources.forget(text(definition, "spec.group"), text(definition, "spec.names.plural"));
}

}  // namespace

void purge(State& state, const Resource& resource, const Key& key) {
  const Stored live = state.store.get(key);
  if (!live) return;
  if (resource.kind == "CustomResourceDefinition") delete_instances(state, *live);
  erase_object(state, key, *live);
}

Json remove_object(State& state, const Resource& resource, const Key& key,
                   const Deletion& deletion) {
  const Stored live = state.store.get(key);
  if (!live) return nullptr;
  Json object = *live;
  Json& metadata = object["metadata"];
  const std::int64_t grace = grace_of(resource, object, deletion);
  const bool already = metadata.contains("deletionTimestamp");
  Json finalizers = metadata.value("finalizers", Json::array());
  const std::string extra = deletion.propagation == "Orphan"       ? "orphan"
                            : deletion.propagation == "Foreground" ? "foregroundDeletion"
                                                                   : "";
  // Only what somebody depends on has to wait for it.
  if (!extra.empty() && !has_finalizer(object, extra.c_str()) &&
      state.dependents.contains(text(object, "metadata.uid"))) {
    finalizers.push_back(extra);
    metadata["finalizers"] = finalizers;
  }
  if (finalizers.empty() && grace == 0 && resource.kind != "Namespace") {
    purge(state, resource, key);
    return object;
  }
  if (already && metadata.value("deletionGracePeriodSeconds", std::int64_t{0}) <= grace) {
    return object;
  }
  metadata["deletionTimestamp"] = rfc3339(state.now() + std::chrono::seconds(grace));
  metadata["deletionGracePeriodSeconds"] = grace;
  if (metadata.contains("generation") && !already) {
    metadata["generation"] = metadata["generation"].get<int>() + 1;
  }
  if (resource.kind == "Namespace") {
    object["status"]["phase"] = "Terminating";
    metadata.erase("deletionGracePeriodSeconds");
  }
  return *write(state, key, object);
}

void settle(State& state) {
  bool changed = true;
  while (changed) {
    changed = collect_garbage(state);
    changed = finish_owners(state) || changed;
    changed = empty_namespaces(state) || changed;
    changed = finish_deletions(state) || changed;
  }
}

}  // namespace support::apiserver
