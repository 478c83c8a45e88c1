#include <algorithm>
#include <set>

#include "core/cluster_model/parts.hpp"

namespace core::cluster_model {
namespace {

std::uint64_t ways_in(const Evidence& evidence) {
  std::uint64_t count = 0;
  for (const Gateway& one : evidence.gateways) {
    if (!leads_out(one.form)) count += one.count;
  }
  return count;
}

std::string nodes_here(const Evidence& evidence) {
  return evidence.nodes.empty() ? "" : "this cluster has " + counted(evidence.nodes.size(), "node");
}

Cost debugging() {
  return {
      "connectivity has to be debugged: gateways translate, and it is hard to say what "
      "happens",
      "",
      "pona diag trace follows a packet through each translation, names the rule and says "
      "what is wrong; pona diag merge joins what several hosts saw"};
}

Cost direct() {
  return {"clients have to reach single pods directly (databases that name their members, peers)",
          "",
          "a Service for each pod and a Mapping for each Service: an address and port, or a range "
          "of ports, of its own"};
}

Cost exposed(const Evidence& evidence, const char* when) {
  const std::uint64_t count = ways_in(evidence);
  return {when,
          evidence.cluster.empty()
              ? ""
              : counted(count, "way") + " in " + (count == 1 ? "is" : "are") + " set up here",
          "Mappings and Services of the class pona.dev/edge carry TCP, UDP and SCTP, many to an "
          "address, with addresses of an AddressPool"};
}

Cost firewalls(const std::vector<Passage>& passages) {
  std::uint64_t lost = 0, open = 0, all = 0;
  std::set<Form> forms;
  for (const Passage& one : passages) {
    if (leads_out(one.gateway.form)) continue;
    all += one.gateway.count;
    if (one.sender == Passage::Sender::open) open += one.gateway.count;
    if (one.sender != Passage::Sender::lost) continue;
    lost += one.gateway.count;
    forms.insert(one.gateway.form);
  }
  std::string here;
  if (all != 0) {
    here = std::to_string(lost) + " of " + counted(all, "way") + " in lose the client's address";
    std::string words;
    for (const Form form : forms)
      words += (words.empty() ? "" : ", ") + std::string(to_string(form));
    if (!words.empty()) here += " (" + words + ")";
    if (open != 0) here += "; of " + std::to_string(open) + " it is not known";
  }
  return {
      "firewalls or applications rely on clients' addresses", here,
      "preserveClientIP: true of a Mapping, or externalTrafficPolicy: Local of a Service of the "
      "class pona.dev/edge, where the network leads answers back to the edge; or let the edge "
      "be the firewall, which sees clients: allowedSources. For firewalls outside, an Egress "
      "gives what pods send few addresses that stay"};
}

Cost many_nodes(const Evidence& evidence, const char* when) {
  return {
      when, nodes_here(evidence),
      "clients name the edge's addresses, not nodes; an Egress sends by a few NAT pods, however "
      "many nodes there are"};
}

}  // namespace

std::vector<Cost> costs_of(Model model, const Evidence& evidence,
                           const std::vector<Passage>& passages) {
  const std::string growth =
      "make it an island: Mappings let others in and an Egress lets pods out, and pod ranges may "
      "be "
      "used again";
  switch (model) {
    case Model::unknown:
      return {};
    case Model::flat: {
      std::string here;
      if (evidence.pods != 0)
        here = counted(evidence.pods, "pod") + " have addresses of the network";
      if (evidence.pods == 1) here = "1 pod has an address of the network";
      return {
          {"addresses are scarce, or in pieces", here, growth},
          {"the network is hard to configure: it needs a route to each pod range",
           evidence.nodes.empty() ? "" : counted(evidence.nodes.size(), "node") + " to route to",
           "as an island, the network needs routes to the edge's mapped addresses alone"},
          {"Kubernetes is a small part of what there is", "", growth}};
    }
    case Model::isolated:
      return {
          {"something has to talk over the cluster's edge", nodes_here(evidence),
           "pona edge and a Mapping let chosen clients in (allowedSources); an Egress lets chosen "
           "pods out, to chosen destinations"}};
    case Model::island:
      return {debugging(), direct(),
              exposed(evidence, "many services have to be exposed, above all not HTTP"),
              firewalls(passages), many_nodes(evidence, "there are many nodes")};
    case Model::archipelago:
      return {debugging(), direct(),
              exposed(evidence, "many services have to be exposed to what is not Kubernetes"),
              firewalls(passages),
              many_nodes(evidence,
                         "there are many nodes in all clusters together, as pod ranges "
                         "cannot be used again in them")};
  }
  return {};
}

std::vector<Gap> gaps_of(Model model, const Evidence& evidence) {
  std::vector<Gap> gaps = evidence.gaps;
  const auto walked = [&](Walk::Kind kind) {
    return std::ranges::any_of(evidence.walks, [&](const Walk& walk) {
      return walk.kind == kind && walk.end != Walk::End::unknown;
    });
  };
  const auto open = std::ranges::find_if(evidence.walks, [](const Walk& walk) {
    return walk.kind == Walk::Kind::pod_to_network && walk.end == Walk::End::unknown;
  });
  if (!walked(Walk::Kind::pod_to_network) && open != evidence.walks.end()) {
    const bool brackets = open->destination.family() == Family::ipv6;
    gaps.push_back(
        {"whether pods' packets leave " + open->host + " with their own addresses", open->note,
         "sudo pona diag trace pod/NAMESPACE/NAME to " + std::string(brackets ? "[" : "") +
             to_string(open->destination) + (brackets ? "]" : "") +
             ":80     # a pod of this node; sends one real packet"});
  } else if (!walked(Walk::Kind::pod_to_network)) {
    gaps.push_back({"whether pods' packets leave their node with their own addresses",
                    evidence.where == Evidence::Where::nowhere
                        ? "no host was looked at"
                        : "no pod's packet could be followed here",
                    "sudo pona diag model     # on a node of the cluster"});
  }
  const bool outside = evidence.where == Evidence::Where::outside &&
                       std::ranges::any_of(evidence.reaches, [](const Reach& reach) {
                         return reach.cluster.empty() && reach.how != Reach::How::by_default;
                       });
  if (!outside && (model == Model::flat || model == Model::unknown)) {
    std::string pod = "POD";
    for (const PodRange& one : evidence.ranges) {
      if (!one.cluster.empty()) continue;
      pod = to_string(one.range.length < 31 ? one.range.first().plus(2) : one.range.first());
      break;
    }
    gaps.push_back({"whether machines outside have a route to pods",
                    "that is told by a machine outside, or by the network's routers",
                    "ip route get " + pod + "     # on a machine or router outside the cluster"});
  }
  const bool others = std::ranges::any_of(evidence.ranges,
                                          [](const PodRange& one) { return !one.cluster.empty(); });
  if (!others && model == Model::island) {
    gaps.push_back({"whether other clusters are reached without translation (an archipelago)",
                    "no other cluster's pod range is known",
                    "pona diag model --other-pods RANGE     # as 10.245.0.0/16"});
  }
  return gaps;
}

}  // namespace core::cluster_model
