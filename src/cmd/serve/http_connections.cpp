#include "cmd/serve/http_connections.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>
#include <set>
#include <string_view>
#include <utility>

#include "cmd/serve/http_gzip.hpp"
#include "cmd/serve/log.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_head = 8192;
constexpr std::size_t most_accepted_at_once = 64;
// Even where descriptors are short: a probe of this process' health must get through.
constexpr std::size_t always_served = 4;
// After the answer, for the other side to close: what it still says must not reset what it reads.
constexpr auto leave_limit = 1s;

std::string_view reason_of(int code) {
  switch (code) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Unknown";
  }
}

std::string date(std::int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

std::string head_of(const HttpAnswer& answer, bool compressed, std::int64_t now) {
  std::string head =
      "HTTP/1.1 " + std::to_string(answer.code) + ' ' + std::string(reason_of(answer.code)) +
      "\r\nDate: " + date(now) + "\r\nContent-Type: " + answer.type +
      "\r\nContent-Length: " + std::to_string((compressed ? answer.gzip : answer.body).size()) +
      "\r\nCache-Control: no-store\r\nConnection: close\r\n";
  if (!answer.gzip.empty()) head += "Vary: Accept-Encoding\r\n";
  if (compressed) head += "Content-Encoding: gzip\r\n";
  if (answer.code == 405) head += "Allow: GET, HEAD\r\n";
  return head + "\r\n";
}

// The highest descriptor that a connection may have: descriptors are given from the lowest on, so
// one above it means that all below are in use.
int highest_descriptor(std::size_t kept_back) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX) return INT_MAX;
  return static_cast<int>(limit.rlim_cur - std::min<rlim_t>(kept_back, limit.rlim_cur / 4)) - 1;
}

}  // namespace

HttpConnections::HttpConnections(std::vector<os::Fd> listeners, const HttpLimits& limits,
                                 os::Clock clock, Asked asked, Left left)
    : counts_(listeners.size()),
      limits_(limits),
      clock_(std::move(clock)),
      asked_(std::move(asked)),
      left_(std::move(left)),
      highest_fd_(highest_descriptor(limits.kept_back)) {
  for (os::Fd& listener : listeners) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    local_.push_back(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0 &&
                     bound.ss_family == AF_UNIX);
    listeners_.emplace_back(std::move(listener), "health and metrics",
                            [](const std::string& text) { log::warning(text); });
  }
}

void HttpConnections::add_to(std::vector<pollfd>& fds) {
  const os::Time now = clock_.now();
  for (const os::Acceptor& listener : listeners_) fds.push_back({listener.fd(now), POLLIN, 0});
  polled_.clear();
  for (const auto& [id, connection] : connections_) {
    const short what = connection.state == State::writing ? POLLOUT : POLLIN;
    fds.push_back({connection.fd.get(), what, 0});
    polled_.push_back(id);
  }
}

void HttpConnections::take(std::span<const pollfd> fds) {
  for (std::size_t i = 0; i < polled_.size(); ++i) {
    if (fds[listeners_.size() + i].revents != 0) serve(polled_[i]);
  }
  const os::Time now = clock_.now();
  for (auto place = connections_.begin(); place != connections_.end();) {
    const auto next = std::next(place);
    if (place->second.until <= now) cut(place);
    place = next;
  }
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (fds[i].revents != 0) accept_from(i);
  }
}

os::Time HttpConnections::due() const {
  os::Time due = os::Time::max();
  for (const auto& [id, connection] : connections_) due = std::min(due, connection.until);
  for (const os::Acceptor& listener : listeners_) due = std::min(due, listener.due(clock_.now()));
  return due;
}

int HttpConnections::fd(Id id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? -1 : found->second.fd.get();
}

void HttpConnections::answer(Id id, Answer answer) {
  const auto place = connections_.find(id);
  if (place == connections_.end()) return;
  Connection& connection = place->second;
  const os::Time now = clock_.now();
  connection.answer = std::move(answer);
  connection.head = head_of(*connection.answer, connection.compressed(), clock_.unix_seconds());
  connection.state = State::writing;
  connection.since = now;
  connection.over = now + limits_.answer;
  connection.until = std::min(now + limits_.progress, connection.over);
  if (!write_to(connection)) return close(place);
  limit_answers();
}

void HttpConnections::accept_from(std::size_t listener) {
  for (std::size_t i = 0; i < most_accepted_at_once; ++i) {
    os::Fd fd = listeners_[listener].accept(clock_.now(), [this] { return make_room(nullptr); });
    if (!fd) return;
    if (fd.get() > highest_fd_ && connections_.size() >= always_served) make_room(nullptr);
    add(std::move(fd), listener);
  }
}

