// Evidence of a network model as a document, for support bundles and for later: `model.json`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/diag/daemon_places.hpp"
#include "core/cluster_model/evidence.hpp"

namespace cmd {

// Where to look.
struct ModelSources : DaemonPlaces {
  std::string netns;                         // of the host; path or name; empty: this process's
  std::string kubeconfig, context;           // empty: the usual ones
  std::string cni = "/etc/cni/net.d";        // directory; nothing need be there
  std::vector<std::string> manifests;        // files and directories in place of the API server
  bool here = false;                         // with `manifests`: look at this host, too
  std::vector<std::string> other_manifests;  // each another cluster's
  std::vector<std::string> other_pods;       // other clusters' pod ranges, "10.8.0.0/14"
  std::vector<std::string> networks;         // ranges of the network around, to send to
};

// Reads; sends nothing but requests to the API server. What cannot be read is a gap in the
// evidence. Throws core::Error where a word of `sources` makes no sense.
core::cluster_model::Evidence gather_model_evidence(const ModelSources& sources);
// The same as JSON, "schema": "pona.diag.model.evidence/v1".
std::string gather_model_json(const ModelSources& sources);

std::string to_json(const core::cluster_model::Evidence& evidence);
// Fields that it lacks are as if empty, entries that make no sense are left out and become a gap.
// Throws core::Error, which does not name a file, where it is no such document.
core::cluster_model::Evidence parse_model_evidence(std::string_view json);

}  // namespace cmd
