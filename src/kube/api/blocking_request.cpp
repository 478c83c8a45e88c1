#include "kube/api/blocking_request.hpp"

#include <poll.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace kube {
namespace {

using namespace std::chrono_literals;

constexpr int most_repetitions = 4;
constexpr std::size_t longest_answer = std::size_t{512} << 20;
constexpr std::chrono::milliseconds zero = 0ms;
constexpr std::chrono::milliseconds most_wait = 1h;

std::chrono::milliseconds until(os::Time when, os::Time now) {
  if (when <= now) return zero;
  return std::min(std::chrono::ceil<std::chrono::milliseconds>(
                      std::min(when - now, os::Time::duration(most_wait))),
                  most_wait);
}

}  // namespace

Caller::Caller(ClientConfig config, std::string user_agent, std::chrono::milliseconds limit)
    : clock_(os::system_clock()),
      limit_(limit),
      credentials_(std::move(config), clock_),
      http_(open_http(credentials_, clock_, {std::move(user_agent)})) {}

std::string Caller::server() const {
  const Url& url = config().cluster.server;
  return url.scheme + "://" + url.authority();
}

Answer Caller::call(const Request& request, const std::string& attempt) {
  const os::Time deadline = clock_.now() + limit_;
  const User& user = config().user;
  bool renewable = user.exec || !user.token_file.empty() || !user.certificate.file.empty();
  for (int repetition = 0;; ++repetition) {
    std::chrono::seconds retry_after = 0s;
    Answer answer = once(request, attempt, deadline, retry_after);
    const bool busy = answer.code == 429 ||
                      (answer.code >= 500 && retry_after.count() > 0 && request.method == "GET");
    if (answer.code == 401 && std::exchange(renewable, false)) continue;
    const auto wait = std::max(retry_after, 1s);
    if (!busy || repetition == most_repetitions || clock_.now() + wait >= deadline) return answer;
    std::this_thread::sleep_for(wait);
  }
}

Answer Caller::once(const Request& request, const std::string& attempt, os::Time deadline,
                    std::chrono::seconds& retry_after) {
  const std::uint64_t id = http_->start(request);
  const auto fail = [&](const std::string& why) {
    http_->cancel(id);
    return core::Error(core::Error::Kind::transient, "cannot " + attempt + ": " + why);
  };
  Answer answer;
  for (;;) {
    for (Arrival& arrival : http_->take()) {
      if (arrival.request != id) continue;
      if (arrival.kind == Arrival::Kind::head) {
        answer.code = arrival.status;
        answer.date = arrival.date;
        retry_after = arrival.retry_after.value_or(0s);
      } else if (arrival.kind == Arrival::Kind::body) {
        answer.body += arrival.bytes;
        if (answer.body.size() > longest_answer) throw fail("an answer of more than 512 MiB");
      } else if (!arrival.error.empty()) {
        throw fail(arrival.error);
      } else {
        if (answer.ok()) return answer;
        answer.status = EventDecoder({}).status(answer.code, answer.body);
        retry_after = std::max(retry_after,
                               std::chrono::seconds(answer.status.retry_after_seconds.value_or(0)));
        return answer;
      }
    }
    const os::Time now = clock_.now();
    if (now >= deadline) {
      throw fail(server() + " did not answer within " +
                 std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit_).count()) +
                 " s");
    }
    pollfd fd{http_->fd(), POLLIN, 0};
    poll(&fd, 1, static_cast<int>(until(std::min(deadline, http_->due()), now).count()));
  }
}

core::Error Caller::refused(const Answer& answer, const std::string& attempt) const {
  const Status& status = answer.status;
  const std::string said = std::to_string(answer.code) +
                           (status.reason.empty() ? "" : " " + status.reason) + ": " +
                           status.message;
  const bool transient = answer.code == 429 || answer.code >= 500;
  const auto kind = transient ? core::Error::Kind::transient : core::Error::Kind::permanent;
  if (answer.code == 401) {
    return {kind, server() + " does not accept the credential of " + config().origin + " (" + said +
                      "): cannot " + attempt};
  }
  if (answer.code == 403) return {kind, "not allowed to " + attempt + ": " + status.message};
  return {kind, "cannot " + attempt + ", " + server() + " says " + said};
}

}  // namespace kube
