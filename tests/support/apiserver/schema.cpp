#include "support/apiserver/schema.hpp"

namespace support::apiserver {
namespace {

const Schema& free_form() {
  static const Schema schema;
  return schema;
}

const Schema& free_structure() {
  static const Schema schema = [] {
    Schema made;
    made.structure = true;
    return made;
  }();
  return schema;
}

std::shared_ptr<Schema> structure() {
  auto schema = std::make_shared<Schema>();
  schema->structure = true;
  return schema;
}

constexpr std::string_view metadata_exceptions = R"(
metadata.labels map
metadata.annotations map
metadata.finalizers set
metadata.ownerReferences [uid]
metadata.ownerReferences. atomic
)";

std::shared_ptr<Schema>& child(std::shared_ptr<Schema>& place) {
  if (!place) place = structure();
  return place;
}

void set_rule(Schema& schema, std::string_view rule) {
  if (rule == "map") {
    schema.structure = false;
  } else if (rule == "atomic") {
    schema.atomic_map = true;
    schema.list = Schema::List::atomic;
  } else if (rule == "set") {
    schema.list = Schema::List::set;
  } else {
    schema.list = Schema::List::map;
    for (const std::string& key : split(rule.substr(1, rule.size() - 2), ',')) {
      const std::size_t equals = key.find('=');
      schema.keys.emplace_back(key.substr(0, equals),
                               equals == std::string::npos ? Json() : Json(key.substr(equals + 1)));
    }
    child(schema.items);
  }
}

void add_exceptions(Schema& root, std::string_view lines) {
  for (const std::string& line : split(lines, '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    Schema* at = &root;
    for (const std::string& name : split(std::string_view(line).substr(0, space), '.')) {
      if (at->items) at = at->items.get();
      if (!name.empty()) at = child(at->fields[name]).get();  // "list." is the list's element
    }
    set_rule(*at, std::string_view(line).substr(space + 1));
  }
}

}  // namespace

bool Schema::declares(const std::string& field) const {
  return structure || fields.contains(field);
}

const Schema& Schema::at_field(const std::string& field) const {
  const auto found = fields.find(field);
  if (found != fields.end()) return *found->second;
  if (values) return *values;
  return structure ? free_structure() : free_form();
}

const Schema& Schema::at_item() const { return items ? *items : free_form(); }

const Schema& Schema::at_step(const std::string& step) const {
  return step.starts_with("f:") ? at_field(step.substr(2)) : at_item();
}

std::string Schema::step_to(const Json& element) const {
  if (list == List::set) return "v:" + element.dump();
  Json key = Json::object();
  for (const auto& [name, value] : keys) {
    const Json* const found = find(element, name);
    if (found != nullptr && !found->is_null()) {
      key[name] = *found;
    } else if (!value.is_null()) {
      key[name] = value;
    }
  }
  return "k:" + key.dump();
}

std::shared_ptr<Schema> built_in_schema(std::string_view exceptions) {
  std::shared_ptr<Schema> root = structure();
  add_exceptions(*root, metadata_exceptions);
  add_exceptions(*root, exceptions);
  return root;
}

std::string pod_exceptions(const std::string& prefix) {
  std::string out;
  for (const char* containers : {"containers", "initContainers", "ephemeralContainers"}) {
    const std::string path = prefix + "." + containers;
    out += path + " [name]\n" + path + ".ports [containerPort,protocol=TCP]\n" + path +
           ".env [name]\n" + path + ".volumeMounts [mountPath]\n" + path +
           ".volumeDevices [devicePath]\n" + path + ".resources.limits map\n" + path +
           ".resources.requests map\n";
  }
  out += prefix + ".volumes [name]\n" + prefix + ".imagePullSecrets [name]\n" + prefix +
         ".hostAliases [ip]\n" + prefix + ".nodeSelector atomic\n" + prefix +
         ".topologySpreadConstraints [topologyKey,whenUnsatisfiable]\n" + prefix +
         ".schedulingGates [name]\n";
  return out;
}

std::shared_ptr<Schema> custom_schema(const Json& openapi) {
  auto schema = std::make_shared<Schema>();
  const std::string list = openapi.value("x-kubernetes-list-type", "atomic");
  if (list == "set") schema->list = Schema::List::set;
  const Json* const items = find(openapi, "items");
  if (items != nullptr) schema->items = custom_schema(*items);
  if (list == "map") {
    schema->list = Schema::List::map;
    for (const Json& key : openapi.value("x-kubernetes-list-map-keys", Json::array())) {
      const std::string name = key;
      const Json* const value =
          items == nullptr ? nullptr : find(*items, "properties." + name + ".default");
      schema->keys.emplace_back(name, value == nullptr ? Json() : *value);
    }
  }
  schema->atomic_map = openapi.value("x-kubernetes-map-type", "granular") == "atomic";
  const Json* const properties = find(openapi, "properties");
  if (properties != nullptr) {
    for (const auto& [name, property] : properties->items()) {
      schema->fields.emplace(name, custom_schema(property));
    }
  }
  const Json* const values = find(openapi, "additionalProperties");
  if (values != nullptr && values->is_object()) schema->values = custom_schema(*values);
  return schema;
}

}  // namespace support::apiserver
