// The CNI plugin on the agent's node, kept where the container runtime finds it.
#pragma once

#include <string>
#include <vector>

#include "cmd/agent/install_plugin.hpp"
#include "os/clock.hpp"

namespace cmd {

struct AgentCniOptions {
  std::string bin;   // the runtime's directory of plugins
  std::string conf;  // and of its configuration
  ChainOptions chain;
};

class AgentCni {
 public:
  AgentCni(AgentCniOptions options, os::Clock clock);

  // Readable when step() may have something to do; due() is when it has, even so. Negative while
  // only time helps: see poll(2).
  [[nodiscard]] int fd() const { return blocked_ ? -1 : keeper_.fd(); }
  [[nodiscard]] os::Time due() const { return error_.empty() ? os::Time::max() : not_before_; }
  // Does not fail, but has problems: pods that have their network are served without the plugin.
  void step();
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  void copy();

  AgentCniOptions options_;
  os::Clock clock_;
  ConflistKeeper keeper_;
  bool copied_ = false;
  bool blocked_ = false;  // there is no plugin to be named
  os::Time not_before_{};
  std::string error_;
};

// Takes the entry out again and prints what was done; the exit status. The program stays: the
// runtime calls it once more for each pod that started with it.
int uninstall_cni(const std::string& conf);

}  // namespace cmd
