#include <algorithm>
#include <utility>

#include "core/cluster_model/parts.hpp"

namespace core::cluster_model {
namespace {

using Sender = Passage::Sender;

// Of the walks that went this way, one with that outcome.
const Walk* walk_of(const Evidence& evidence, const Gateway& gateway) {
  for (const Walk& walk : evidence.walks) {
    bool same = false;
    switch (gateway.form) {
      case Form::node_port:
        same = walk.kind == Walk::Kind::to_node_port;
        break;
      case Form::vip:
      case Form::edge_nat:
        same = walk.kind == Walk::Kind::to_vip;
        break;
      case Form::masquerade:
        same = walk.kind == Walk::Kind::pod_to_network || walk.kind == Walk::Kind::pod_to_internet;
        break;
      case Form::proxy:
      case Form::egress_gateway:
        break;
    }
    // Which object it went to is told by its name.
    if (same && gateway.form != Form::masquerade) {
      same = std::ranges::any_of(gateway.objects, [&](const std::string& object) {
        return !walk.target.empty() && object.starts_with(walk.target) &&
               (object.size() == walk.target.size() || object[walk.target.size()] == ',' ||
                object[walk.target.size()] == ' ');
      });
    }
    if (!same || walk.end == Walk::End::refused || walk.end == Walk::End::unknown) continue;
    if (gateway.form == Form::masquerade && walk.end != Walk::End::translated) continue;
    return &walk;
  }
  return nullptr;
}

struct Way {
  std::vector<std::string> steps;
  std::size_t losing;  // the step that takes the sender's address where it is not kept; from 1
};

Way way_of(const Gateway& gateway, bool keeps) {
  const std::string by = gateway.by.empty() ? "" : " (" + gateway.by + ")";
  const std::string taken = keeps ? "" : ", and the source becomes the node's address";
  switch (gateway.form) {
    case Form::node_port:
      return {{"the client sends to a node's address and the node port",
               "that node" + by + " sends it to a pod (DNAT)" + taken, "the pod gets it"},
              2};
    case Form::vip:
      return {{"the client sends to the virtual address",
               "the network, or the load balancer" + by + ", leads it to a node",
               "that node sends it to a pod (DNAT)" + taken, "the pod gets it"},
              3};
    case Form::proxy:
      return {{"the client connects to the proxy's own address",
               "the proxy" + by + " ends the connection and opens one of its own to a pod",
               "the pod gets it from the proxy"},
              2};
    case Form::edge_nat:
      return {{"the client sends to the mapped address",
               "the edge" + by + ", outside the nodes, sends it to a pod (DNAT)" +
                   (keeps ? "" : ", and the source becomes the edge's address"),
               "the pod gets it"},
              2};
    case Form::masquerade:
      return {{"the pod sends to an address outside",
               "its node" + by + " makes the source the node's address (SNAT)",
               "outside gets it from a node"},
              2};
    case Form::egress_gateway:
      return {{"the pod sends to an address outside", "its node leads it to the gateway" + by,
               "the gateway makes the source its own address (SNAT)", "outside gets it from there"},
              3};
  }
  return {};
}

std::string sentence(const Passage& passage) {
  const Gateway& gateway = passage.gateway;
  const std::string whose = leads_out(gateway.form) ? "the pod's address" : "the client's address";
  const std::string why = gateway.why.empty() ? "" : " (" + gateway.why + ")";
  switch (passage.sender) {
    case Sender::kept:
      return whose + " is kept" + why;
    case Sender::lost:
      return whose + " is lost at step " + std::to_string(passage.lost) + why;
    case Sender::open:
      break;
  }
  return "whether " + whose + " is kept is not known" + why;
}

Passage passage_of(const Evidence& evidence, const Gateway& gateway) {
  Passage passage;
  passage.gateway = gateway;
  const Walk* const walk = walk_of(evidence, gateway);
  std::optional<bool> keeps = gateway.keeps_source;
  if (walk != nullptr) keeps = walk->end != Walk::End::translated;
  // A proxy is one whatever its objects say.
  if (gateway.form == Form::proxy || gateway.form == Form::masquerade ||
      gateway.form == Form::egress_gateway) {
    keeps = false;
  }
  auto [steps, losing] = way_of(gateway, keeps.value_or(true));
  passage.steps = std::move(steps);
  if (keeps) passage.sender = *keeps ? Sender::kept : Sender::lost;
  if (keeps == false) passage.lost = losing;
  passage.said = sentence(passage);
  if (walk != nullptr) {
    passage.seen = said(*walk) + by_what(*walk);
  }
  return passage;
}

}  // namespace

std::vector<Passage> passages_of(const Evidence& evidence) {
  std::vector<Passage> passages;
  for (const Gateway& gateway : evidence.gateways) {
    passages.push_back(passage_of(evidence, gateway));
  }
  const bool masks = std::ranges::any_of(
      evidence.gateways, [](const Gateway& one) { return one.form == Form::masquerade; });
  // That a node masquerades is in no object.
  Gateway node{Form::masquerade, "", false, "", 1, {"by nodes"}};
  const bool followed = std::ranges::any_of(evidence.walks, [](const Walk& one) {
    return one.kind == Walk::Kind::pod_to_network && one.end != Walk::End::unknown;
  });
  if (!masks && walk_of(evidence, node) != nullptr) {
    passages.push_back(passage_of(evidence, node));
  } else if (!masks && !followed) {
    for (const Setting& one : evidence.settings) {
      if (one.what != Setting::What::masquerades) continue;
      node.why = one.source + ": " + one.text;
      passages.push_back(passage_of(evidence, node));
      break;
    }
  }
  std::vector<Passage> sorted;
  for (std::uint8_t form = 0; form <= static_cast<std::uint8_t>(Form::egress_gateway); ++form) {
    for (Passage& one : passages) {
      if (one.gateway.form == static_cast<Form>(form)) sorted.push_back(std::move(one));
    }
  }
  return sorted;
}

}  // namespace core::cluster_model
