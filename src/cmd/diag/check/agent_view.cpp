#include "cmd/diag/check/agent_view.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "cmd/node/agent_status.hpp"
#include "core/error.hpp"
#include "kube/decode/json_at.hpp"

namespace cmd {
namespace {

using ViewJson = nlohmann::ordered_json;

constexpr std::chrono::seconds view_patience{3};

AgentView::Client view_client(const ViewJson& json) {
  AgentView::Client client;
  client.pod = {kube::text_at(json, "namespace"), kube::text_at(json, "pod")};
  client.netns = kube::text_at(json, "netns");
  for (const ViewJson& one : kube::list_at(json, "destinations")) {
    client.destinations.push_back({kube::text_at(one, "destination"), kube::text_at(one, "egress"),
                                   kube::text_at(one, "way")});
  }
  return client;
}

}  // namespace

std::optional<AgentView> parse_agent_view(std::string_view text) {
  const ViewJson status = agent_status_in(text);
  if (status.is_null()) return std::nullopt;
  AgentView view;
  view.node = kube::text_at(status, "node");
  view.synced = status.is_object() && status.value("synced", ViewJson(false)) == ViewJson(true);
  view.troubles = kube::texts_at(status, "troubles");
  view.problems = kube::texts_at(status, "problems");
  for (const ViewJson& one : kube::list_at(status, "egresses")) {
    core::check::EgressState egress;
    egress.name = kube::text_at(one, "namespace") + "/" + kube::text_at(one, "name");
    egress.encapsulation = kube::text_at(one, "encapsulation");
    const auto count = one.is_object() ? one.find("clientsHere") : one.end();
    if (one.is_object() && count != one.end() && count->is_number_unsigned()) {
      egress.clients = count->get<std::size_t>();
    }
    for (const ViewJson& pod : kube::list_at(one, "natPods")) {
      egress.nat_pods.emplace_back(kube::text_at(pod, "address"), kube::text_at(pod, "state"));
    }
    view.egresses.push_back(std::move(egress));
  }
  for (const ViewJson& one : kube::list_at(status, "clients")) {
    view.clients.push_back(view_client(one));
    for (const std::string& problem : kube::texts_at(one, "problems")) {
      view.problems.push_back("pod " + to_string(view.clients.back().pod) + ": " + problem);
    }
  }
  return view;
}

std::optional<AgentView> ask_agent(const std::string& socket, std::string& complaint) {
  try {
    auto view = parse_agent_view(ask_agent_status(socket, view_patience));
    if (!view) complaint = "what listens on " + socket + " gives an answer that is none";
    return view;
  } catch (const core::Error& error) {
    complaint = error.what();
    return std::nullopt;
  }
}

}  // namespace cmd
