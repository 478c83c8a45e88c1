#include "cmd/agent/plugin_upkeep.hpp"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <utility>

#include "cmd/print.hpp"
#include "cmd/serve/log.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds retry = 5s;

bool is_there(const std::string& directory) {
  return access((std::filesystem::path(directory) / "pona-cni").c_str(), F_OK) == 0;
}

}  // namespace

AgentCni::AgentCni(AgentCniOptions options, os::Clock clock)
    : options_(std::move(options)),
      clock_(std::move(clock)),
      keeper_(options_.conf, options_.chain) {}

void AgentCni::step() {
  // The first time in any case: it may be the plugin of another version.
  if ((!copied_ || !is_there(options_.bin)) && clock_.now() >= not_before_) copy();
  // A runtime that is told of a plugin that it does not find starts no pod at all.
  blocked_ = !is_there(options_.bin);
  if (blocked_) return;
  for (const std::string& change : keeper_.step()) {
    log::info("CNI configuration", {{"directory", options_.conf}, {"change", change}});
  }
}

void AgentCni::copy() {
  try {
    install_plugin(options_.bin);
    copied_ = true;
    error_.clear();
  } catch (const core::Error& error) {
    error_ = std::string("the CNI plugin: ") + error.what();
    not_before_ = clock_.now() + retry;
  }
}

std::vector<std::string> AgentCni::problems() const {
  std::vector<std::string> problems = keeper_.problems();
  if (!error_.empty()) problems.insert(problems.begin(), error_);
  return problems;
}

int uninstall_cni(const std::string& conf) {
  if (!std::filesystem::exists(conf)) return 0;
  ConflistKeeper keeper(conf, {});
  for (const std::string& change : keeper.uninstall()) print_line(std::cout, change);
  for (const std::string& problem : keeper.problems()) {
    print_line(std::cerr, "pona agent: " + problem);
  }
  return keeper.problems().empty() ? 0 : 1;
}

}  // namespace cmd
