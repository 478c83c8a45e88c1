#include <algorithm>
#include <array>
#include <cstdio>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

constexpr std::uint32_t others_read = 004, others_write = 002, group_read = 040;

std::string mode_text(const FileFacts& file) {
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%04o", file.mode & 07777U);
  return file.path + ": mode " + digits.data() + ", owner " + file.owner;
}

Fix change_mode(const std::string& mode, const std::string& path) {
  return {"chmod " + mode + " " + quoted(path), ""};
}

void judge_kubeconfig(const std::optional<FileFacts>& file, Results& results) {
  if (!file || !file->exists) {
    results.push_back(skipped(code::kubeconfig_mode, "no kubeconfig is in use here"));
  } else if (!file->error.empty()) {
    results.push_back(unknown(code::kubeconfig_mode, file->path + ": " + file->error, true));
  } else if ((file->mode & (others_read | others_write)) != 0) {
    results.push_back({code::kubeconfig_mode,
                       State::warn,
                       "every user of this host can read the credential in " + file->path,
                       {mode_text(*file)},
                       {change_mode((file->mode & group_read) != 0 ? "o-rw" : "600", file->path)}});
  } else {
    results.push_back(
        ok(code::kubeconfig_mode, "the kubeconfig is for its owner", {mode_text(*file)}));
  }
}

// A directory that only its owner is to write to.
void judge_directory(int code, const std::optional<FileFacts>& file, const std::string& what,
                     bool wanted, bool writes, Results& results) {
  if (!file || (!file->exists && !wanted)) {
    results.push_back(skipped(code, "no " + what + " is in use here"));
    return;
  }
  if (!file->error.empty()) {
    results.push_back(unknown(code, file->path + ": " + file->error, true));
  } else if (!file->exists) {
    results.push_back({code,
                       State::error,
                       "there is no " + file->path,
                       {file->path + ": not found"},
                       {Fix{"mkdir -p " + quoted(file->path), "or name another one"}}});
  } else if (!file->directory) {
    results.push_back({code,
                       State::error,
                       file->path + " is no directory",
                       {mode_text(*file)},
                       {Fix{"", "name another one, or move it away"}}});
  } else if ((file->mode & others_write) != 0 && (file->mode & 01000U) == 0) {
    results.push_back({code,
                       State::error,
                       "everybody can change what is in " + file->path,
                       {mode_text(*file)},
                       {change_mode("o-w", file->path)}});
  } else if (!file->readable || (writes && !file->writable)) {
    results.push_back(unknown(code, file->path + " is not for this user to look into", true));
  } else {
    results.push_back(ok(code, "the " + what + " can be used", {mode_text(*file)}));
  }
}

void judge_socket(const std::optional<FileFacts>& file, Results& results) {
  if (!file || !file->exists || !file->error.empty() || (file->mode & others_write) == 0) return;
  results.push_back({code::socket_mode,
                     State::warn,
                     "every user of this host may use " + file->path,
                     {mode_text(*file)},
                     {change_mode("o-rwx", file->path)}});
}

Results judge_daemon(const DaemonFacts& facts, const std::string& name, int silent, int troubled,
                     const std::string& more) {
  Results results;
  if (!facts.answers) {
    if (!facts.wanted && !facts.exists) {
      results.push_back(skipped(silent, "no " + name + " runs here"));
      results.push_back(skipped(troubled, "no " + name + " runs here"));
      return results;
    }
    std::vector<std::string> evidence = {
        facts.socket + (facts.exists ? ": there, and nobody answers" : ": not there")};
    if (!facts.complaint.empty()) evidence.push_back(facts.complaint);
    results.push_back({silent,
                       State::error,
                       facts.exists ? "the " + name + " of " + facts.socket + " does not answer"
                                    : "no " + name + " runs here",
                       std::move(evidence),
                       {Fix{facts.start, "or say where its socket is, if it is another one"}}});
    results.push_back(unknown(troubled, "no " + name + " answers", false));
    return results;
  }
  results.push_back(ok(silent, "the " + name + " answers"));
  if (!facts.troubles.empty() || !facts.problems.empty()) {
    std::vector<std::string> evidence = facts.troubles;
    evidence.insert(evidence.end(), facts.problems.begin(), facts.problems.end());
    constexpr std::size_t most = 10;
    const std::size_t left = evidence.size() > most ? evidence.size() - most : 0;
    evidence.resize(evidence.size() - left);
    if (left != 0) evidence.push_back("and " + std::to_string(left) + " more");
    results.push_back({troubled,
                       facts.troubles.empty() ? State::warn : State::error,
                       facts.troubles.empty() ? "the " + name + " leaves objects out or warns"
                                              : "the " + name + " is not well",
                       std::move(evidence),
                       {Fix{more, "shows all of it"}}});
  } else {
    results.push_back(ok(troubled, "the " + name + " is well"));
  }
  return results;
}

}  // namespace

Results judge_files(const FilesFacts& facts) {
  Results results;
  judge_kubeconfig(facts.kubeconfig, results);
  judge_directory(code::manifests, facts.manifests, "directory of manifests",
                  facts.manifests_wanted, false, results);
  judge_directory(code::state_directory, facts.state, "directory of saved state", false, true,
                  results);
  judge_directory(code::run_directory, facts.run, "directory of sockets", false, false, results);
  const std::size_t before = results.size();
  judge_socket(facts.edge_socket, results);
  judge_socket(facts.agent_socket, results);
  if (results.size() == before) {
    results.push_back(ok(code::socket_mode, "pona's sockets are not for everybody"));
  }
  return results;
}

Results judge_edge(const DaemonFacts& facts) {
  return judge_daemon(facts, "edge", code::edge_silent, code::edge_troubled, "pona edge status");
}

Results judge_agent(const DaemonFacts& facts) {
  return judge_daemon(facts, "agent", code::agent_silent, code::agent_troubled, "pona egress list");
}

}  // namespace core::check
