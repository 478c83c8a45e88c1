#include "kube/api/http.hpp"

#include <curl/curl.h>
#include <strings.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "kube/api/http_transfer.hpp"
#include "kube/api/rate_limit.hpp"
#include "os/fd.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using Multi = std::unique_ptr<CURLM, MultiDeleter>;

class CurlHttp : public Http {
 public:
  CurlHttp(Credentials& credentials, os::Clock clock, HttpOptions options);
  ~CurlHttp() override;

  std::uint64_t start(Request request) override;
  void cancel(std::uint64_t request) override;
  std::vector<Arrival> take() override;
  [[nodiscard]] int fd() const override { return epoll_.get(); }
  [[nodiscard]] os::Time due() const override;

 private:
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void* known);
  static int on_timer(CURLM*, long milliseconds, void* self);
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* transfer);
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* transfer);

  static void take_header(const char* data, std::size_t size, Transfer& from);
  void take_body(std::string_view data, Transfer& from);
  void begin(Transfer& transfer);
  void tell_head(Transfer& transfer);
  void drive();
  void finish();
  void end(std::uint64_t id, std::string error);

  Credentials& credentials_;
  os::Clock clock_;
  HttpOptions options_;
  RateLimit limit_;
  os::Fd epoll_;
  std::uint64_t last_id_ = 0;
  std::optional<os::Time> timer_;
  std::map<std::uint64_t, std::unique_ptr<Transfer>> transfers_;
  std::deque<std::uint64_t> waiting_;  // for the rate limit
  std::vector<Arrival> arrivals_;
  Multi multi_;  // goes first: its callbacks use the rest
};

CurlHttp::CurlHttp(Credentials& credentials, os::Clock clock, HttpOptions options)
    : credentials_(credentials),
      clock_(std::move(clock)),
      options_(std::move(options)),
      limit_(options_.requests_per_second, options_.burst),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_ALL); });
  multi_.reset(curl_multi_init());
  if (!multi_ || epoll_.get() < 0) {
    throw core::Error(
        core::Error::Kind::transient,
        std::string("cannot set up curl: ") + (multi_ ? std::strerror(errno) : "out of memory"));
  }
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
}

CurlHttp::~CurlHttp() {
  for (const auto& [id, transfer] : transfers_) {
    if (transfer->easy) curl_multi_remove_handle(multi_.get(), transfer->easy.get());
  }
}

int CurlHttp::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  const int epoll = static_cast<CurlHttp*>(self)->epoll_.get();
  epoll_event event{};
  event.data.fd = socket;
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, socket, &event);
  } else if (epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0) {
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
  }
  return 0;
}

int CurlHttp::on_timer(CURLM*, long milliseconds, void* self) {
  auto& http = *static_cast<CurlHttp*>(self);
  http.timer_.reset();
  if (milliseconds >= 0) http.timer_ = http.clock_.now() + std::chrono::milliseconds(milliseconds);
  return 0;
}

