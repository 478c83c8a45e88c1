#include "cmd/diag/bundle/redact_json.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "core/ip.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using core::packet::Meaning;
using core::packet::Redaction;
using RedactJson = nlohmann::ordered_json;

// Keys whose texts are words of pona, of Kubernetes' kinds, or numbers.
constexpr std::string_view plain_keys =
    " action cniVersion code commit encapsulation family group kind level obstructions ports "
    "protocol role schema staleSince started lastSync state status type version way weight ";
// Of maps whose keys and values people choose.
constexpr std::string_view dropped_keys =
    " annotations args env labels matchLabels selector reasons troubles problems warnings evidence "
    "fix fixes details message why what text ";
constexpr std::string_view names_of_objects = " egress mapping object service ";

bool has_key(std::string_view keys, std::string_view key) {
  return keys.find(' ' + std::string(key) + ' ') != std::string_view::npos;
}

// "shop/web"
std::string object_name(const std::string& text, Redaction& redaction) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return redaction.name(Meaning::value, text);
  return redaction.name(Meaning::ns, text.substr(0, slash)) + '/' +
         redaction.name(Meaning::value, text.substr(slash + 1));
}

std::string redact_text(std::string_view key, const std::string& text, Redaction& redaction) {
  if (text.empty() || has_key(plain_keys, key)) return text;
  if (auto address = redact_address_text(text, redaction)) return *address;
  if (key == "namespace") return redaction.name(Meaning::ns, text);
  if (key == "pod") return redaction.name(Meaning::pod, text);
  if (key == "netns" || key == "path") return redaction.name(Meaning::command, text);
  if (key == "interface" || key == "device" || key == "link") {
    return redaction.name(Meaning::interface, text);
  }
  if (has_key(names_of_objects, key)) return object_name(text, redaction);
  if (key == "name" || key == "node") {
    if (const auto other = redaction.known(text)) return *other;
    if (Redaction::names_nobody(text)) return text;
    if (text.starts_with("pod ")) return redaction.name(Meaning::place, text);
    return redaction.name(Meaning::value, text);
  }
  return Redaction::names_nobody(text) ? text : "(left out)";
}

bool is_key_of_pona(std::string_view key) {
  for (const char c : key) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) return false;
  }
  return true;
}

RedactJson redact_value(std::string_view key, const RedactJson& json, Redaction& redaction) {
  if (json.is_string()) return redact_text(key, json.get<std::string>(), redaction);
  if (json.is_array()) {
    RedactJson result = RedactJson::array();
    if (has_key(dropped_keys, key)) return result;
    for (const RedactJson& one : json) result.push_back(redact_value(key, one, redaction));
    return result;
  }
  if (!json.is_object()) return json;
  RedactJson result = RedactJson::object();
  for (const auto& [name, value] : json.items()) {
    if (has_key(dropped_keys, name) && !value.is_array()) continue;
    std::string other = name;
    if (!is_key_of_pona(name)) {
      other = redact_address_text(name, redaction).value_or(redaction.name(Meaning::value, name));
    }
    result[other] = redact_value(name, value, redaction);
  }
  return result;
}

}  // namespace

std::optional<std::string> redact_address_text(const std::string& text, Redaction& redaction) {
  if (const auto one = core::Address::parse(text)) return to_string(redaction.address(*one));
  if (const auto prefix = core::Prefix::parse(text)) return to_string(redaction.prefix(*prefix));
  const std::size_t close = text.find(']');
  const bool bracketed = text.starts_with('[') && close != std::string::npos;
  const std::size_t colon = bracketed ? close + 1 : text.find(':');
  if (colon == std::string::npos || colon >= text.size() || text[colon] != ':') return std::nullopt;
  const auto one =
      core::Address::parse(bracketed ? text.substr(1, close - 1) : text.substr(0, colon));
  const std::string behind = text.substr(colon);
  // A port or several, and a protocol.
  if (!one || behind.size() > 20 ||
      behind.find_first_not_of(":0123456789-/abcdefghijklmnopqrstuvwxyz") != std::string::npos) {
    return std::nullopt;
  }
  const std::string other = to_string(redaction.address(*one));
  return (bracketed ? '[' + other + ']' : other) + behind;
}

std::string redact_json(std::string_view text, Redaction& redaction) {
  if (kube::nested_too_deep(text)) return "";
  const RedactJson json = RedactJson::parse(text, nullptr, false);
  if (json.is_discarded()) return "";
  return kube::dump_json(redact_value("", json, redaction)) + '\n';
}

}  // namespace cmd
