#include "kube/api/requests.hpp"

#include <algorithm>
#include <utility>

namespace kube {
namespace {

// Of single objects; an API server's limit is some megabytes.
constexpr std::size_t longest_body = std::size_t{16} << 20;

}  // namespace

std::uint64_t Exchanges::start(Request request, os::Time::duration limit) {
  const std::uint64_t id = transport_.start(std::move(request));
  Open& open = open_[id];
  open.reply.request = id;
  open.deadline = clock_.now() + limit;
  return id;
}

void Exchanges::cancel(std::uint64_t request) {
  if (open_.erase(request) > 0) transport_.cancel(request);
}

bool Exchanges::take(const Arrival& arrival) {
  const auto found = open_.find(arrival.request);
  if (found == open_.end()) return false;
  Reply& reply = found->second.reply;
  switch (arrival.kind) {
    case Arrival::Kind::head:
      reply.code = arrival.status;
      reply.retry_after = arrival.retry_after.value_or(std::chrono::seconds(0));
      break;
    case Arrival::Kind::body:
      reply.body.append(arrival.bytes, 0, longest_body - reply.body.size());
      break;
    case Arrival::Kind::end:
      reply.error = arrival.error;
      done_.push_back(std::move(reply));
      open_.erase(found);
      break;
  }
  return true;
}

std::vector<Reply> Exchanges::replies() {
  const os::Time now = clock_.now();
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->second.deadline > now) {
      ++at;
      continue;
    }
    transport_.cancel(at->first);
    at->second.reply.error = "the API server did not answer in time";
    done_.push_back(std::move(at->second.reply));
    at = open_.erase(at);
  }
  return std::exchange(done_, {});
}

os::Time Exchanges::due() const {
  if (!done_.empty()) return clock_.now();
  os::Time due = os::Time::max();
  for (const auto& [id, open] : open_) due = std::min(due, open.deadline);
  return due;
}

}  // namespace kube
