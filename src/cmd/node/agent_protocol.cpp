#include "cmd/node/agent_protocol.hpp"

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/decode/json_at.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;

constexpr int rpc_version = 1;
// A netconf allows ten minutes.
constexpr std::uint64_t longest_timeout_ms = 3'600'000;
constexpr std::uint64_t largest_code = std::numeric_limits<int>::max();

bool is_this_version(const Json& json) {
  return json.is_object() && json.contains("version") && json["version"] == rpc_version;
}

}  // namespace

std::string to_json(const AgentRequest& request) {
  // The sandbox as it stands in the file: its text is made in one place.
  std::string text = kube::dump_json(Json{{"version", rpc_version}, {"command", request.command}});
  text.pop_back();
  if (request.sandbox) text += ",\"sandbox\":" + to_json(*request.sandbox);
  if (request.command == "GC") {
    text += ",\"sandboxes\":[";
    for (const Sandbox& sandbox : request.sandboxes) text += to_json(sandbox) + ',';
    if (!request.sandboxes.empty()) text.pop_back();
    text += ']';
  }
  return text + ",\"timeoutMilliseconds\":" + std::to_string(request.timeout.count()) + '}';
}

std::string to_json(const AgentAnswer& answer) {
  Json json = {{"version", rpc_version}};
  if (answer.error) {
    json["error"] = {{"code", answer.error->code},
                     {"msg", answer.error->message},
                     {"details", answer.error->details}};
  }
  return kube::dump_json(json);
}

std::optional<AgentRequest> parse_agent_request(std::string_view text) {
  if (kube::nested_too_deep(text)) return std::nullopt;
  const Json json = Json::parse(text, nullptr, false);
  if (!is_this_version(json)) return std::nullopt;
  AgentRequest request;
  request.command = kube::text_at(json, "command");
  if (request.command.empty()) return std::nullopt;
  if (const auto found = json.find("sandbox"); found != json.end()) {
    request.sandbox = parse_sandbox(kube::dump_json(*found));
    if (!request.sandbox) return std::nullopt;
  }
  if (const auto found = json.find("sandboxes"); found != json.end()) {
    if (!found->is_array()) return std::nullopt;
    for (const Json& item : *found) {
      std::optional<Sandbox> sandbox = parse_sandbox(kube::dump_json(item));
      if (!sandbox) return std::nullopt;
      request.sandboxes.push_back(std::move(*sandbox));
    }
  }
  if (const auto found = json.find("words"); found != json.end()) {
    if (!found->is_array()) return std::nullopt;
    for (const Json& word : *found) {
      if (!word.is_string()) return std::nullopt;
      request.words.push_back(word.get<std::string>());
    }
  }
  if (const auto found = json.find("timeoutMilliseconds"); found != json.end()) {
    if (!found->is_number_unsigned() || *found > longest_timeout_ms) return std::nullopt;
    request.timeout = std::chrono::milliseconds(found->get<std::int64_t>());
  }
  return request;
}

std::optional<AgentAnswer> parse_agent_answer(std::string_view text) {
  if (kube::nested_too_deep(text)) return std::nullopt;
  const Json json = Json::parse(text, nullptr, false);
  if (!is_this_version(json)) return std::nullopt;
  AgentAnswer answer;
  if (const auto found = json.find("error"); found != json.end()) {
    if (!found->is_object() || !found->contains("code") || !(*found)["code"].is_number_unsigned() ||
        (*found)["code"] == 0 || (*found)["code"] > largest_code) {
      return std::nullopt;
    }
    answer.error = {(*found)["code"].get<int>(), kube::text_at(*found, "msg"),
                    kube::text_at(*found, "details")};
  }
  return answer;
}

}  // namespace cmd
