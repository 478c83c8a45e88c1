#include "kube/decode/json_text.hpp"

#include <nlohmann/json.hpp>

namespace kube {

std::string dump_json(const nlohmann::json& json, int indentation) {
  return json.dump(indentation, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string dump_json(const nlohmann::ordered_json& json, int indentation) {
  return json.dump(indentation, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string dump_ascii_json(const nlohmann::json& json) {
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace kube
