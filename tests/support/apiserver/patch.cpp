#include "support/apiserver/patch.hpp"

#include <algorithm>

namespace support::apiserver {
namespace {

bool is_directive(const std::string& name) { return name.starts_with("$"); }

Json patch_list(const Json& live, const Json& patch, const Schema& schema) {
  const std::string key = schema.keys.front().first;
  const auto in_list = [&](Json& list, const Json& element) {
    return std::find_if(list.begin(), list.end(), [&](const Json& one) {
      return one.is_object() && element.is_object() &&
             one.value(key, Json()) == element.value(key, Json());
    });
  };
  Json out = live;
  for (const Json& element : patch) {
    const std::string directive = element.is_object() ? element.value("$patch", "") : "";
    if (directive == "replace") {  // the rest of the patch is the list
      Json replaced = Json::array();
      for (const Json& one : patch) {
        if (!one.contains("$patch")) replaced.push_back(one);
      }
      return replaced;
    }
    const auto place = in_list(out, element);
    if (directive == "delete") {
      if (place != out.end()) out.erase(place);
    } else if (place == out.end()) {
      out.push_back(strategic_patch(Json::object(), element, schema.at_item()));
    } else {
      *place = strategic_patch(*place, element, schema.at_item());
    }
  }
  return out;
}

Json patch_set(Json live, const Json& patch) {
  for (const Json& element : patch) {
    if (std::find(live.begin(), live.end(), element) == live.end()) live.push_back(element);
  }
  return live;
}

void delete_from_lists(Json& out, const Json& patch) {
  const std::string prefix = "$deleteFromPrimitiveList/";
  for (const auto& [name, value] : patch.items()) {
    if (!name.starts_with(prefix)) continue;
    const auto list = out.find(name.substr(prefix.size()));
    if (list == out.end()) continue;
    for (const Json& gone : value) {
      const auto place = std::find(list->begin(), list->end(), gone);
      if (place != list->end()) list->erase(place);
    }
  }
}

}  // namespace

Json json_patch(const Json& live, const Json& patch) {
  const std::string rejected = "the server rejected our request due to an error in our request";
  try {
    return live.patch(patch);
  } catch (const Json::parse_error& error) {
    throw bad_request(std::string("error decoding patch: ") + error.what());
  } catch (const Json::exception&) {  // a test that fails, a path that is not there
    Json status = status_object(422, "Invalid", rejected);
    status["details"] = Json::object();
    throw Refusal(std::move(status));
  }
}

Json strategic_patch(const Json& live, const Json& patch, const Schema& schema) {
  if (!patch.is_object()) return patch;
  const std::string directive = patch.value("$patch", "");
  Json out = live.is_object() && directive != "replace" ? live : Json::object();
  if (directive == "delete") return Json::object();
  if (patch.contains("$retainKeys")) {
    for (const auto& [name, value] : live.items()) {
      const Json& kept = patch["$retainKeys"];
      if (std::find(kept.begin(), kept.end(), name) == kept.end()) out.erase(name);
    }
  }
  delete_from_lists(out, patch);
  for (const auto& [name, value] : patch.items()) {
    if (is_directive(name)) continue;
    const Schema& inner = schema.at_field(name);
    const auto found = out.find(name);
    if (value.is_null()) {
      out.erase(name);
    } else if (value.is_object()) {
      out[name] = strategic_patch(found == out.end() ? Json::object() : *found, value, inner);
    } else if (value.is_array() && inner.list == Schema::List::map) {
      const bool there = found != out.end() && found->is_array();
      out[name] = patch_list(there ? *found : Json::array(), value, inner);
    } else if (value.is_array() && inner.list == Schema::List::set && found != out.end() &&
               found->is_array()) {
      out[name] = patch_set(*found, value);
    } else {
      out[name] = value;
    }
  }
  return out;
}

}  // namespace support::apiserver
