#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cmd/diag/check/survey.hpp"
#include "kube/api/kubeconfig.hpp"

namespace cmd {
namespace {

core::check::FileFacts file_facts(const std::string& path) {
  core::check::FileFacts file;
  file.path = path;
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    file.exists = errno != ENOENT && errno != ENOTDIR;
    if (file.exists) file.error = std::strerror(errno);
    return file;
  }
  file.exists = true;
  file.directory = S_ISDIR(found.st_mode);
  file.mode = found.st_mode & 07777U;
  file.owner = std::to_string(found.st_uid) + ":" + std::to_string(found.st_gid);
  file.readable = access(path.c_str(), file.directory ? R_OK | X_OK : R_OK) == 0;
  file.writable = access(path.c_str(), W_OK) == 0;
  return file;
}

std::optional<core::check::FileFacts> named_file(const std::string& path) {
  return path.empty() ? std::nullopt : std::optional(file_facts(path));
}

}  // namespace

core::check::FilesFacts gather_files(Survey& survey) {
  const CheckOptions& options = survey.options;
  core::check::FilesFacts facts;
  std::string kubeconfig = options.kubeconfig;
  if (kubeconfig.empty()) {
    const std::string usual = kube::usual_config(kube::process_environment());
    if (usual.starts_with('/')) kubeconfig = usual;
  }
  facts.kubeconfig = named_file(kubeconfig);
  facts.manifests_wanted = !options.manifests.empty();
  facts.manifests = file_facts(facts.manifests_wanted ? options.manifests : "/etc/pona/manifests");
  facts.state = file_facts(options.state.empty() ? "/var/lib/pona" : options.state);
  facts.run = file_facts(std::filesystem::path(options.edge_socket).parent_path().string());
  facts.edge_socket = file_facts(options.edge_socket);
  facts.agent_socket = file_facts(options.agent_socket);
  return facts;
}

core::check::DaemonFacts gather_edge(Survey& survey) {
  core::check::DaemonFacts facts;
  facts.wanted = survey.role == core::check::Role::edge;
  facts.socket = survey.options.edge_socket;
  facts.exists = survey.edge_there;
  facts.answers = survey.edge.has_value();
  facts.complaint = survey.edge_complaint;
  facts.start = "systemctl start pona-edge";
  if (!survey.edge) return facts;
  if (survey.edge->process) facts.troubles = survey.edge->process->troubles;
  for (const auto& [object, reason] : survey.edge->rejections) {
    facts.problems.push_back(object + ": " + reason);
  }
  for (const auto& [where, reason] : survey.edge->problems) {
    facts.problems.push_back(where + ": " + reason);
  }
  for (const MappingStatus& mapping : survey.edge->mappings) {
    if (mapping.state != "rejected" && mapping.state != "degraded") continue;
    for (const std::string& reason : mapping.reasons) {
      facts.problems.push_back(mapping.kind + " " + mapping.ns + "/" + mapping.name + ": " +
                               reason);
    }
  }
  return facts;
}

core::check::DaemonFacts gather_agent(Survey& survey) {
  core::check::DaemonFacts facts;
  facts.wanted = survey.role == core::check::Role::node;
  facts.socket = survey.options.agent_socket;
  facts.exists = survey.agent_there;
  facts.answers = survey.agent.has_value();
  facts.complaint = survey.agent_complaint;
  facts.start = "kubectl -n pona-system rollout restart daemonset pona-agent";
  if (!survey.agent) return facts;
  facts.troubles = survey.agent->troubles;
  if (!survey.agent->synced) facts.troubles.emplace_back("the agent does not know all objects yet");
  facts.problems = survey.agent->problems;
  return facts;
}

}  // namespace cmd
