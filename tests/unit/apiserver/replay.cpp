#include "unit/apiserver/replay.hpp"

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>

#include "support/apiserver/base64.hpp"
#include "support/catch.hpp"

namespace unit {
namespace {

using support::apiserver::Request;
using support::apiserver::Response;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

const std::set<std::string> by_chance = {"resourceVersion",   "uid",
                                         "creationTimestamp", "time",
                                         "deletionTimestamp", "lastTransitionTime",
                                         "storageVersionHash"};

void sort_fields(Json& entries) {
  std::vector<Json> list = entries;
  std::sort(list.begin(), list.end());
  entries = list;
}

bool is_text(const Json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty();
}

void mask(Json& value) {
  if (value.is_array()) {
    for (Json& element : value) mask(element);
    return;
  }
  if (!value.is_object()) return;
  if (value.contains("generateName")) value["name"] = "generated";
  // A set of rules has no order.
  if (value.contains("nonResourceRules")) sort_fields(value["nonResourceRules"]);
  Json out = Json::object();
  for (auto& [name, field] : value.items()) {
    // The test server names no hash for kinds that it does not know by heart.
    if (name == "storageVersionHash") continue;
    mask(field);
    if (by_chance.contains(name) && is_text(field)) field = "*";
    if (name.starts_with("clusterIP")) field = "*";
    if (name == "continue" && is_text(field)) {
      field = Json::parse(support::apiserver::from_base64url(field.get<std::string>()).value())
                  .at("start");
    }
    if (name == "message") {
      field = std::regex_replace(field.get<std::string>(), std::regex(R"(\(\d+\)|current: \d+)"),
                                 "(N)");
    }
    if (name == "managedFields") sort_fields(field);
    out[name.starts_with("k:{\"uid\"") ? "k:uid" : name] = field;
  }
  value = std::move(out);
}

}  // namespace

Json comparable(Json value) {
  mask(value);
  return value;
}

Replay::Replay()
    : server({[this] { return now_; }, 7, "10.0.0.1:16443", "admin"}),
      now_(std::chrono::seconds(1795204365)) {
  server.add_token("edge", "system:serviceaccount:pona-system:pona-edge");
}

Json Replay::load(const std::string& scenario) {
  std::ifstream file(std::string(PONA_TEST_DATA) + "/replay/" + scenario + ".json");
  REQUIRE(file);
  return Json::parse(file);
}

Json Replay::act(const std::string& method, const std::string& path, const Json& body,
                 const std::string& type, const std::string& agent) {
  const Response response = server.handle(
      {method,
       path,
       {{"authorization", "Bearer admin"}, {"content-type", type}, {"user-agent", agent}},
       body.is_null() ? "" : body.dump()});
  INFO(method << " " << path << ": " << response.body);
  REQUIRE(response.status < 300);
  return Json::parse(response.body);
}

Response Replay::send(const Json& recorded, const std::string& token) {
  pass(std::chrono::milliseconds(10));
  Request request;
  request.method = recorded.at("method");
  request.target = translated_path(recorded.at("path"));
  request.headers = recorded.at("headers").get<std::map<std::string, std::string>>();
  if (recorded.at("auth") == true) request.headers["authorization"] = "Bearer " + token;
  if (recorded.contains("body")) {
    const Json& body = recorded["body"];
    request.body = body.is_string() ? body.get<std::string>() : translated(body).dump();
  }
  return server.handle(request);
}

void Replay::learn(const Json& recorded, const Json& ours) {
  if (recorded.is_array() && ours.is_array()) {
    for (std::size_t i = 0; i < std::min(recorded.size(), ours.size()); ++i) {
      learn(recorded[i], ours[i]);
    }
  }
  if (!recorded.is_object() || !ours.is_object()) return;
  for (const auto& [name, value] : recorded.items()) {
    if (!ours.contains(name)) continue;
    learn(value, ours[name]);
    if (!value.is_string() || !ours[name].is_string()) continue;
    if (name == "uid") uids_[value] = ours[name];
    if (name == "resourceVersion") versions_[value] = ours[name];
    if (name == "continue") tokens[value] = ours[name];
  }
}

Json Replay::translated(Json value) const {
  if (value.is_array()) {
    for (Json& element : value) element = translated(element);
  } else if (value.is_object()) {
    for (auto& [name, field] : value.items()) {
      field = translated(field);
      if (!field.is_string()) continue;
      const auto& names = name == "uid" ? uids_ : versions_;
      const auto found = names.find(field);
      if ((name == "uid" || name == "resourceVersion") && found != names.end()) {
        field = found->second;
      }
    }
  }
  return value;
}

std::string Replay::translated_path(std::string path) const {
  for (const auto& [recorded, ours] : tokens) {
    if (!recorded.empty()) path = replaced(path, "continue=" + recorded, "continue=" + ours);
  }
  static const std::regex version(R"([?&]resourceVersion=(\d+))");
  std::smatch match;
  if (!std::regex_search(path, match, version)) return path;
  const auto found = versions_.find(match[1]);
  return found == versions_.end() ? path
                                  : replaced(path, "resourceVersion=" + found->first,
                                             "resourceVersion=" + found->second);
}

}  // namespace unit
