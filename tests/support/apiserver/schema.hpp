// How the fields of a kind merge: which lists are maps by key, sets or atomic, which maps are
// atomic, which keys are declared fields. Types, bounds and defaults are structural.hpp's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/apiserver/json.hpp"

namespace support::apiserver {

struct Schema {
  enum class List { atomic, set, map };

  List list = List::atomic;
  std::vector<std::pair<std::string, Json>> keys;  // of a List::map, with their defaults or null
  bool atomic_map = false;
  // Keys that are not in `fields` are declared all the same: for built-in kinds, of which only the
  // exceptions are written down.
  bool structure = false;
  std::map<std::string, std::shared_ptr<Schema>> fields;
  std::shared_ptr<Schema> values;  // of keys that are not declared; nothing: free form
  std::shared_ptr<Schema> items;   // of a list

  [[nodiscard]] bool declares(const std::string& field) const;
  [[nodiscard]] const Schema& at_field(const std::string& field) const;
  [[nodiscard]] const Schema& at_item() const;
  [[nodiscard]] const Schema& at_step(const std::string& step) const;  // as FieldsV1 spells it
  // The step from a list to one of its elements.
  [[nodiscard]] std::string step_to(const Json& element) const;
};

// Of a built-in kind. One line per exception, "PATH RULE": PATH goes through lists without saying
// so; RULE is "map" (free keys), "atomic", "set" or "[key,key=default]".
std::shared_ptr<Schema> built_in_schema(std::string_view exceptions);
// Lines of a pod's spec, for built_in_schema, below `prefix`.
std::string pod_exceptions(const std::string& prefix);
// Of a custom resource, from its openAPIV3Schema with the x-kubernetes extensions.
std::shared_ptr<Schema> custom_schema(const Json& openapi);

}  // namespace support::apiserver
