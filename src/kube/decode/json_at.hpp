// A place in JSON that may not be there.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace kube {

// Null where there is no such place. It lives as long as the object does.
const nlohmann::json& json_at(const nlohmann::json& object,
                              std::initializer_list<const char*> path);

// A text of an object; empty where there is none, or something else in its place.
std::string text_at(const nlohmann::ordered_json& object, const char* key);
// A list of an object, which it lives as long as; likewise.
const nlohmann::ordered_json& list_at(const nlohmann::ordered_json& object, const char* key);
// Its texts.
std::vector<std::string> texts_at(const nlohmann::ordered_json& object, const char* key);

}  // namespace kube
