#include "cmd/agent/namespace_events.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "cmd/serve/log.hpp"
#include "core/error.hpp"
#include "net/netns.hpp"

namespace cmd {

void AgentMonitors::follow() {
  std::erase_if(monitors_, [&](const auto& entry) {
    const auto client = loop_.clients().find(entry.first);
    return client == loop_.clients().end() || !client->second.asks || client->second.gone ||
           client->second.sandbox.netns != entry.second.netns ||
           client->second.sandbox.cookie != entry.second.cookie;
  });
  for (const auto& [key, client] : loop_.clients()) {
    if (client.asks && !client.gone && !monitors_.contains(key)) open(key, client.sandbox);
  }
}

// One that cannot be opened is no reason to stop: the client is looked at from time to time anyway.
void AgentMonitors::open(const std::string& key, const Sandbox& sandbox) {
  try {
    const net::Namespace netns = net::Namespace::open(sandbox.netns);
    if (!sandbox.cookie.empty() && netns_cookie(netns) != sandbox.cookie) return;
    std::optional<net::PathMonitor> monitor;
    netns.run([&] { monitor.emplace(); });
    monitors_.emplace(key, Monitor{sandbox.netns, sandbox.cookie, *std::move(monitor)});
  } catch (const core::Error& error) {
    log::debug("cannot follow a pod's interfaces", {{"error", error.what()}});
  }
}

void AgentMonitors::add_to(std::vector<pollfd>& fds) const {
  for (const auto& [key, monitor] : monitors_) fds.push_back({monitor.monitor.fd(), POLLIN, 0});
}

void AgentMonitors::take(const std::vector<pollfd>& fds) {
  for (auto& [key, monitor] : monitors_) {
    const int fd = monitor.monitor.fd();
    const bool ready = std::ranges::any_of(
        fds, [fd](const pollfd& polled) { return polled.fd == fd && polled.revents != 0; });
    if (ready && monitor.monitor.drain()) loop_.look_again(key);
  }
}

}  // namespace cmd
