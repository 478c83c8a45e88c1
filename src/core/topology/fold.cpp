#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/topology/picture.hpp"

namespace core::topology {
namespace {

using Role = Node::Role;

std::string words(const std::vector<Mark>& marks) {
  std::string text;
  for (const Mark& mark : marks) text += std::string(mark.word) + ',';
  return text;
}

// "pod shop/" of "pod shop/web-1"
std::string family_of(const std::string& name) {
  const std::size_t slash = name.find('/');
  return name.starts_with("pod ") && slash != std::string::npos ? name.substr(0, slash + 1) : "";
}

std::string key_of(const Graph& graph, const Node& node, std::size_t number) {
  std::string key = family_of(node.name) + '|' + (node.elsewhere ? "e|" : "h|") + words(node.marks);
  for (const std::string& job : node.jobs) key += '|' + job;
  for (std::size_t i = 0; i < node.interfaces.size(); ++i) {
    const Interface& one = node.interfaces[i];
    if (one.kind == "loopback") continue;
    key += '|' + one.name + ',' + one.kind + ',' + std::to_string(one.mtu) + (one.up ? "u" : "d") +
           one.tunnel + ',' + one.master + words(one.marks);
    const auto other = other_end(graph, {number, i});
    if (!other) continue;
    key += '@' + std::to_string(other->node);
    if (other->interface != nowhere) {
      const Interface& peer = graph.nodes[other->node].interfaces[other->interface];
      key += ',' + peer.master + ',' + std::to_string(peer.mtu) + words(peer.marks);
    }
  }
  return key;
}

// What objects make of each node, as a part of its key.
std::vector<std::string> uses_of(const Graph& graph) {
  std::vector<std::string> uses(graph.nodes.size());
  for (std::size_t i = 0; i < graph.mappings.size(); ++i) {
    for (const MappedPort& port : graph.mappings[i].ports) {
      for (const Endpoint& endpoint : port.endpoints) {
        const std::string use = "|m" + std::to_string(i) + (endpoint.draining ? "d" : "");
        if (uses[endpoint.node].find(use + '|') == std::string::npos)
          uses[endpoint.node] += use + '|';
      }
    }
  }
  for (std::size_t i = 0; i < graph.egresses.size(); ++i) {
    for (const NatPod& nat : graph.egresses[i].nat_pods)
      uses[nat.node] += "|n" + std::to_string(i) + nat.state;
    for (const Client& client : graph.egresses[i].clients)
      uses[client.node] += "|c" + std::to_string(i);
  }
  return uses;
}

Severity severity_of_node(const Node& node) {
  Severity most = worst(node.marks);
  for (const Interface& one : node.interfaces) most = std::max(most, worst(one.marks));
  return most;
}

// Those that fail stay longest, then those that came first.
void merge_rest(const Graph& graph, Role role, std::vector<std::vector<std::size_t>>& groups) {
  std::vector<std::size_t> of_role;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (graph.nodes[groups[i].front()].role == role) of_role.push_back(i);
  }
  if (of_role.size() <= most_boxes) return;
  std::ranges::stable_sort(of_role, std::ranges::greater{}, [&](std::size_t i) {
    return severity_of_node(graph.nodes[groups[i].front()]);
  });
  std::vector<std::size_t> rest;
  for (std::size_t i = most_boxes - 1; i < of_role.size(); ++i) {
    std::vector<std::size_t>& group = groups[of_role[i]];
    rest.insert(rest.end(), group.begin(), group.end());
    group.clear();
  }
  std::erase_if(groups, [](const auto& group) { return group.empty(); });
  std::ranges::sort(rest);
  groups.push_back(std::move(rest));
}

}  // namespace

std::vector<std::vector<std::size_t>> fold(const Graph& graph) {
  const auto pods = std::ranges::count(graph.nodes, Role::pod, &Node::role);
  const std::vector<std::string> uses = uses_of(graph);
  std::map<std::string, std::vector<std::size_t>> alike;
  std::vector<std::string> keys(graph.nodes.size());
  if (static_cast<std::size_t>(pods) > pods_unfolded) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (graph.nodes[i].role != Role::pod) continue;
      keys[i] = key_of(graph, graph.nodes[i], i) + uses[i];
      alike[keys[i]].push_back(i);
    }
  }
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto found = alike.find(keys[i]);
    if (found == alike.end() || found->second.size() < 3) {
      groups.push_back({i});
    } else if (found->second.front() == i) {
      groups.push_back(found->second);
    }
  }
  for (const Role role : {Role::outside, Role::host, Role::pod}) merge_rest(graph, role, groups);
  return groups;
}

}  // namespace core::topology
