// What the command line of pona mapping said, and where its Mappings are.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cmd/mapping/options.hpp"
#include "kube/decode/decode.hpp"
#include "kube/mapping/store.hpp"

namespace cmd {

struct MappingRequest {
  // Where.
  std::string manifests = "/etc/pona/manifests";
  bool manifests_given = false;  // on the command line
  bool manifests_by_environment = false;
  std::string kubeconfig;
  std::string context;
  std::string ns;
  bool all = false;

  // Which.
  std::string name;
  std::vector<std::string> names;

  // How.
  std::string file;
  std::string format;
  std::string dry_run;  // "", "client", "server"
  std::string wait;     // "", seconds
  bool force_conflicts = false;
  std::size_t max_ports = kube::DecodeOptions().max_ports_per_mapping;
  MappingOptions mapping;

  [[nodiscard]] bool only_client() const { return dry_run == "client"; }
};

kube::DecodeOptions decode_options(const MappingRequest& request);

// Whether a cluster is meant: --manifests, then --kubeconfig and --context, then PONA_MANIFESTS,
// then whether there is a kubeconfig or a service account. Throws core::Error (usage) for what
// does not go together.
bool wants_cluster(const MappingRequest& request);

struct OpenStore {
  std::unique_ptr<kube::MappingStore> store;
  bool cluster = false;
};
OpenStore open_store(const MappingRequest& request);

// "60", "60s", "2m". Throws core::Error (usage).
std::chrono::seconds parse_wait(const std::string& text);

}  // namespace cmd
