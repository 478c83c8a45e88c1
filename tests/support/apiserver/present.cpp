#include "support/apiserver/present.hpp"

#include "support/apiserver/table.hpp"

namespace support::apiserver {
namespace {

Json metadata_only(const Json& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", object.at("metadata")}};
}

Json table(const Call& call, const std::vector<Json>& objects, Json metadata, bool columns) {
  Json rows = Json::array();
  const std::string include = call.argument("includeObject");
  for (const Json& object : objects) {
    Json row = {{"cells", cells_of(*call.resource, object, call.now)}};
    if (include == "Object") {
      row["object"] = object;
    } else if (include != "None") {
      row["object"] = metadata_only(object);
    }
    rows.push_back(std::move(row));
  }
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", std::move(metadata)},
          {"columnDefinitions", columns ? columns_of(*call.resource) : Json()},
          {"rows", std::move(rows)}};
}

Json version_of(const Json& object) {
  return {{"resourceVersion", text(object, "metadata.resourceVersion")}};
}

}  // namespace

Form form_of(const Call& call) {
  const std::string accept = call.header("accept");
  if (accept.empty()) return Form::object;
  for (const std::string& one : split(accept, ',')) {
    const std::size_t start = one.find_first_not_of(' ');
    const std::string type = start == std::string::npos ? "" : one.substr(start);
    if (type.starts_with("application/json")) {
      const bool v1 = type.find("v1beta1") == std::string::npos;
      if (type.find("as=Table") != std::string::npos && v1) return Form::table;
      if (type.find("as=PartialObjectMetadata") != std::string::npos && v1) return Form::metadata;
      if (type.find("as=") == std::string::npos) return Form::object;
    }
    if (type.starts_with("*/*") || type.starts_with("application/*")) return Form::object;
  }
  throw failure(406, "NotAcceptable",
                "only the following media types are accepted: application/json, "
                "application/json;stream=watch");
}

Selector selector_of(const Call& call) {
  std::vector<std::string> fields = {"metadata.name", "metadata.namespace"};
  fields.insert(fields.end(), call.resource->selectable.begin(), call.resource->selectable.end());
  return parse_selector(call.argument("labelSelector"), call.argument("fieldSelector"), fields);
}

Response present_object(const Call& call, int status, const Json& object) {
  switch (form_of(call)) {
    case Form::metadata:
      return json_response(status, metadata_only(object));
    case Form::table:
      return json_response(status, table(call, {object}, version_of(object), true));
    case Form::object:
      break;
  }
  return json_response(status, object);
}

Response present_list(const Call& call, const std::vector<Json>& items, Json metadata) {
  const Resource& resource = *call.resource;
  const Form form = form_of(call);
  std::vector<Json> objects;
  objects.reserve(items.size());
  for (const Json& item : items) objects.push_back(resource.present(item));
  if (form == Form::table) {
    return json_response(200, table(call, objects, std::move(metadata), true));
  }
  if (form == Form::metadata) {
    Json list = Json::array();
    for (const Json& object : objects) list.push_back(metadata_only(object));
    return json_response(200, {{"kind", "PartialObjectMetadataList"},
                               {"apiVersion", "meta.k8s.io/v1"},
                               {"metadata", std::move(metadata)},
                               {"items", std::move(list)}});
  }
  // Items of built-in kinds do not repeat what they are.
  if (!resource.custom) {
    for (Json& object : objects) {
      object.erase("kind");
      object.erase("apiVersion");
    }
  } else if (!metadata.contains("continue")) {
    metadata["continue"] = "";
  }
  return json_response(200, {{"kind", resource.list_kind},
                             {"apiVersion", resource.api_version()},
                             {"metadata", std::move(metadata)},
                             {"items", std::move(objects)}});
}

Json present_event(const Call& call, Form form, const Json& object, bool first) {
  switch (form) {
    case Form::metadata:
      return metadata_only(object);
    case Form::table:
      return table(call, {object}, version_of(object), first);
    case Form::object:
      break;
  }
  return object;
}

}  // namespace support::apiserver
