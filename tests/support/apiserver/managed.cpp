#include "support/apiserver/managed.hpp"

#include <algorithm>

#include "support/apiserver/refusal.hpp"
#include "support/apiserver/typed.hpp"

namespace support::apiserver {
namespace {

struct Claim {
  FieldSet set;
  std::string time;
};
using Claims = std::map<Writer, Claim>;

// What nobody owns: identity, and what the server writes.
const FieldSet& unowned() {
  static const FieldSet set = [] {
    FieldSet made;
    made.insert({"f:apiVersion"});
    made.insert({"f:kind"});
    made.insert({"f:metadata"});
    for (const char* name :
         {"f:name", "f:namespace", "f:creationTimestamp", "f:uid", "f:generation",
          "f:resourceVersion", "f:managedFields", "f:selfLink"}) {
      made.insert({"f:metadata", name});
    }
    return made;
  }();
  return set;
}

// An applied configuration has one claim per manager, whatever version it was written in.
Writer identity(const Writer& writer) {
  Writer out = writer;
  if (writer.apply) out.api_version.clear();
  return out;
}

struct Versions {
  std::map<Writer, std::string> of;
};

Claims read_claims(const Json& object, Versions& versions) {
  Claims claims;
  const Json* const entries = find(object, "metadata.managedFields");
  if (entries == nullptr || !entries->is_array()) return claims;
  for (const Json& entry : *entries) {
    Writer writer{text(entry, "manager"), text(entry, "apiVersion"), text(entry, "subresource"),
                  text(entry, "operation") == "Apply"};
    const Writer key = identity(writer);
    versions.of[key] = writer.api_version;
    Claim& claim = claims[key];
    const Json* const fields = find(entry, "fieldsV1");
    if (fields != nullptr) claim.set = unite(claim.set, from_fields_v1(*fields));
    claim.time = std::max(claim.time, text(entry, "time"));
  }
  return claims;
}

void write_claims(Json& object, const Claims& claims, const Versions& versions) {
  std::vector<Json> entries;
  for (const auto& [writer, claim] : claims) {
    const FieldSet owned = subtract(claim.set, unowned());
    if (owned.empty()) continue;
    const auto version = versions.of.find(writer);
    Json entry = {
        {"manager", writer.manager},
        {"operation", writer.apply ? "Apply" : "Update"},
        {"apiVersion", version == versions.of.end() ? writer.api_version : version->second},
        {"time", claim.time},
        {"fieldsType", "FieldsV1"},
        {"fieldsV1", to_fields_v1(owned)}};
    if (!writer.subresource.empty()) entry["subresource"] = writer.subresource;
    entries.push_back(std::move(entry));
  }
  const auto rank = [](const Json& entry) {
    return std::tuple(text(entry, "operation"), text(entry, "time"), text(entry, "manager"),
                      text(entry, "apiVersion"), text(entry, "subresource"));
  };
  std::sort(entries.begin(), entries.end(),
            [&](const Json& a, const Json& b) { return rank(a) < rank(b); });
  if (entries.empty()) {
    drop(object, "metadata.managedFields");
  } else {
    object["metadata"]["managedFields"] = entries;
  }
}

Json without_claims(Json object) {
  drop(object, "metadata.managedFields");
  return object;
}

std::string name_of(const Writer& writer, const Versions& versions, const Claim& claim) {
  std::string out = "\"" + writer.manager + "\"";
  if (!writer.subresource.empty()) out += " with subresource \"" + writer.subresource + "\"";
  if (writer.apply) return out;
  return out + " using " + versions.of.at(writer) + (claim.time.empty() ? "" : " at " + claim.time);
}

using Conflicts = std::map<std::string, std::vector<FieldPath>>;

Refusal refuse(const Conflicts& conflicts) {
  Json causes = Json::array();
  std::string lines;
  for (const auto& [manager, paths] : conflicts) {
    lines += (lines.empty() ? "" : "\n") + ("conflicts with " + manager + ":");
    for (const FieldPath& path : paths) {
      lines += "\n- " + to_text(path);
      causes.push_back({{"reason", "FieldManagerConflict"},
                        {"message", "conflict with " + manager},
                        {"field", to_text(path)}});
    }
  }
  const std::string message =
      causes.size() == 1
          ? "Apply failed with 1 conflict: " + text(causes[0], "message") + ": " +
                text(causes[0], "field")
          : "Apply failed with " + std::to_string(causes.size()) + " conflicts: " + lines;
  Json status = status_object(409, "Conflict", message);
  status["details"] = {{"causes", std::move(causes)}};
  return Refusal(std::move(status));
}

// Takes from the others what the change from `before` to `after` modified or removed.
Comparison take(const Json& before, const Json& after, const Write& write, const Writer& self,
                bool force, Claims& claims, const Versions& versions) {
  Comparison change = compare(before, after, write.schema);
  for (FieldSet* set : {&change.added, &change.modified, &change.removed}) {
    *set = without_subtrees(subtract(*set, unowned()), write.ignored);
  }
  const FieldSet written = unite(change.added, change.modified);
  Conflicts conflicts;
  for (auto& [writer, claim] : claims) {
    if (writer == self) continue;
    const FieldSet disputed = intersect(claim.set, written);
    if (!disputed.empty() && !force) {
      conflicts[name_of(writer, versions, claim)] = members(disputed);
    }
    claim.set = subtract(subtract(claim.set, disputed), change.removed);
  }
  if (!conflicts.empty()) throw refuse(conflicts);
  return change;
}

// Takes away what the writer applied last time, does not apply now, and nobody else owns.
Json prune(const Json& merged, const Claims& claims, const FieldSet& last, const Schema& schema) {
  if (last.empty()) return merged;
  FieldSet owned;
  for (const auto& [writer, claim] : claims) owned = unite(owned, claim.set);
  const FieldSet named_last = with_named_fields(last, schema);
  const FieldSet named_owned = with_named_fields(owned, schema);
  const FieldSet all = with_named_fields(fields_of(merged, schema), schema);

  Json pruned = remove(merged, named_last, schema);
  FieldSet left = with_named_fields(fields_of(pruned, schema), schema);
  pruned = remove(merged, subtract(all, unite(left, named_owned)), schema);
  // Elements of lists went with their keys: those that the writer never owned come back.
  left = with_named_fields(fields_of(pruned, schema), schema);
  return remove(merged, intersect(subtract(all, left), named_last), schema);
}

}  // namespace

Json own_update(const Json& before, Json after, const Json& base, const Write& write) {
  const Json* const carried = find(after, "metadata.managedFields");
  // One empty entry is how a client asks for all ownership to be forgotten.
  const bool reset = carried != nullptr && carried->is_array() && carried->size() == 1 &&
                     carried->front().is_object() && carried->front().empty();
  Versions versions;
  Claims claims;
  if (!reset) {
    claims = read_claims(after, versions);
    if (claims.empty()) claims = read_claims(base, versions);
  }
  const Writer self = identity(write.writer);
  const auto previous = claims.find(self);
  const FieldSet had = previous == claims.end() ? FieldSet() : previous->second.set;
  Json value = without_claims(std::move(after));
  // As a stranger first, so that what it changes leaves all others; what it had and left is its
  // own.
  const Comparison change =
      take(without_claims(before), value, write, self, true, claims, versions);
  FieldSet owns = unite(unite(subtract(had, change.removed), change.modified), change.added);
  owns = without_subtrees(owns, write.ignored);
  if (owns != had || previous == claims.end()) {
    claims[self] = {std::move(owns), rfc3339(write.now)};
  } else if (!unite(change.added, change.modified).empty()) {
    claims[self].time = rfc3339(write.now);
  }
  versions.of[self] = write.writer.api_version;
  write_claims(value, claims, versions);
  return value;
}

Json own_apply(const Json& live, const Json& configuration, bool force, const Write& write) {
  Versions versions;
  Claims claims = read_claims(live, versions);
  const Json before = without_claims(live);
  const Writer self = identity(write.writer);
  const auto previous = claims.find(self);
  const FieldSet last = previous == claims.end() ? FieldSet() : previous->second.set;
  const std::string last_time = previous == claims.end() ? "" : previous->second.time;
  FieldSet set = subtract(fields_of(configuration, write.schema), unowned());
  set = without_subtrees(set, write.ignored);
  Json after = merge(before, configuration, write.schema);
  claims[self] = {set, set == last ? last_time : rfc3339(write.now)};
  versions.of[self] = write.writer.api_version;
  after = prune(after, claims, last, write.schema);
  take(before, after, write, self, force, claims, versions);
  if (before != after) claims[self].time = rfc3339(write.now);
  write_claims(after, claims, versions);
  return after;
}

bool same_but_times(const Json& a, const Json& b) {
  const auto timeless = [](Json object) {
    Json* const entries = find(object, "metadata.managedFields");
    if (entries != nullptr && entries->is_array()) {
      for (Json& entry : *entries) entry.erase("time");
      std::sort(entries->begin(), entries->end());
    }
    return object;
  };
  return timeless(a) == timeless(b);
}

}  // namespace support::apiserver
