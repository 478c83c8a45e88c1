#include "support/apiserver/json.hpp"

#include <array>
#include <cctype>
#include <cstdio>
#include <ctime>

#include "kube/decode/parse.hpp"
#include "support/apiserver/refusal.hpp"

namespace support::apiserver {
namespace {

template <typename Value>
Value* find_in(Value& value, std::string_view path) {
  Value* at = &value;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto next = at->find(std::string(path.substr(0, dot)));
    if (next == at->end()) return nullptr;
    at = &*next;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

Json from_node(kube::Node node) {
  using Type = kube::Node::Type;
  switch (node.type()) {
    case Type::null:
      return nullptr;
    case Type::map: {
      Json map = Json::object();
      for (const kube::Node child : node) map[std::string(child.key())] = from_node(child);
      return map;
    }
    case Type::sequence: {
      Json list = Json::array();
      for (const kube::Node child : node) list.push_back(from_node(child));
      return list;
    }
    case Type::string:
      return std::string(node.text());
    default: {
      // Numbers and booleans have JSON's spelling in most files; what has not (0x1f, .inf) stays
      // a text, and the schema's type check says so.
      Json scalar = Json::parse(node.text(), nullptr, false);
      return scalar.is_discarded() ? Json(std::string(node.text())) : scalar;
    }
  }
}

// What Go's decoder was looking for where it met the character.
std::string expectation(const std::string& body, std::size_t at) {
  const std::size_t before = at == 0 ? std::string::npos : body.find_last_not_of(" \t\r\n", at - 1);
  if (before != std::string::npos && body[before] == '{') {
    return "looking for beginning of object key string";
  }
  if (before == std::string::npos || body[before] == '[' || body[before] == ':' ||
      body[before] == ',') {
    return "looking for beginning of value";
  }
  return "after top-level value";
}

Refusal unreadable(const std::string& body, const std::string& kind, std::size_t byte) {
  std::string why = "unexpected end of JSON input";
  if (byte > 0 && byte <= body.size()) {
    // The parser reads on into a word before it gives up; Go's stops where the word begins.
    std::size_t at = byte - 1;
    while (at > 0 && std::isalpha(static_cast<unsigned char>(body[at])) != 0 &&
           std::isalpha(static_cast<unsigned char>(body[at - 1])) != 0) {
      --at;
    }
    why = std::string("invalid character '") + body[at] + "' " + expectation(body, at);
  }
  return bad_request("the object provided is unrecognized (must be of type " + kind +
                     "): couldn't get version/kind; json parse error: " + why + " (" +
                     body.substr(0, 100) + ")");
}

}  // namespace

const Json* find(const Json& value, std::string_view path) { return find_in(value, path); }
Json* find(Json& value, std::string_view path) { return find_in(value, path); }

std::string text(const Json& value, std::string_view path) {
  const Json* const found = find(value, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

void drop(Json& value, std::string_view path) {
  const std::size_t dot = path.rfind('.');
  Json* const parent = dot == std::string_view::npos ? &value : find(value, path.substr(0, dot));
  if (parent == nullptr || !parent->is_object()) return;
  parent->erase(std::string(dot == std::string_view::npos ? path : path.substr(dot + 1)));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string rfc3339(Time time) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> buffer{};
  const std::size_t size =
      std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {buffer.data(), size};
}

std::optional<Time> parse_rfc3339(const std::string& text) {
  std::tm parts{};
  const char* const end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr) return std::nullopt;
  return Time(std::chrono::seconds(timegm(&parts)));
}

Json parse_body(const std::string& body, bool yaml, const std::string& kind) {
  if (yaml) {
    // What is JSON is read as JSON: quicker, and nothing is retyped.
    Json value = Json::parse(body, nullptr, false);
    if (!value.is_discarded()) return value;
    kube::Document document;
    const std::optional<kube::SyntaxError> error = kube::parse_yaml({body, 1, false}, document);
    if (!error && document.root()) return from_node(*document.root());
    throw bad_request("error decoding YAML: yaml: line " + std::to_string(error ? error->line : 1) +
                      ": " + (error ? error->reason : "the document is empty"));
  }
  try {
    return Json::parse(body);
  } catch (const Json::parse_error& error) {
    throw unreadable(body, kind, error.byte);
  }
}

}  // namespace support::apiserver
