#include "cmd/diag/check/agent_view.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "cmd/node/call_agent.hpp"
#include "core/error.hpp"
#include "kube/decode/json_depth.hpp"

namespace cmd {
namespace {

using ViewJson = nlohmann::json;

constexpr std::chrono::seconds view_patience{3};

std::string view_text(const ViewJson& json, const char* key) {
  if (!json.is_object()) return "";
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

const ViewJson& view_list(const ViewJson& json, const char* key) {
  static const ViewJson none = ViewJson::array();
  if (!json.is_object()) return none;
  const auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : none;
}

std::vector<std::string> view_texts(const ViewJson& json, const char* key) {
  std::vector<std::string> texts;
  for (const ViewJson& one : view_list(json, key)) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  return texts;
}

AgentView::Client view_client(const ViewJson& json) {
  AgentView::Client client;
  client.pod = {view_text(json, "namespace"), view_text(json, "pod")};
  client.netns = view_text(json, "netns");
  for (const ViewJson& one : view_list(json, "destinations")) {
    client.destinations.push_back(
        {view_text(one, "destination"), view_text(one, "egress"), view_text(one, "way")});
  }
  return client;
}

}  // namespace

std::optional<AgentView> parse_agent_view(std::string_view text) {
  if (kube::nested_too_deep(text)) return std::nullopt;
  const ViewJson answer = ViewJson::parse(text, nullptr, false);
  if (!answer.is_object() || !answer.contains("status")) return std::nullopt;
  const ViewJson& status = answer["status"];
  AgentView view;
  view.node = view_text(status, "node");
  view.synced = status.is_object() && status.value("synced", ViewJson(false)) == ViewJson(true);
  view.troubles = view_texts(status, "troubles");
  view.problems = view_texts(status, "problems");
  for (const ViewJson& one : view_list(status, "egresses")) {
    core::check::EgressState egress;
    egress.name = view_text(one, "namespace") + "/" + view_text(one, "name");
    egress.encapsulation = view_text(one, "encapsulation");
    const auto count = one.is_object() ? one.find("clientsHere") : one.end();
    if (one.is_object() && count != one.end() && count->is_number_unsigned()) {
      egress.clients = count->get<std::size_t>();
    }
    for (const ViewJson& pod : view_list(one, "natPods")) {
      egress.nat_pods.emplace_back(view_text(pod, "address"), view_text(pod, "state"));
    }
    view.egresses.push_back(std::move(egress));
  }
  for (const ViewJson& one : view_list(status, "clients")) {
    view.clients.push_back(view_client(one));
    for (const std::string& problem : view_texts(one, "problems")) {
      view.problems.push_back("pod " + to_string(view.clients.back().pod) + ": " + problem);
    }
  }
  return view;
}

std::optional<AgentView> ask_agent(const std::string& socket, std::string& complaint) {
  try {
    const std::string line = call_agent(socket, R"({"version":1,"command":"SHOW"})", view_patience);
    auto view = parse_agent_view(line);
    if (!view) complaint = "what listens on " + socket + " gives an answer that is none";
    return view;
  } catch (const core::Error& error) {
    complaint = error.what();
    return std::nullopt;
  }
}

}  // namespace cmd
