#include "cmd/diag/topology_objects.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/node/agent_status.hpp"
#include "core/edge/forward.hpp"
#include "core/error.hpp"
#include "kube/decode/json_at.hpp"
#include "os/fd.hpp"

namespace cmd {
namespace {

using SaidJson = nlohmann::ordered_json;
namespace graph_values = core::topology;

constexpr std::chrono::seconds topology_patience{2};

// Who listens at a unix socket, as unix(7) has it. Nothing: nobody.
std::optional<pid_t> listener_of(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return std::nullopt;
  path.copy(name.sun_path, path.size());
  const os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval wait{.tv_sec = topology_patience.count(), .tv_usec = 0};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0)
    return std::nullopt;
  return peer.pid;
}

// The node where it runs; a note where it is in none of the picture.
std::optional<std::size_t> node_of(TopologyWorld& world, const std::string& what,
                                   const std::string& socket) {
  const auto pid = listener_of(socket);
  if (!pid) return std::nullopt;
  const auto node = world.node_at("/proc/" + std::to_string(*pid) + "/ns/net");
  if (!node) {
    world.graph().notes.push_back("the " + what + " at " + socket +
                                  " runs in a network namespace that is not in this picture: " +
                                  "begin there (--from-netns /proc/" + std::to_string(*pid) +
                                  "/ns/net), or take --all");
  }
  return node;
}

graph_values::MappedPort port_of(TopologyWorld& world, const PortStatus& status) {
  graph_values::MappedPort port;
  const bool long_form = status.address.find(':') != std::string::npos;
  port.external = (long_form ? "[" + status.address + "]" : status.address) + ":" + status.ports +
                  "/" + status.protocol;
  std::ranges::transform(port.external, port.external.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  port.service = status.service;
  port.active = status.active;
  for (const EndpointStatus& one : status.endpoints) {
    const auto at = core::parse_backend(one.address);
    if (!at) continue;
    const std::size_t node = world.node_with(at->address, to_string(at->address));
    world.graph().nodes[node].known_pod = true;
    port.endpoints.push_back({one.address, node, one.share, one.draining});
  }
  return port;
}

graph_values::Egress egress_of(TopologyWorld& world, const SaidJson& said) {
  graph_values::Egress egress;
  egress.name = kube::text_at(said, "namespace") + "/" + kube::text_at(said, "name");
  egress.encapsulation = kube::text_at(said, "encapsulation");
  egress.destinations = kube::texts_at(said, "destinations");
  for (const SaidJson& one : kube::list_at(said, "natPods")) {
    const std::string text = kube::text_at(one, "address");
    const auto address = core::Address::parse(text);
    if (!address) continue;
    const std::size_t number = world.node_with(*address, text);
    graph_values::Node& node = world.graph().nodes[number];
    node.known_pod = true;
    const std::string job = "NAT pod";
    if (std::ranges::find(node.jobs, job) == node.jobs.end()) node.jobs.push_back(job);
    egress.nat_pods.push_back({text, kube::text_at(one, "state"), number});
  }
  return egress;
}

void add_client(TopologyWorld& world, const SaidJson& said) {
  const std::string path = kube::text_at(said, "netns");
  auto number = path.empty() ? std::nullopt : world.node_at(path);
  if (!number) {
    number = world.node_elsewhere("pod " + kube::text_at(said, "namespace") + "/" +
                                  kube::text_at(said, "pod"));
  }
  graph_values::Graph& graph = world.graph();
  graph.nodes[*number].known_pod = true;
  const std::vector<std::string> names = kube::texts_at(said, "egresses");
  for (graph_values::Egress& egress : graph.egresses) {
    if (std::ranges::find(names, egress.name) == names.end()) continue;
    graph_values::Client client{*number, {}, kube::texts_at(said, "problems")};
    for (const SaidJson& one : kube::list_at(said, "destinations")) {
      if (kube::text_at(one, "egress") == egress.name && kube::text_at(one, "way") == "refused")
        client.refused.push_back(kube::text_at(one, "destination"));
    }
    egress.clients.push_back(std::move(client));
  }
}

}  // namespace

void add_edge(TopologyWorld& world, const std::string& socket) {
  const auto node = node_of(world, "edge", socket);
  if (!node) return;
  graph_values::Graph& graph = world.graph();
  graph.nodes[*node].jobs.emplace_back("edge");
  EdgeStatus status;
  try {
    const auto text = ask_edge(socket, "/status");
    if (!text) return;
    status = parse_status(*text);
  } catch (const core::Error& error) {
    graph.notes.push_back("the edge at " + socket + " does not answer: " + error.what());
    return;
  }
  for (graph_values::Interface& one : graph.nodes[*node].interfaces) {
    one.external = std::ranges::find(status.interfaces, one.name, &InterfaceStatus::name) !=
                   status.interfaces.end();
  }
  for (const MappingStatus& said : status.mappings) {
    graph_values::Mapping mapping;
    mapping.object = said.kind + " " + said.ns + "/" + said.name;
    mapping.state = said.state;
    mapping.node = *node;
    mapping.reasons = said.reasons;
    for (const PortStatus& port : said.ports) mapping.ports.push_back(port_of(world, port));
    graph.mappings.push_back(std::move(mapping));
  }
}

void add_agent(TopologyWorld& world, const std::string& socket) {
  const auto node = node_of(world, "agent", socket);
  if (!node) return;
  graph_values::Graph& graph = world.graph();
  graph.nodes[*node].jobs.emplace_back("agent");
  SaidJson status;
  try {
    status = agent_status_in(ask_agent_status(socket, topology_patience));
  } catch (const core::Error& error) {
    graph.notes.push_back("the agent at " + socket + " does not answer: " + error.what());
    return;
  }
  for (const SaidJson& said : kube::list_at(status, "egresses"))
    graph.egresses.push_back(egress_of(world, said));
  for (const SaidJson& said : kube::list_at(status, "clients")) add_client(world, said);
}

}  // namespace cmd
