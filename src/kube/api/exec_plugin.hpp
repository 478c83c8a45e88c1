// Credential plugins: a program that is asked for a token or a client certificate, by the protocol
// of https://kubernetes.io/docs/reference/config-api/client-authentication.v1/. How long an answer
// holds is told, not kept: credentials.hpp does.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "kube/api/kubeconfig.hpp"

namespace kube {

struct ExecCredential {
  std::string token;
  std::string certificate;  // PEM
  std::string key;
  std::optional<std::int64_t> expires;  // Unix seconds

  friend bool operator==(const ExecCredential&, const ExecCredential&) = default;
};

// What the plugin finds in KUBERNETES_EXEC_INFO. `ca`: PEM, empty for the system's.
std::string exec_info(const ExecPlugin& plugin, const Cluster& cluster, const std::string& ca);

// Throws core::Error saying what is wrong with the answer.
ExecCredential parse_exec_credential(const ExecPlugin& plugin, const std::string& answer);

// Blocks until the plugin ends, at most for `limit`. Throws core::Error with what the plugin
// complained, and its installation hint when it is not there.
ExecCredential run_plugin(const ExecPlugin& plugin, const Cluster& cluster, const std::string& ca,
                          std::chrono::milliseconds limit, int abandon_fd);

}  // namespace kube
