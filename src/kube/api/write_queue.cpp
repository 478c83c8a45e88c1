#include "kube/api/write_queue.hpp"

#include <algorithm>
#include <utility>

#include "kube/api/refusal.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

// So that a lease or a list does not wait behind a thousand of them.
constexpr std::size_t most_open = 4;
constexpr os::Time::duration patience = 10s;
constexpr std::chrono::seconds longest_pause = 8s;
constexpr std::chrono::seconds longest_pause_of_one = 300s;
// Somebody may have undone it once, and somebody else may undo it each time.
constexpr os::Time::duration first_pause_of_futile = 1s;
constexpr os::Time::duration longest_pause_of_futile = 60s;

std::size_t hash_of(const Request& request) {
  return std::hash<std::string>()(request.method + " " + request.target + " " + request.body);
}

std::chrono::milliseconds pause(int failures, std::chrono::seconds longest) {
  return std::min<std::chrono::milliseconds>(longest, 500ms * (1 << std::min(failures, 10)));
}

}  // namespace

Writes::Writes(Exchanges& exchanges, os::Clock clock, Next next, Written written)
    : exchanges_(exchanges),
      clock_(std::move(clock)),
      next_(std::move(next)),
      written_(std::move(written)) {}

void Writes::add(const core::ObjectName& name) {
  if (queued_.insert(name).second) queue_.push_back(name);
}

void Writes::forget(const core::ObjectName& name) {
  failures_.erase(name);
  later_.erase(name);
  sent_.erase(name);
}

void Writes::stop_leading() {
  for (auto at = open_.begin(); at != open_.end();) {
    if (!at->second.write.lead) {
      ++at;
      continue;
    }
    exchanges_.cancel(at->first);
    busy_.erase(at->second.name);
    sent_.erase(at->second.name);  // nobody knows what became of it
    add(at->second.name);
    at = open_.erase(at);
  }
}

os::Time Writes::due() const {
  const os::Time soonest = waiting_.empty() ? os::Time::max() : waiting_.begin()->first;
  if (queue_.empty() || open_.size() >= most_open) return soonest;
  return std::min(soonest, std::max(not_before_, clock_.now()));
}

void Writes::step() {
  const os::Time now = clock_.now();
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const core::ObjectName name = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    later_.erase(name);
    add(name);
  }
  while (!queue_.empty() && open_.size() < most_open && now >= not_before_) {
    const core::ObjectName name = std::move(queue_.front());
    queue_.pop_front();
    queued_.erase(name);
    // One that is being written is looked at again when that is done.
    if (busy_.contains(name) || later_.contains(name)) continue;
    auto write = next_(name);
    if (!write) continue;
    // What did not come to what it said may do so for ever.
    Sent& sent = sent_[name];
    if (const std::size_t hash = hash_of(write->request);
        sent.hash != hash || now >= sent.from + longest_pause_of_futile) {
      sent = {hash, {}, first_pause_of_futile};
    }
    if (now < sent.from) {
      wait(name, sent.from - now);
      continue;
    }
    sent.from = now + sent.pause;
    sent.pause = std::min(2 * sent.pause, longest_pause_of_futile);
    const std::uint64_t id = exchanges_.start(write->request, patience);
    busy_.insert(name);
    open_.emplace(id, Open{name, *std::move(write)});
  }
  // What was refused may have been done nevertheless, or nobody wants it any more.
  if (queue_.empty() && waiting_.empty() && open_.empty()) trouble_.clear();
}

bool Writes::take(const Reply& reply) {
  const auto found = open_.find(reply.request);
  if (found == open_.end()) return false;
  const Open open = std::move(found->second);
  open_.erase(found);
  busy_.erase(open.name);
  if (!reply.ok()) {
    refused(reply, open);
    return true;
  }
  troubles_ = 0;
  trouble_.clear();
  failures_.erase(open.name);
  written_(open.name, reply.body);
  if (open.write.done) open.write.done();
  // First what else is to be said of it: one object that is whole is worth more than two halves.
  if (queued_.insert(open.name).second) queue_.push_front(open.name);
  return true;
}

void Writes::refused(const Reply& reply, const Open& open) {
  sent_.erase(open.name);
  const std::string text = "cannot " + open.write.what + ": " + refusal_text(reply);
  const bool whole = reply.error.empty();
  if (whole && open.write.refused && open.write.refused(reply.code, text)) {
    failures_.erase(open.name);
    add(open.name);
  } else if (whole && (reply.code == 404 || reply.code == 409)) {
    // It is gone, or another one: the watch will tell.
    wait(open.name, pause(++failures_[open.name], longest_pause_of_one));
  } else if (whole && (reply.code == 400 || reply.code == 422)) {
    trouble_ = text;
    wait(open.name, pause(++failures_[open.name] + 3, longest_pause_of_one));
  } else if (whole && reply.code == 403 && open.write.forbidden) {
    open.write.forbidden(text);
    add(open.name);
  } else {
    trouble_ = text;
    // Also a permission that is missing: others grant it, at a start right after us.
    not_before_ = clock_.now() + std::max<os::Time::duration>(reply.retry_after,
                                                              pause(troubles_++, longest_pause));
    add(open.name);
  }
}

void Writes::wait(const core::ObjectName& name, os::Time::duration time) {
  const os::Time until = clock_.now() + time;
  later_[name] = until;
  waiting_.emplace(until, name);
}

}  // namespace kube
