// What a reflector makes of answers that are no list and no watch, and of none.
#include <algorithm>
#include <utility>

#include "kube/api/reflector.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_delay = 500ms;
constexpr os::Time::duration longest_retry_after = 10min;  // a wrong one must not stop us for good
constexpr os::Time::duration gone_pause = 5s;              // one 410 soon after another is no news
// An API server that has just started refuses what it will grant in a moment.
constexpr os::Time::duration warming_up = 5s;
constexpr os::Time::duration disorder_pause = 10s;  // a server may have no order at all

}  // namespace

// The server said no: to a request, or in a stream.
void Reflector::refused(const Status& status) {
  const std::string answer = std::to_string(status.code) +
                             (status.reason.empty() ? "" : " " + status.reason) + ": " +
                             status.message;
  const os::Time::duration wait =
      std::max(retry_after_,
               os::Time::duration(std::chrono::seconds(status.retry_after_seconds.value_or(0))));
  const bool streaming = phase_ == Phase::streaming;
  if (status.gone()) {
    gone(answer);
    return;
  }
  if (streaming && (status.code == 400 || status.code == 422)) {
    pages_only_ = true;
    not_before_ = clock_.now();
    return;
  }
  if (status.code == 400) next_.clear();  // the token is no good: from the start
  // A version that no server takes any more must not be asked for for ever.
  if (phase_ == Phase::watching && status.code != 401 && status.code != 403 && status.code != 429 &&
      (++refusals_ >= 3 || status.version_too_large || status.code == 400)) {
    version_.clear();
    refusals_ = 0;
  }
  refused_ = resource_.optional && (status.code == 403 || status.code == 404);
  if (refused_ && !synced_) cache_.forget_seeded();
  if ((status.code == 403 || status.code == 429) && clock_.now() < back_since_ + warming_up) {
    const std::string before = trouble_;
    fail("", wait);
    trouble_ = before;
    return;
  }
  if (status.code == 403) {
    fail("not allowed to " + verb() + " " + resource_.name() + ": " + status.message +
             "; grant verbs list and watch on it to this user",
         wait);
  } else if (status.code == 401) {
    fail("the API server does not accept the credential (" + answer + ")", wait);
  } else if (status.code == 404) {
    fail("the API server has no " + resource_.name() + " in version " + resource_.version + " (" +
             answer + "): is its CustomResourceDefinition installed?",
         wait);
    if (refused_) trouble_.clear();
  } else {
    fail("cannot " + verb() + " " + resource_.name() + ": " + answer, wait);
  }
}

// What was asked from is no longer known: all is listed anew, at once the first time.
void Reflector::gone(const std::string& why) {
  version_.clear();
  // A token that expired is asked for no more.
  const bool again = next_.empty() && clock_.now() < gone_ + gone_pause;
  if (!next_.empty()) unlimited_ = true;
  next_.clear();
  gone_ = clock_.now();
  if (again) {
    fail(why);
    return;
  }
  trouble_.clear();
  delay_ = {};
  not_before_ = clock_.now();
}

// A watch tells versions in their order (Kubernetes API concepts, "Resource versions"). One that
// does not has kept something back, or has said that a list is whole when it was not; nobody will
// say it again, so all is listed anew.
void Reflector::disordered() {
  leave();
  version_.clear();
  const bool again = clock_.now() < disordered_ + disorder_pause;
  disordered_ = clock_.now();
  fail("the watch brought what is older than what it had brought before: listing all anew",
       again ? disorder_pause : os::Time::duration());
}

void Reflector::fail(const std::string& why, os::Time::duration least) {
  trouble_ = why;
  delay_ = std::clamp(delay_ * 2, first_delay, longest_delay_);
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(delay_ * (0.5 + clock_.chance() / 2));
  not_before_ =
      clock_.now() + std::max<os::Time::duration>(wait, std::min(least, longest_retry_after));
}

void Reflector::calm() {
  trouble_.clear();
  unreadable_ = false;
  delay_ = {};
  refusals_ = 0;
}

std::string Reflector::verb() const { return phase_ == Phase::paging ? "list" : "watch"; }

}  // namespace kube
