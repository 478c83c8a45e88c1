// What was seen of a cluster and of the network around it, as values: of objects, of one host, of
// packets that the model followed there. Not here: seeing it (cmd/diag/model), what follows
// (judge). Rule: what was not seen is no entry, or a gap, and never an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"

namespace core::cluster_model {

// How traffic gets into a cluster or out of it.
enum class Form : std::uint8_t { node_port, vip, proxy, edge_nat, masquerade, egress_gateway };
std::string_view to_string(Form form);  // "node port"
inline bool leads_out(Form form) { return form >= Form::masquerade; }

struct Node {
  std::string name;
  std::vector<Address> addresses;
  std::vector<Prefix> ranges;  // spec.podCIDRs

  friend bool operator==(const Node&, const Node&) = default;
};

struct PodRange {
  Prefix range;
  std::string cluster;  // empty: this one
  std::string source;   // "spec.podCIDRs of 12 nodes"

  friend bool operator==(const PodRange&, const PodRange&) = default;
};

// All gateways that are alike.
struct Gateway {
  Form form{};
  std::string by;                    // "kube-proxy", "pona", "class nginx"; may be empty
  std::optional<bool> keeps_source;  // what passes has its sender's address afterwards
  std::string why;                   // "externalTrafficPolicy: Cluster"
  std::uint64_t count = 0;
  std::vector<std::string> objects;  // the first ones: "Service shop/web, port 30080/tcp"

  friend bool operator==(const Gateway&, const Gateway&) = default;
};

// What a configuration says of pods' packets; it may be in effect or not.
struct Setting {
  // `native`: pods have addresses of the network around. `announces`: pods' addresses are told to
  // routers outside. `overlay`: packets between nodes go through tunnels.
  enum class What : std::uint8_t { masquerades, keeps, overlay, announces, native };
  What what{};
  std::optional<Family> family;  // empty: both
  std::string source;            // "IPPool default"
  std::string text;              // "natOutgoing: true"

  friend bool operator==(const Setting&, const Setting&) = default;
};
std::string_view to_string(Setting::What what);

struct WalkStep {
  std::string where;  // "node-1 postrouting"
  std::string text;
  std::string rule;  // that decides; may be empty

  friend bool operator==(const WalkStep&, const WalkStep&) = default;
};

// An imagined packet that was followed by the rules and routes of a host.
struct Walk {
  enum class Kind : std::uint8_t {
    pod_to_network,   // to a machine of the network that nodes are in
    pod_to_internet,  // to one far away
    pod_to_node,      // to a pod of another node
    pod_to_cluster,   // to a pod of another cluster
    network_to_pod,   // by the pod's own address
    to_node_port,
    to_vip,
  };
  // `tunnelled`: with its own addresses, in another packet.
  enum class End : std::uint8_t { kept, translated, tunnelled, refused, unknown };
  Kind kind{};
  End end = End::unknown;
  std::string host;
  std::string target;  // what it is sent to, in words
  Address source, destination;
  Address seen;                 // its source at the end
  std::vector<WalkStep> steps;  // those that decide
  std::uint64_t lost = 0;       // the step that gives it another source, from 1; 0: none
  std::string note;             // why it ends so, or is not known

  friend bool operator==(const Walk&, const Walk&) = default;
};
std::string_view to_string(Walk::Kind kind);
std::string_view to_string(Walk::End end);

// The route of a host to pods.
struct Reach {
  // `by_default`: only the default route fits, so that it says nothing.
  enum class How : std::uint8_t { link, route, tunnel, by_default, none };
  How how{};
  Prefix range;
  std::string cluster;  // as a range's
  std::string text;     // as ip(8) has it

  friend bool operator==(const Reach&, const Reach&) = default;
};
std::string_view to_string(Reach::How how);

// What is not known, why, and what to run to know it.
struct Gap {
  std::string what, why, command;

  friend bool operator==(const Gap&, const Gap&) = default;
};

struct Evidence {
  // `somewhere`: whether the host is a node is not known. `gateway`: an edge runs on it, so that it
  // reaches pods whatever others do.
  enum class Where : std::uint8_t { nowhere, node, outside, somewhere, gateway };
  std::string host;  // that was looked at; empty: none
  Where where = Where::nowhere;
  std::string cluster;  // where objects were read: "context shop of …"; empty: nowhere
  // In which the host knows no way beyond its own subnets and pods.
  std::vector<Family> closed;
  std::uint64_t pods = 0;
  std::uint64_t services = 0;
  std::vector<Node> nodes;
  std::vector<PodRange> ranges;
  std::vector<Gateway> gateways;
  std::vector<Setting> settings;
  std::vector<Walk> walks;
  std::vector<Reach> reaches;
  std::vector<Gap> gaps;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};
std::string_view to_string(Evidence::Where where);

// Each value of an enumeration above, by the text that to_string() gives.
template <typename Word>
std::optional<Word> parse_word(std::string_view text) {
  for (std::uint8_t i = 0; !to_string(static_cast<Word>(i)).empty(); ++i) {
    if (to_string(static_cast<Word>(i)) == text) return static_cast<Word>(i);
  }
  return std::nullopt;
}

bool overlap(const Prefix& a, const Prefix& b);

}  // namespace core::cluster_model
