// The plugin on a node: its file among the runtime's plugins, and its place in the runtime's
// configuration, which is kept while others rewrite it. What the configuration becomes is
// cni_chain's; here are the files.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cmd/agent/conflist.hpp"
#include "os/fd.hpp"

namespace cmd {

// Copies the running program to DIRECTORY/pona, with a link pona-cni, unless it is there already.
// Pods that start meanwhile find the old one or the new one. Throws core::Error.
void install_plugin(const std::filesystem::path& directory);
// Only after ConflistKeeper::uninstall(), and only where no pod is left that started with it: some
// runtimes call a pod's DEL with the configuration that its ADD had.
void remove_plugin(const std::filesystem::path& directory);

class ConflistKeeper {
 public:
  // The directory is made if need be. Throws core::Error.
  ConflistKeeper(std::filesystem::path directory, ChainOptions options);

  // Readable when step() may have something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  // Brings the directory in line with what it should be, however it came about, and returns what
  // was changed. Never waits; does not fail, but has problems. The first call is due before the
  // first wait.
  std::vector<std::string> step();

  // What keeps pona's plugin from being called, each with its file and what is wrong with it.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

  // Takes everything out again that the keeper, or one before it, put in. The keeper is of no more
  // use then.
  std::vector<std::string> uninstall();

 private:
  struct Changes {
    std::chrono::steady_clock::time_point since;
    int count = 0;
  };

  void await(const os::Fd& fd) const;
  int open_inotify();
  bool take_events();
  void watch();
  void arm(int milliseconds);
  bool may_change(const std::string& name);
  void apply(const ChainPlan& plan, const ChainFiles& files, std::vector<std::string>& done);
  [[nodiscard]] std::optional<std::string> read(const std::string& name) const;
  [[nodiscard]] ChainFiles read_all();

  std::filesystem::path directory_;
  ChainOptions options_;
  os::Fd inotify_;
  os::Fd timer_;
  os::Fd epoll_;
  int watch_ = -1;
  bool first_ = true;
  std::map<std::string, Changes> changes_;
  std::vector<std::string> problems_;
};

}  // namespace cmd
