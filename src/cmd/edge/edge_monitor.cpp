#include "cmd/edge/edge_monitor.hpp"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <sys/eventfd.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/error.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

// Scrapes closer together share one reading of the counters.
constexpr auto fresh = 1s;
// A loop that takes longer to answer is said to be busy.
constexpr auto patience = 5s;
constexpr int idle_seconds = 10;
constexpr ev_ssize_t most_header_bytes = 8192;
constexpr ev_ssize_t most_body_bytes = 1024;

struct BaseDeleter {
  void operator()(event_base* base) const { event_base_free(base); }
};
struct EventDeleter {
  void operator()(event* event) const { event_free(event); }
};
struct HttpDeleter {
  void operator()(evhttp* http) const { evhttp_free(http); }
};
using Base = std::unique_ptr<event_base, BaseDeleter>;
using Event = std::unique_ptr<event, EventDeleter>;
using Http = std::unique_ptr<evhttp, HttpDeleter>;

constexpr const char* plain = "text/plain; charset=utf-8";
constexpr const char* prometheus = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* json = "application/json";

void reply(evhttp_request* request, int code, const char* type, std::string body) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", type);
  evhttp_add_header(headers, "Cache-Control", "no-store");
  evbuffer* out = evhttp_request_get_output_buffer(request);
  if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
    evhttp_add_header(headers, "Content-Length", std::to_string(body.size()).c_str());
  } else {
    // Metrics of many Mappings are large: sent from where they are.
    auto kept = std::make_unique<std::string>(std::move(body));
    const auto drop = [](const void*, std::size_t, void* text) {
      delete static_cast<std::string*>(text);
    };
    if (evbuffer_add_reference(out, kept->data(), kept->size(), drop, kept.get()) == 0) {
      static_cast<void>(kept.release());
    }
  }
  evhttp_send_reply(request, code, nullptr, nullptr);
}

std::string lines(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text + '\n';
  return all;
}

}  // namespace

class EdgeMonitor::Server {
 public:
  Server(EdgeBoard& board, const std::vector<os::Fd>& listeners)
      : board_(board),
        stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        base_(event_base_new()),
        http_(base_ ? evhttp_new(base_.get()) : nullptr) {
    if (!stop_ || !http_) refuse();
    evhttp_set_timeout(http_.get(), idle_seconds);
    evhttp_set_max_headers_size(http_.get(), most_header_bytes);
    evhttp_set_max_body_size(http_.get(), most_body_bytes);
    // All that libevent knows, so that what is not served is told by 405 and not cut off.
    evhttp_set_allowed_methods(http_.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                                EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(
        http_.get(),
        [](evhttp_request* request, void* self) { static_cast<Server*>(self)->answer(request); },
        this);
    for (const os::Fd& listener : listeners) {
      // evhttp closes what it is given.
      const int copy = fcntl(listener.get(), F_DUPFD_CLOEXEC, 0);
      if (copy < 0 || evhttp_accept_socket(http_.get(), copy) != 0) refuse();
    }
    const timeval second{1, 0};
    stop_event_ = handle<&Server::stop>(stop_.get(), EV_READ, nullptr);
    posted_event_ = handle<&Server::serve_waiting>(board_.posted_fd(), EV_READ, nullptr);
    patience_event_ = handle<&Server::give_up>(-1, 0, &second);
    thread_ = std::thread([this] { event_base_dispatch(base_.get()); });
  }

  ~Server() {
    static_cast<void>(!eventfd_write(stop_.get(), 1));
    thread_.join();
  }

 private:
  struct Waiting {
    evhttp_request* request;
    evhttp_connection* connection;
    bool metrics;
    os::Time until;
  };

  [[noreturn]] static void refuse() {
    throw core::Error(core::Error::Kind::transient, "cannot start the HTTP server: out of memory");
  }

  template <void (Server::*Handle)()>
  Event handle(int fd, short what, const timeval* every) {
    Event event(event_new(
        base_.get(), fd, static_cast<short>(what | EV_PERSIST),
        [](evutil_socket_t, short, void* self) { (static_cast<Server*>(self)->*Handle)(); }, this));
    if (!event || event_add(event.get(), every) != 0) refuse();
    return event;
  }

  void stop() { event_base_loopbreak(base_.get()); }

  static os::Time now() { return os::Time::clock::now(); }

  void answer(evhttp_request* request) {
    const evhttp_cmd_type method = evhttp_request_get_command(request);
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
      evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
      reply(request, HTTP_BADMETHOD, plain, "only GET and HEAD are served\n");
      return;
    }
    const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
    const char* text = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
    const std::string_view path = text == nullptr ? "" : text;
    if (path == "/healthz" || path == "/readyz" || path == "/healthcheck") {
      health(request, path);
    } else if (path == "/metrics" || path == "/status") {
      wait_for_status(request, path == "/metrics");
    } else {
      reply(request, HTTP_NOTFOUND, plain,
            "served: /healthz /readyz /healthcheck /metrics /status\n");
    }
  }

