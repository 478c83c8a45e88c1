#include "support/apiserver/fields.hpp"

#include <algorithm>

#include "support/apiserver/schema.hpp"

namespace support::apiserver {
namespace {

void collect(const FieldSet& set, FieldPath& path, std::vector<FieldPath>& out) {
  for (const auto& [step, child] : set.children) {
    path.push_back(step);
    if (child.member) out.push_back(path);
    collect(child, path, out);
    path.pop_back();
  }
}

// Drops branches in which no member is left.
void add(FieldSet& out, const std::string& step, FieldSet child) {
  if (!child.empty()) out.children.emplace(step, std::move(child));
}

}  // namespace

bool FieldSet::empty() const {
  return !member && std::all_of(children.begin(), children.end(),
                                [](const auto& entry) { return entry.second.empty(); });
}

const FieldSet* FieldSet::child(const std::string& step) const {
  const auto found = children.find(step);
  return found == children.end() ? nullptr : &found->second;
}

void FieldSet::insert(const FieldPath& path) {
  FieldSet* at = this;
  for (const std::string& step : path) at = &at->children[step];
  at->member = true;
}

FieldSet unite(const FieldSet& a, const FieldSet& b) {
  FieldSet out = a;
  out.member = a.member || b.member;
  for (const auto& [step, child] : b.children) {
    FieldSet& place = out.children[step];
    place = unite(place, child);
  }
  return out;
}

FieldSet intersect(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && b.member;
  for (const auto& [step, child] : a.children) {
    if (const FieldSet* const other = b.child(step)) add(out, step, intersect(child, *other));
  }
  return out;
}

FieldSet subtract(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && !b.member;
  for (const auto& [step, child] : a.children) {
    const FieldSet* const other = b.child(step);
    add(out, step, other == nullptr ? child : subtract(child, *other));
  }
  return out;
}

FieldSet without_subtrees(const FieldSet& set, const FieldSet& roots) {
  FieldSet out;
  out.member = set.member;
  for (const auto& [step, child] : set.children) {
    const FieldSet* const root = roots.child(step);
    if (root != nullptr && root->member) continue;
    add(out, step, root == nullptr ? child : without_subtrees(child, *root));
  }
  return out;
}

FieldSet with_named_fields(const FieldSet& set, const Schema& schema) {
  FieldSet out;
  out.member = set.member;
  for (const auto& [step, child] : set.children) {
    FieldSet inner = with_named_fields(child, schema.at_step(step));
    if (step.starts_with("f:") && !child.children.empty() && schema.declares(step.substr(2))) {
      inner.member = true;
    }
    out.children.emplace(step, std::move(inner));
  }
  return out;
}

std::vector<FieldPath> members(const FieldSet& set) {
  std::vector<FieldPath> out;
  FieldPath path;
  collect(set, path, out);
  return out;
}

std::string to_text(const FieldPath& path) {
  std::string out;
  for (const std::string& step : path) {
    const std::string rest = step.substr(2);
    if (step.starts_with("f:")) {
      out += "." + rest;
    } else if (step.starts_with("k:")) {
      std::string keys;
      const Json key = Json::parse(rest);
      for (const auto& [name, value] : key.items()) {
        keys += (keys.empty() ? "" : ",") + name + "=" + value.dump();
      }
      out += "[" + keys + "]";
    } else {
      out += "[=" + rest + "]";
    }
  }
  return out;
}

Json to_fields_v1(const FieldSet& set) {
  Json out = Json::object();
  for (const auto& [step, child] : set.children) {
    Json inner = to_fields_v1(child);
    if (child.member && !inner.empty()) inner["."] = Json::object();
    out[step] = std::move(inner);
  }
  return out;
}

FieldSet from_fields_v1(const Json& fields) {
  FieldSet out;
  for (const auto& [step, inner] : fields.items()) {
    if (step == ".") continue;
    FieldSet child = from_fields_v1(inner);
    child.member = inner.empty() || inner.contains(".");
    out.children.emplace(step, std::move(child));
  }
  return out;
}

}  // namespace support::apiserver
