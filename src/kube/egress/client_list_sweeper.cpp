#include "kube/egress/client_list_sweeper.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/decode/json_text.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

// A node that has just come may be known to its agent before it is known here.
constexpr os::Time::duration orphan_grace = 60s;

}  // namespace

ClientListSweeper::ClientListSweeper(Exchanges& exchanges, os::Clock clock)
    : clock_(std::move(clock)),
      writes_(
          exchanges, clock_, [this](const core::ObjectName& name) { return next(name); },
          [](const core::ObjectName&, const std::string&) {}) {}

void ClientListSweeper::update(const core::ObjectChanges& changes) {
  for (const auto& [id, object] : changes) {
    if (id.kind != core::Kind::egress_clients) continue;
    if (!object) {
      lists_.erase(id.name);
      orphans_.erase(id.name);
      writes_.forget(id.name);
      continue;
    }
    List& list = lists_[id.name];
    list.node = std::get<core::EgressClients>(*object).node;
    look_at(id.name, list);
  }
}

void ClientListSweeper::seen(const core::ObjectName& list, std::shared_ptr<const Seen> seen) {
  const auto found = lists_.find(list);
  if (found != lists_.end()) found->second.seen = std::move(seen);
}

void ClientListSweeper::set_nodes(std::set<std::string> nodes) {
  if (nodes == nodes_) return;
  nodes_ = std::move(nodes);
  for (const auto& [name, list] : lists_) look_at(name, list);
}

void ClientListSweeper::lead(bool leading) {
  if (leading_ == leading) return;
  leading_ = leading;
  if (!leading_) writes_.stop_leading();
  orphans_.clear();
  for (const auto& [name, list] : lists_) look_at(name, list);
}

void ClientListSweeper::look_at(const core::ObjectName& name, const List& list) {
  // Of no node: not an agent's.
  if (!leading_ || list.node.empty() || nodes_.contains(list.node)) {
    orphans_.erase(name);
  } else {
    orphans_.emplace(name, clock_.now() + orphan_grace);
  }
}

os::Time ClientListSweeper::due() const {
  if (!leading_) return os::Time::max();
  os::Time due = writes_.due();
  for (const auto& [name, from] : orphans_) {
    if (from > clock_.now()) due = std::min(due, from);
  }
  return due;
}

void ClientListSweeper::step() {
  if (!leading_) return;
  for (const auto& [name, from] : orphans_) {
    if (from <= clock_.now()) writes_.add(name);
  }
  writes_.step();
}

std::optional<Write> ClientListSweeper::next(const core::ObjectName& name) {
  const auto orphan = orphans_.find(name);
  const auto list = lists_.find(name);
  if (!leading_ || orphan == orphans_.end() || clock_.now() < orphan->second ||
      list == lists_.end() || !list->second.seen || list->second.seen->deleting) {
    return std::nullopt;
  }
  const Seen& seen = *list->second.seen;
  const nlohmann::json body = {
      {"apiVersion", "v1"},
      {"kind", "DeleteOptions"},
      {"preconditions", {{"uid", seen.uid}, {"resourceVersion", seen.version}}}};
  Write write;
  write.request = {
      "DELETE", "/apis/discovery.k8s.io/v1/namespaces/" + name.ns + "/endpointslices/" + name.name,
      "application/json", dump_json(body), false};
  write.what = "delete the clients of node " + list->second.node +
               ", which is gone, EndpointSlice " + core::to_string(name);
  write.lead = true;
  write.done = [this, name] { orphans_.erase(name); };
  return write;
}

}  // namespace kube
