#include "support/apiserver/table.hpp"

#include <functional>

#include "support/apiserver/json_path.hpp"

namespace support::apiserver {
namespace {

constexpr const char* name_description =
    "Name must be unique within a namespace. Is required when creating resources, although some "
    "resources may allow a client to request the generation of an appropriate name automatically. "
    "Name is primarily intended for creation idempotence and configuration definition. Cannot be "
    "updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

struct Column {
  const char* name;
  std::function<Json(const Json&)> cell;
  bool date = false;  // the cell is a time, shown as the time since then
};

// As kubectl shows durations: two units while they tell more than one.
std::string age(Time now, const std::string& since) {
  const std::optional<Time> from = parse_rfc3339(since);
  if (!from) return "<unknown>";
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(now - *from).count();
  const auto with = [](long first, const char* unit, long second, const char* smaller) {
    return std::to_string(first) + unit + (second == 0 ? "" : std::to_string(second) + smaller);
  };
  if (s < 120) return std::to_string(s) + "s";
  if (s < 600) return with(s / 60, "m", s % 60, "s");
  if (s < 3 * 3600) return std::to_string(s / 60) + "m";
  if (s < 8 * 3600) return with(s / 3600, "h", s / 60 % 60, "m");
  if (s < 48 * 3600) return std::to_string(s / 3600) + "h";
  if (s < 8 * 86400) return with(s / 86400, "d", s / 3600 % 24, "h");
  return std::to_string(s / 86400) + "d";
}

std::string joined(const Json* list, const std::function<std::string(const Json&)>& one) {
  std::string out;
  if (list == nullptr || !list->is_array()) return "<none>";
  for (const Json& element : *list) out += (out.empty() ? "" : ",") + one(element);
  return out.empty() ? "<none>" : out;
}

std::string or_none(const std::string& text) { return text.empty() ? "<none>" : text; }

Json ports(const Json& service) {
  return joined(find(service, "spec.ports"), [](const Json& port) {
    std::string out = port.value("port", Json(0)).dump();
    if (port.contains("nodePort")) out += ":" + port["nodePort"].dump();
    return out + "/" + text(port, "protocol");
  });
}

Json external_ip(const Json& service) {
  const Json* const ingress = find(service, "status.loadBalancer.ingress");
  if (ingress != nullptr) {
    return joined(ingress, [](const Json& one) {
      return text(one, "ip").empty() ? text(one, "hostname") : text(one, "ip");
    });
  }
  return text(service, "spec.type") == "LoadBalancer" ? "<pending>" : "<none>";
}

Json readiness(const Json& pod) {
  std::size_t ready = 0;
  if (const Json* const states = find(pod, "status.containerStatuses")) {
    for (const Json& one : *states) ready += one.value("ready", false) ? 1 : 0;
  }
  const Json* const containers = find(pod, "spec.containers");
  return std::to_string(ready) + "/" +
         std::to_string(containers == nullptr ? 0 : containers->size());
}

const std::vector<Column>& columns_for(const Resource& resource) {
  static const auto at = [](const char* path) {
    return [path](const Json& object) { return Json(or_none(text(object, path))); };
  };
  static const Column aged = {"Age", at("metadata.creationTimestamp"), true};
  static const std::vector<Column> plain = {aged};
  static const std::map<std::string, std::vector<Column>> special = {
      {"Namespace", {{"Status", at("status.phase")}, aged}},
      {"Service",
       {{"Type", at("spec.type")},
        {"Cluster-IP", at("spec.clusterIP")},
        {"External-IP", external_ip},
        {"Port(s)", ports},
        aged}},
      {"Pod",
       {{"Ready", readiness},
        {"Status",
         [](const Json& pod) {
           return find(pod, "metadata.deletionTimestamp") != nullptr
                      ? Json("Terminating")
                      : Json(text(pod, "status.phase"));
         }},
        aged}},
      {"ConfigMap",
       {{"Data",
         [](const Json& config) {
           const Json* const data = find(config, "data");
           return Json(data == nullptr ? 0 : data->size());
         }},
        aged}},
      {"EndpointSlice",
       {{"AddressType", at("addressType")},
        {"Endpoints",
         [](const Json& slice) {
           return Json(joined(find(slice, "endpoints"), [](const Json& endpoint) {
             return joined(find(endpoint, "addresses"),
                           [](const Json& address) { return address.get<std::string>(); });
           }));
         }},
        aged}},
      {"Lease", {{"Holder", at("spec.holderIdentity")}, aged}},
      {"Event", {{"Type", at("type")}, {"Reason", at("reason")}, {"Message", at("message")}}},
      {"CustomResourceDefinition", {{"Created At", at("metadata.creationTimestamp")}}},
  };
  const auto found = special.find(resource.kind);
  return resource.custom || found == special.end() ? plain : found->second;
}

// As apiextensions-apiserver's tableconvertor does it: of several values it takes the first.
Json cell_at(const Json& object, const Json& column, Time now) {
  const auto values = values_at(object, text(column, "jsonPath"));
  if (!values || values->empty()) return nullptr;
  const Json& value = *values->front();
  const std::string type = text(column, "type");
  if (type == "string") return json_path_text(value);
  if (type == "date" && value.is_string()) {
    return parse_rfc3339(value) ? age(now, value) : "<invalid>";
  }
  const bool fits = (type == "integer" && value.is_number()) ||
                    (type == "number" && value.is_number()) ||
                    (type == "boolean" && value.is_boolean());
  if (!fits) return nullptr;
  return type == "integer" ? Json(value.get<std::int64_t>()) : value;
}

Json column(const std::string& name, const std::string& type, const std::string& format,
            const std::string& description, int priority) {
  return {{"name", name},
          {"type", type},
          {"format", format},
          {"description", description},
          {"priority", priority}};
}

}  // namespace

Json columns_of(const Resource& resource) {
  Json out = Json::array({column("Name", "string", "name", name_description, 0)});
  if (resource.columns.empty()) {
    for (const Column& one : columns_for(resource))
      out.push_back(column(one.name, "string", "", "", 0));
    return out;
  }
  for (const Json& one : resource.columns) {
    std::string description = text(one, "description");
    if (description.empty()) {
      description =
          "Custom resource definition column (in JSONPath format): " + text(one, "jsonPath");
    }
    out.push_back(column(text(one, "name"), text(one, "type"), text(one, "format"), description,
                         one.value("priority", 0)));
  }
  return out;
}

Json cells_of(const Resource& resource, const Json& object, Time now) {
  Json out = Json::array({text(object, "metadata.name")});
  if (resource.columns.empty()) {
    for (const Column& one : columns_for(resource)) {
      const Json cell = one.cell(object);
      out.push_back(one.date ? Json(age(now, cell)) : cell);
    }
  } else {
    for (const Json& one : resource.columns) out.push_back(cell_at(object, one, now));
  }
  return out;
}

}  // namespace support::apiserver