  void health(evhttp_request* request, std::string_view path) {
    const EdgeHealth health = board_.health();
    const EdgeVerdict verdict = judge(health, now());
    const bool good = path == "/readyz" ? verdict.ready : verdict.healthy;
    if (!good) {
      reply(request, HTTP_SERVUNAVAIL, plain, lines(verdict.troubles));
    } else if (path == "/healthcheck") {
      reply(request, HTTP_OK, plain, "OK " + rfc3339(health.last_sync) + '\n');
    } else {
      reply(request, HTTP_OK, plain, "ok\n");
    }
  }

  void wait_for_status(evhttp_request* request, bool metrics) {
    if (metrics) {
      if (const auto status = board_.status(now(), fresh)) {
        serve(request, metrics, *status);
        return;
      }
    }
    evhttp_connection* connection = evhttp_request_get_connection(request);
    // A client that leaves takes its request with it.
    evhttp_connection_set_closecb(
        connection,
        [](evhttp_connection* gone, void* self) { static_cast<Server*>(self)->forget(gone); },
        this);
    waiting_.push_back({request, connection, metrics, now() + patience});
    board_.want_status();
  }

  static void serve(evhttp_request* request, bool metrics, const EdgeStatus& status) {
    if (metrics) {
      reply(request, HTTP_OK, prometheus, to_metrics(status));
    } else {
      reply(request, HTTP_OK, json, to_json(status));
    }
  }

  void serve_waiting() {
    board_.take_post();
    const auto status = board_.status(now(), patience);
    if (status == nullptr) return;
    for (const Waiting& waiting : take([](const Waiting&) { return true; })) {
      serve(waiting.request, waiting.metrics, *status);
    }
  }

  void give_up() {
    const os::Time time = now();
    board_.forget(time - fresh);
    for (const Waiting& waiting : take([&](const Waiting& w) { return w.until <= time; })) {
      reply(waiting.request, HTTP_SERVUNAVAIL, plain, "the loop is busy\n");
    }
  }

  // Out of the list before they are answered: an answer may close the connection.
  template <typename Which>
  std::vector<Waiting> take(Which which) {
    std::vector<Waiting> taken;
    std::vector<Waiting> left;
    for (const Waiting& waiting : waiting_) (which(waiting) ? taken : left).push_back(waiting);
    waiting_ = std::move(left);
    for (const Waiting& waiting : taken) {
      evhttp_connection_set_closecb(waiting.connection, nullptr, nullptr);
    }
    return taken;
  }

  void forget(const evhttp_connection* connection) {
    std::erase_if(waiting_, [&](const Waiting& w) { return w.connection == connection; });
  }

  EdgeBoard& board_;
  os::Fd stop_;
  std::vector<Waiting> waiting_;
  Base base_;
  Http http_;
  Event stop_event_;
  Event posted_event_;
  Event patience_event_;
  std::thread thread_;
};

EdgeMonitor::EdgeMonitor(EdgeBoard& board, const std::vector<os::Fd>& listeners)
    : server_(std::make_unique<Server>(board, listeners)) {}

EdgeMonitor::~EdgeMonitor() = default;

}  // namespace cmd
