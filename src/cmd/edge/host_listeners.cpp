#include "cmd/edge/host_listeners.hpp"

#include <chrono>
#include <utility>

#include "core/error.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds listeners_pause = 5s;
constexpr std::chrono::seconds gone_for_good = 30s;

}  // namespace

std::optional<core::Listeners> HostListeners::look() {
  const os::Time begun = clock_.now();
  if (begun < not_before_) return std::nullopt;
  due_ = begun + listeners_pause;
  core::Listeners listeners;
  try {
    listeners = read_();
    warning_.clear();
  } catch (const core::Error& error) {
    // Not every kernel tells. Traffic is worth more than this.
    warning_ =
        std::string("claims on ports at which this host itself listens cannot be told from ") +
        "others, and take effect: " + error.what();
    return std::nullopt;
  }
  const os::Time now = clock_.now();
  not_before_ = now + 4 * (now - begun);
  for (const core::Listener& listener : listeners) seen_.insert_or_assign(listener, now);
  std::erase_if(seen_, [&](const auto& entry) { return now - entry.second >= gone_for_good; });
  for (const auto& [listener, last] : seen_) listeners.insert(listener);
  return listeners;
}

}  // namespace cmd