// Nothing may be thrown through curl, which is C: what does not fit into memory ends its transfer.
template <class Work>
std::size_t taken(std::size_t size, Work work) noexcept {
  try {
    work();
    return size;
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

// A watch of what does not change has no body for a minute: that it is open is told before.
std::size_t CurlHttp::on_header(char* data, std::size_t, std::size_t size, void* transfer) {
  return taken(size, [&] { take_header(data, size, *static_cast<Transfer*>(transfer)); });
}

void CurlHttp::take_header(const char* data, std::size_t size, Transfer& from) {
  long status = 0;
  curl_easy_getinfo(from.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  constexpr std::string_view date = "date:";
  if (size > date.size() && strncasecmp(data, date.data(), date.size()) == 0) {
    const std::string value(data + date.size(), size - date.size());
    const std::time_t time = curl_getdate(value.c_str(), nullptr);
    from.date = time < 0 ? std::nullopt : std::optional<std::int64_t>(time);
  }
  const bool last = size > 0 && (data[0] == '\r' || data[0] == '\n');
  // Below 200 another head follows.
  if (last && status >= 200) static_cast<CurlHttp*>(from.owner)->tell_head(from);
}

std::size_t CurlHttp::on_body(char* data, std::size_t, std::size_t size, void* transfer) {
  auto& from = *static_cast<Transfer*>(transfer);
  auto& http = *static_cast<CurlHttp*>(from.owner);
  return taken(size, [&] { http.take_body({data, size}, from); });
}

void CurlHttp::take_body(std::string_view data, Transfer& from) {
  tell_head(from);
  if (!arrivals_.empty() && arrivals_.back().request == from.id &&
      arrivals_.back().kind == Arrival::Kind::body) {
    arrivals_.back().bytes.append(data);
  } else {
    arrivals_.push_back({from.id, Arrival::Kind::body, 0, {}, std::string(data), {}});
  }
}

std::uint64_t CurlHttp::start(Request request) {
  auto transfer = std::make_unique<Transfer>();
  transfer->owner = this;
  transfer->id = ++last_id_;
  transfer->request = std::move(request);
  transfers_.emplace(last_id_, std::move(transfer));
  waiting_.push_back(last_id_);
  return last_id_;
}

void CurlHttp::cancel(std::uint64_t request) {
  const auto found = transfers_.find(request);
  if (found != transfers_.end()) {
    if (found->second->easy) {
      curl_multi_remove_handle(multi_.get(), found->second->easy.get());
    }
    transfers_.erase(found);
  }
  std::erase_if(arrivals_, [&](const Arrival& arrival) { return arrival.request == request; });
}

os::Time CurlHttp::due() const {
  os::Time due = os::Time::max();
  if (!arrivals_.empty()) return os::Time{};
  if (timer_) due = *timer_;
  if (!waiting_.empty()) {
    RateLimit limit = limit_;
    due = std::min(due, limit.due(clock_.now()));
  }
  return due;
}

std::vector<Arrival> CurlHttp::take() {
  while (!waiting_.empty()) {
    const auto found = transfers_.find(waiting_.front());
    if (found != transfers_.end()) {
      if (!limit_.take(clock_.now())) break;
      begin(*found->second);
    }
    waiting_.pop_front();
  }
  drive();
  finish();
  return std::exchange(arrivals_, {});
}

void CurlHttp::begin(Transfer& transfer) {
  try {
    set_up(transfer, credentials_.config(), credentials_.get(), options_);
    const auto set = [&](CURLoption option, auto value) {
      curl_easy_setopt(transfer.easy.get(), option, value);
    };
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_HEADERDATA, &transfer);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_PRIVATE, &transfer);
    if (curl_multi_add_handle(multi_.get(), transfer.easy.get()) != CURLM_OK) {
      throw core::Error(core::Error::Kind::transient, "cannot hand a request to curl");
    }
  } catch (const core::Error& error) {
    end(transfer.id, error.what());
  }
}

void CurlHttp::drive() {
  std::array<epoll_event, 32> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), events.size(), 0);
  int running = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(multi_.get(), event.data.fd, what, &running);
  }
  if (timer_ && *timer_ <= clock_.now()) {
    timer_.reset();  // curl sets it again where it needs to
    curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void CurlHttp::tell_head(Transfer& transfer) {
  if (std::exchange(transfer.headed, true)) return;
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RETRY_AFTER, &retry_after);
  Arrival head{transfer.id, Arrival::Kind::head, static_cast<int>(status), {}, {}, {}};
  if (retry_after > 0) head.retry_after = std::chrono::seconds(retry_after);
  head.date = transfer.date;
  if (status == 401) credentials_.reject(transfer.revision);
  arrivals_.push_back(std::move(head));
}

void CurlHttp::finish() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;
    CURL* const easy = message->easy_handle;
    char* from = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &from);
    auto& transfer = *reinterpret_cast<Transfer*>(from);
    if (result == CURLE_OK) tell_head(transfer);
    std::string error =
        result == CURLE_OK ? std::string() : describe(transfer, credentials_.config(), result);
    curl_multi_remove_handle(multi_.get(), easy);
    end(transfer.id, std::move(error));
  }
}

void CurlHttp::end(std::uint64_t id, std::string error) {
  arrivals_.push_back({id, Arrival::Kind::end, 0, {}, {}, std::move(error)});
  transfers_.erase(id);
}

}  // namespace

std::unique_ptr<Http> open_http(Credentials& credentials, os::Clock clock, HttpOptions options) {
  return std::make_unique<CurlHttp>(credentials, std::move(clock), std::move(options));
}

}  // namespace kube
