#include "kube/api/credentials.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "kube/decode/field.hpp"
#include "os/read_file.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_trust = 60s;

// Distinguishes the versions of a file; empty where there is none.
std::string stamp_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  const auto time = [](const timespec& t) {
    return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec) + " ";
  };
  return std::to_string(status.st_dev) + " " + std::to_string(status.st_ino) + " " +
         std::to_string(status.st_size) + " " + time(status.st_mtim) + time(status.st_ctim);
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string bearer(const std::string& token, const std::string& what) {
  // A line break would end the header.
  if (std::any_of(token.begin(), token.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) {
    throw core::Error(core::Error::Kind::transient,
                      what + ": the token holds spaces or control characters");
  }
  return "Bearer " + token;
}

std::string of_user(const std::string& field, const User& user) {
  return field + " of user " + quote(user.name);
}

}  // namespace

const std::string& FreshFile::text(os::Time now) {
  std::string stamp = stamp_of(path_);
  if (read_at_ && stamp == stamp_ && now - *read_at_ < longest_trust) return text_;
  // A change while it is read leaves an old stamp behind, and it is read again.
  stamp_ = std::move(stamp);
  read_at_ = now;
  std::string text;
  std::string wrong;
  try {
    text = trimmed(os::read_file(path_));
    if (text.empty()) wrong = "is empty";
  } catch (const core::Error& error) {
    wrong = error.what();
  }
  if (wrong.empty()) {
    text_ = std::move(text);
    had_ = true;
    problem_.clear();
    return text_;
  }
  problem_ = what_ + ": " + path_ + " " + wrong;
  if (!had_) {
    read_at_.reset();
    throw core::Error(core::Error::Kind::transient, problem_);
  }
  problem_ += "; what was read before stays in use";
  return text_;
}

Credentials::Credentials(ClientConfig config, os::Clock clock,
                         std::chrono::milliseconds plugin_limit, int abandon_fd)
    : config_(std::move(config)),
      clock_(std::move(clock)),
      plugin_limit_(plugin_limit),
      abandon_fd_(abandon_fd),
      config_stamp_(config_stamp()) {
  watch_files();
}

void Credentials::watch_files() {
  const auto watch = [&](std::optional<FreshFile>& file, const std::string& path,
                         const std::string& what) {
    file.reset();
    if (!path.empty()) file.emplace(path, what);
  };
  const User& user = config_.user;
  const Pem& ca = config_.cluster.ca;
  watch(ca_, ca.file, ca.field + " of cluster " + quote(config_.cluster.name));
  watch(certificate_, user.certificate.file, of_user("client-certificate", user));
  watch(key_, user.key.file, of_user("client-key", user));
  watch(token_, user.token_file, of_user("tokenFile", user));
}

std::string Credentials::ca() { return ca_ ? ca_->text(clock_.now()) : config_.cluster.ca.data; }

std::string Credentials::config_stamp() const {
  std::string stamps;
  for (const std::string& file : config_.files) stamps += stamp_of(file) + "\n";
  return stamps;
}

// Who may connect, and where to, may change at any time: an operator or a tool writes the
// kubeconfig anew. What cannot be read changes nothing.
void Credentials::follow_config() {
  std::string stamp = config_stamp();
  if (stamp == config_stamp_) return;
  config_stamp_ = std::move(stamp);
  try {
    ClientConfig config = load_config(config_.choice, process_environment());
    config.trust = config_.trust;
    config_problem_.clear();
    if (config == config_) return;
    config_ = std::move(config);
    watch_files();
    plugin_.reset();
    plugin_error_.clear();
    plugin_not_before_ = {};
  } catch (const core::Error& error) {
    config_problem_ = std::string(error.what()) + "; what was read before stays in use";
  }
}

Credential Credentials::get() {
  follow_config();
  Credential credential;
  credential.ca = ca();
  fill(credential);
  credential.revision = last_.revision;
  if (credential != last_) {
    ++credential.revision;
    last_ = credential;
  }
  return credential;
}

void Credentials::fill(Credential& credential) {
  const User& user = config_.user;
  const os::Time now = clock_.now();
  credential.certificate = certificate_ ? certificate_->text(now) : user.certificate.data;
  credential.key = key_ ? key_->text(now) : user.key.data;
  if (user.exec) {
    fill_by_plugin(credential);
  } else if (token_ && user.token.empty()) {
    credential.authorization = bearer(token_->text(now), of_user("tokenFile", user));
  } else if (token_) {
    std::string token = user.token;
    try {
      token = token_->text(now);
    } catch (const core::Error&) {  // told by problems(); the token beside it does
    }
    credential.authorization = bearer(token, of_user("token", user));
  } else if (!user.token.empty()) {
    credential.authorization = bearer(user.token, of_user("token", user));
  } else if (!user.username.empty() || !user.password.empty()) {
    credential.authorization = "Basic " + encode_base64(user.username + ":" + user.password);
  }
}

void Credentials::fill_by_plugin(Credential& credential) {
  if (plugin_ && plugin_->expires && *plugin_->expires <= clock_.unix_seconds()) plugin_.reset();
  if (!plugin_) {
    const os::Time begun = clock_.now();
    // Several requests that wait for it are not to run a broken plugin for each of them.
    if (begun < plugin_not_before_) {
      throw core::Error(core::Error::Kind::transient, plugin_error_);
    }
    try {
      plugin_ = run_plugin(*config_.user.exec, config_.cluster, credential.ca, plugin_limit_,
                           abandon_fd_);
      plugin_error_.clear();
    } catch (const core::Error& error) {
      plugin_error_ = error.what();
      const os::Time now = clock_.now();
      plugin_not_before_ = now + std::max<os::Time::duration>(1s, now - begun);
      throw;
    }
  }
  if (!plugin_->token.empty()) {
    credential.authorization =
        bearer(plugin_->token, "credential plugin " + config_.user.exec->command);
  }
  if (!plugin_->certificate.empty()) {
    credential.certificate = plugin_->certificate;
    credential.key = plugin_->key;
  }
}

void Credentials::reject(std::uint64_t revision) {
  if (revision != last_.revision) return;  // it was replaced since
  plugin_.reset();
  for (auto* file : {&token_, &certificate_, &key_}) {
    if (*file) (*file)->forget();
  }
}

std::vector<std::string> Credentials::problems() const {
  std::vector<std::string> problems;
  for (const auto* file : {&ca_, &certificate_, &key_, &token_}) {
    if (*file && !(*file)->problem().empty()) problems.push_back((*file)->problem());
  }
  if (!plugin_error_.empty()) problems.push_back(plugin_error_);
  if (!config_problem_.empty()) problems.push_back(config_problem_);
  return problems;
}

}  // namespace kube
