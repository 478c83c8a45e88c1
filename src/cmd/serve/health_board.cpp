#include "cmd/serve/health_board.hpp"

#include <utility>

namespace cmd {
namespace {

// A loop that works on one step for longer is no longer healthy.
constexpr std::chrono::seconds stalled_after{10};

}  // namespace

void HealthBoard::begin(os::Time now) {
  const std::lock_guard lock(mutex_);
  busy_since_ = now;
}

void HealthBoard::post(bool ready, std::vector<std::string> troubles) {
  const std::lock_guard lock(mutex_);
  ready_ = ready;
  troubles_ = std::move(troubles);
  busy_since_.reset();
}

HttpAnswer HealthBoard::answer(bool readiness) {
  const std::lock_guard lock(mutex_);
  const bool stalled = busy_since_ && os::Time::clock::now() - *busy_since_ > stalled_after;
  if (!stalled && (ready_ || !readiness)) return {200, HttpAnswer().type, "ok\n"};
  std::string text;
  for (const std::string& trouble : troubles_) text += trouble + '\n';
  if (stalled) text += "the loop is busy for too long\n";
  return {503, HttpAnswer().type, text};
}

}  // namespace cmd
