// Sets of field paths, as managedFields keep them (structured-merge-diff's fieldpath.Set,
// FieldsV1). A step of a path is spelled as FieldsV1 spells it: "f:name", "k:{\"name\":\"x\"}",
// "v:\"x\"". Only sets and their algebra: what a path means in an object is typed.hpp's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/apiserver/json.hpp"

namespace support::apiserver {

struct Schema;

using FieldPath = std::vector<std::string>;

// A node of the tree: whether the path that leads here is in the set, and what goes on from here.
struct FieldSet {
  bool member = false;
  std::map<std::string, FieldSet> children;

  [[nodiscard]] bool empty() const;
  [[nodiscard]] const FieldSet* child(const std::string& step) const;
  void insert(const FieldPath& path);

  friend bool operator==(const FieldSet&, const FieldSet&) = default;
};

FieldSet unite(const FieldSet& a, const FieldSet& b);
FieldSet intersect(const FieldSet& a, const FieldSet& b);
FieldSet subtract(const FieldSet& a, const FieldSet& b);
// Without the members of `roots` and everything below them.
FieldSet without_subtrees(const FieldSet& set, const FieldSet& roots);
// With the declared fields on the way to each member as members.
FieldSet with_named_fields(const FieldSet& set, const Schema& schema);

std::vector<FieldPath> members(const FieldSet& set);
std::string to_text(const FieldPath& path);  // ".spec.ports[port=80,protocol=\"TCP\"].name"

Json to_fields_v1(const FieldSet& set);
FieldSet from_fields_v1(const Json& fields);

}  // namespace support::apiserver