void HttpConnections::add(os::Fd fd, std::size_t listener) {
  if (counts_[listener] >= limits_.connections) make_room(&listener);
  const Id id = ++last_;
  ++counts_[listener];
  Connection& connection = connections_[id];
  connection.fd = std::move(fd);
  connection.listener = listener;
  connection.since = clock_.now();
  connection.until = connection.since + limits_.request;
  serve(id);  // the request mostly is there already
}

// Those whose turn it is come first, and who has its answer before all of them. What is waited for
// here is nobody's fault there.
bool HttpConnections::slower(const Connection& left, const Connection& right) {
  const auto rank = [](State state) {
    return state == State::leaving ? 0 : state == State::waiting ? 2 : 1;
  };
  return std::pair(rank(left.state), left.since) < std::pair(rank(right.state), right.since);
}

bool HttpConnections::make_room(const std::size_t* listener) {
  Place chosen = connections_.end();
  for (auto place = connections_.begin(); place != connections_.end(); ++place) {
    if (listener != nullptr && place->second.listener != *listener) continue;
    if (chosen == connections_.end() || slower(place->second, chosen->second)) chosen = place;
  }
  if (chosen == connections_.end()) return false;
  cut(chosen);
  return true;
}

// Answers may be large, and each that is not taken is memory.
void HttpConnections::limit_answers() {
  for (;;) {
    std::set<const HttpAnswer*> answers;
    Place slowest = connections_.end();
    for (auto place = connections_.begin(); place != connections_.end(); ++place) {
      if (place->second.state != State::writing) continue;
      answers.insert(place->second.answer.get());
      if (slowest == connections_.end() || slower(place->second, slowest->second)) slowest = place;
    }
    if (answers.size() <= limits_.answers) return;
    cut(slowest);
  }
}

void HttpConnections::serve(Id id) {
  const auto place = connections_.find(id);
  if (place == connections_.end()) return;
  Connection& connection = place->second;
  switch (connection.state) {
    case State::writing:
      if (!write_to(connection)) close(place);
      return;
    case State::leaving:
    case State::waiting:
      if (!drain(connection)) close(place);
      return;
    case State::reading:
      break;
  }
  if (!read_from(connection)) return close(place);
  const auto end = connection.end;
  if (!end && connection.head.size() <= longest_head) return;
  connection.state = State::waiting;
  connection.until = os::Time::max();  // whoever is asked says when it is over
  if (!end || *end > longest_head) {
    return answer(id, std::make_shared<HttpAnswer>(HttpAnswer{431, "the request is too long\n"}));
  }
  auto request = parse_head(std::string_view(connection.head).substr(0, *end));
  if (!request) {
    return answer(id, std::make_shared<HttpAnswer>(HttpAnswer{400, "this is not HTTP/1.1\n"}));
  }
  request->local = local_[connection.listener];
  connection.gzip = accepts_gzip(request->field("Accept-Encoding"));
  connection.head_only = request->method == HttpRequest::Method::head;
  asked_(id, *request);
}

bool HttpConnections::read_from(Connection& connection) {
  std::array<char, 4096> buffer;
  while (connection.head.size() <= longest_head) {
    const ssize_t size = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (size == 0) return false;
    const std::size_t before = connection.head.size();
    connection.head.append(buffer.data(), static_cast<std::size_t>(size));
    connection.end = end_of_head(connection.head, before);
    if (connection.end) return true;
  }
  return true;
}

bool HttpConnections::write_to(Connection& connection) {
  const std::string_view head = connection.head;
  const std::string_view body =
      connection.head_only ? std::string_view()
                           : std::string_view(connection.compressed() ? connection.answer->gzip
                                                                      : connection.answer->body);
  while (connection.sent < head.size() + body.size()) {
    const std::string_view rest = connection.sent < head.size()
                                      ? head.substr(connection.sent)
                                      : body.substr(connection.sent - head.size());
    const int more = connection.sent < head.size() && !body.empty() ? MSG_MORE : 0;
    const ssize_t size = send(connection.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL | more);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    connection.sent += static_cast<std::size_t>(size);
    connection.since = clock_.now();
    connection.until = std::min(connection.since + limits_.progress, connection.over);
  }
  connection.answer.reset();
  connection.state = State::leaving;
  connection.until = clock_.now() + leave_limit;
  shutdown(connection.fd.get(), SHUT_WR);
  return drain(connection);
}

// What it says behind its request: of no interest, but its end is.
bool HttpConnections::drain(Connection& connection) {
  std::array<char, 4096> buffer;
  for (int i = 0; i < 16; ++i) {
    const ssize_t size = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (size == 0) return false;
  }
  return true;
}

void HttpConnections::close(Place place) {
  const Id id = place->first;
  const bool asked = place->second.state == State::waiting;
  --counts_[place->second.listener];
  connections_.erase(place);
  if (asked) left_(id);
}

void HttpConnections::cut(Place place) {
  // What it was owed, it has: no more than politeness was waited for.
  if (place->second.state != State::leaving) ++cut_off_;
  close(place);
}

}  // namespace cmd
