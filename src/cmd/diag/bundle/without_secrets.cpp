#include "cmd/diag/bundle/without_secrets.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace cmd {
namespace {

constexpr std::array<std::string_view, 11> secret_words = {
    "token", "secret", "password", "passwd", "passphrase", "credential",
    "auth",  "key",    "cert",     "env",    "psk"};

bool may_be_secret(std::string key) {
  std::ranges::transform(key, key.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return std::ranges::any_of(
      secret_words, [&](std::string_view word) { return key.find(word) != std::string::npos; });
}

}  // namespace

nlohmann::ordered_json without_secrets(const nlohmann::ordered_json& json) {
  if (json.is_array()) {
    nlohmann::ordered_json result = nlohmann::ordered_json::array();
    for (const auto& one : json) result.push_back(without_secrets(one));
    return result;
  }
  if (!json.is_object()) return json;
  nlohmann::ordered_json result = nlohmann::ordered_json::object();
  for (const auto& [key, value] : json.items()) {
    result[key] =
        may_be_secret(key) ? nlohmann::ordered_json("(left out)") : without_secrets(value);
  }
  return result;
}

}  // namespace cmd
