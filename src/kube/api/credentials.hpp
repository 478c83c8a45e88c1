// What a request proves its sender by, kept fresh: files, the kubeconfig among them, are read again
// when they change, plugins asked again when their answer expires or is refused. What was good once
// stays in use while a file cannot be read. get() may block for as long as a plugin may take.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kube/api/exec_plugin.hpp"
#include "kube/api/kubeconfig.hpp"
#include "os/clock.hpp"

namespace kube {

struct Credential {
  std::uint64_t revision = 0;  // another one for each other content
  std::string authorization;   // the header's value; empty: none is sent
  std::string certificate;     // PEM; empty: none
  std::string key;
  std::string ca;  // PEM; empty: the system's

  friend bool operator==(const Credential&, const Credential&) = default;
};

// A file's text, read again when stat(2) tells of a change, and at least once a minute: what is
// behind a mount may change without it.
class FreshFile {
 public:
  FreshFile(std::string path, std::string what) : path_(std::move(path)), what_(std::move(what)) {}

  // Throws core::Error until it could be read once.
  const std::string& text(os::Time now);
  void forget() { read_at_.reset(); }  // reads it again the next time
  [[nodiscard]] bool read() const { return had_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  std::string path_;
  std::string what_;  // for messages: "tokenFile of user \"ann\""
  std::string text_;
  std::string stamp_;
  std::optional<os::Time> read_at_;
  bool had_ = false;
  std::string problem_;
};

class Credentials {
 public:
  // A plugin is killed after `plugin_limit`, or when `abandon_fd` gets readable (-1: none).
  Credentials(ClientConfig config, os::Clock clock,
              std::chrono::milliseconds plugin_limit = std::chrono::seconds(60),
              int abandon_fd = -1);

  // Throws core::Error (transient) when there is none to be had.
  Credential get();

  // The server did not take the credential of this revision: 401.
  void reject(std::uint64_t revision);

  [[nodiscard]] const ClientConfig& config() const { return config_; }
  // What could not be renewed, though the last known stays in use.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  void watch_files();
  void follow_config();
  [[nodiscard]] std::string config_stamp() const;
  std::string ca();
  void fill(Credential& credential);
  void fill_by_plugin(Credential& credential);

  ClientConfig config_;
  os::Clock clock_;
  std::chrono::milliseconds plugin_limit_;
  int abandon_fd_;
  std::optional<FreshFile> ca_;
  std::optional<FreshFile> certificate_;
  std::optional<FreshFile> key_;
  std::optional<FreshFile> token_;
  std::optional<ExecCredential> plugin_;
  std::string plugin_error_;
  os::Time plugin_not_before_{};
  Credential last_;
  std::string config_stamp_;
  std::string config_problem_;
};

}  // namespace kube
