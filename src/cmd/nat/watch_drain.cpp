#include "cmd/nat/watch_drain.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <utility>

#include "cmd/nat/status.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"
#include "net/kernel.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

constexpr os::Time::duration shortest_drain_pause = 500ms;

}  // namespace

DrainWatch::DrainWatch(std::vector<core::Family> families, LatestClients& known)
    : families_(std::move(families)), known_(known) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

std::optional<DrainWatch::Traffic> DrainWatch::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(found_, std::nullopt);
}

void DrainWatch::run(const std::stop_token& stop) {
  std::condition_variable_any stopped;
  while (!stop.stop_requested()) {
    const os::Time begun = os::Time::clock::now();
    Traffic found = look();
    std::unique_lock lock(mutex_);
    found_ = std::move(found);
    bell_.ring();
    const auto took = os::Time::clock::now() - begun;
    stopped.wait_for(lock, stop, std::max(shortest_drain_pause, 4 * took), [] { return false; });
  }
}

DrainWatch::Traffic DrainWatch::look() const {
  Traffic traffic;
  try {
    const auto kernel = net::open_kernel(core::nat_scope(), false);
    traffic.open = open_connections(*kernel, *known_.read());
    traffic.packets = packets_of_clients(*kernel, families_);
  } catch (const core::Error& error) {
    traffic.error = error.what();
  }
  return traffic;
}

}  // namespace cmd
