// How to reach an API server and as whom: read from kubeconfig files as kubectl reads them, or from
// what a pod is given. Values only: nothing is connected, no plugin run, and of the files that the
// configuration names none is opened, as they may be replaced at any time (credentials.hpp).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/trust.hpp"
#include "kube/decode/encoding.hpp"

namespace kube {

// PEM text, or the file it is in; neither: none is given. The field is for messages.
struct Pem {
  std::string data;
  std::string file;  // absolute
  std::string field;

  [[nodiscard]] bool given() const { return !data.empty() || !file.empty(); }

  friend bool operator==(const Pem&, const Pem&) = default;
};

// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
struct ExecPlugin {
  std::string api_version;  // client.authentication.k8s.io/v1 or v1beta1
  std::string command;      // absolute, or a name to be looked for in PATH
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  // besides pona's own
  std::string install_hint;
  bool provide_cluster_info = false;

  friend bool operator==(const ExecPlugin&, const ExecPlugin&) = default;
};

struct Cluster {
  std::string name;
  Url server;
  Pem ca;  // none: the system's
  std::string tls_server_name;
  bool insecure = false;
  std::optional<Url> proxy;
  std::string exec_config;  // JSON for credential plugins; empty: none

  friend bool operator==(const Cluster&, const Cluster&) = default;
};

struct User {
  std::string name;
  Pem certificate;
  Pem key;
  std::string token;
  std::string token_file;  // goes before token once it can be read
  std::string username;
  std::string password;
  std::optional<ExecPlugin> exec;
  // Impersonate-User and its kin.
  std::vector<std::pair<std::string, std::string>> headers;

  friend bool operator==(const User&, const User&) = default;
};

struct ConfigChoice {
  std::string kubeconfig;  // a file that must be there; empty: as load_config() says
  std::string context;     // empty: the current one

  friend bool operator==(const ConfigChoice&, const ConfigChoice&) = default;
};

struct ClientConfig {
  std::string origin;   // for messages: "context shop of /home/ann/.kube/config"
  std::string context;  // "in-cluster" for a pod's
  std::string ns = "default";
  Cluster cluster;
  User user;
  std::vector<std::string> warnings;
  Trust trust{};  // of no kubeconfig: who loads it says so
  // The files that it was read from, and how they were chosen: when one changes, it may be read
  // again. None: it cannot change.
  std::vector<std::string> files{};
  ConfigChoice choice{};

  friend bool operator==(const ClientConfig&, const ClientConfig&) = default;
};

using Environment = std::map<std::string, std::string>;
Environment process_environment();

inline constexpr const char* service_account = "/var/run/secrets/kubernetes.io/serviceaccount";

// Where the configuration of a cluster is found when none is named: the variable KUBECONFIG or
// KUBERNETES_SERVICE_HOST (a pod's), or the path $HOME/.kube/config; empty: nowhere. In the order
// of load_config(), and whether it can be used is told there.
std::string usual_config(const Environment& environment);

// The file that is named, else those of KUBECONFIG, else $HOME/.kube/config, else what a pod is
// given. Throws core::Error (usage) naming file, line, field and context.
ClientConfig load_config(const ConfigChoice& choice, const Environment& environment,
                         const std::filesystem::path& account = service_account);

// The contexts that load_config() could choose, given that file or none, in their order. Of a pod
// there are none, nor where there is no file. Throws as load_config() does.
std::vector<std::string> context_names(const std::string& kubeconfig,
                                       const Environment& environment);

// As a pod: KUBERNETES_SERVICE_HOST and _PORT, and the service account's directory.
ClientConfig load_in_cluster(const Environment& environment,
                             const std::filesystem::path& account = service_account);

}  // namespace kube
