// What `pona install` prints: the manifests of install_manifests.hpp with the user's values put in.
// No parser of command lines, no output. Values are checked before they are put in, and put in as
// quoted scalars: no value can become more of a manifest than a value.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cmd {

struct InstallRequest {
  enum class Part : std::uint8_t { crds, rbac, edge, controller, agent, all };

  Part part = Part::all;
  std::string ns = "pona-system";
  bool in_cluster = false;          // edges as a DaemonSet, else credentials for edges outside
  std::string image;                // wanted in the cluster, for the controller and agents
  std::string external_interfaces;  // an option of the edge in the cluster
  std::map<std::string, std::string> node_selector;  // likewise
  bool node_monitor = false;  // health and metrics on the node's address, else on loopback
  bool smartnat_finalizers =
      false;  // beside the permissions: edges may remove SmartNat's finalizer
};

// "edge=yes" or "example.com/edge=" to one entry of a node selector; throws core::Error (usage).
void add_node_selector(InstallRequest& request, const std::string& text);

// YAML documents with their comments. Throws core::Error (usage) for a value that is none.
std::string install_yaml(const InstallRequest& request);

// The same objects as one List in JSON.
std::string install_json(const InstallRequest& request);

}  // namespace cmd
