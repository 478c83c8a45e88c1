#include "kube/decode/json_at.hpp"

#include <nlohmann/json.hpp>

namespace kube {

const nlohmann::json& json_at(const nlohmann::json& object,
                              std::initializer_list<const char*> path) {
  static const nlohmann::json nothing;
  const nlohmann::json* place = &object;
  for (const char* const key : path) {
    if (!place->is_object()) return nothing;
    const auto found = place->find(key);
    if (found == place->end()) return nothing;
    place = &*found;
  }
  return *place;
}

std::string text_at(const nlohmann::ordered_json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const nlohmann::ordered_json& list_at(const nlohmann::ordered_json& object, const char* key) {
  static const nlohmann::ordered_json none = nlohmann::ordered_json::array();
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : none;
}

std::vector<std::string> texts_at(const nlohmann::ordered_json& object, const char* key) {
  std::vector<std::string> texts;
  for (const nlohmann::ordered_json& one : list_at(object, key)) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  return texts;
}

}  // namespace kube
