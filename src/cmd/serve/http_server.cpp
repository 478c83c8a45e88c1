#include "cmd/serve/http_server.hpp"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <thread>
#include <utility>

#include "cmd/serve/http_desk.hpp"
#include "core/error.hpp"
#include "os/bell.hpp"
#include "os/clock.hpp"

namespace cmd {
namespace {

constexpr int idle_seconds = 10;
constexpr ev_ssize_t most_header_bytes = 8192;
constexpr ev_ssize_t most_body_bytes = 1024;
// Between looks at who waited for too long, and which answers are too old to be shared.
constexpr timeval look_again_after{0, 200'000};

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

using SharedAnswer = std::shared_ptr<const HttpAnswer>;

SharedAnswer share(HttpAnswer answer) {
  return std::make_shared<const HttpAnswer>(std::move(answer));
}

void reply(evhttp_request* request, const SharedAnswer& answer) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", answer->type.c_str());
  evhttp_add_header(headers, "Cache-Control", "no-store");
  if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
    evhttp_add_header(headers, "Content-Length", std::to_string(answer->body.size()).c_str());
  } else {
    // Metrics of many objects are large: sent from where they are.
    auto kept = std::make_unique<SharedAnswer>(answer);
    const auto drop = [](const void*, std::size_t, void* held) {
      delete static_cast<SharedAnswer*>(held);
    };
    if (evbuffer_add_reference(evhttp_request_get_output_buffer(request), answer->body.data(),
                               answer->body.size(), drop, kept.get()) == 0) {
      static_cast<void>(kept.release());
    }
  }
  evhttp_send_reply(request, answer->code, nullptr, nullptr);
}

}  // namespace

class HttpServer::Server {
 public:
  Server(const std::vector<os::Fd>& listeners, std::vector<HttpPage> pages)
      : pages_(std::move(pages)),
        kept_(pages_.size()),
        desk_(pages_.size()),
        base_(event_base_new()),
        http_(base_ ? evhttp_new(base_.get()) : nullptr) {
    if (!http_) refuse();
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
    stop_event_ = handle<&Server::stop>(stop_.fd());
    made_event_ = handle<&Server::serve_made>(desk_.made_fd());
    time_event_ = handle<&Server::look_again>(-1);
    maker_ = std::jthread([this](const std::stop_token& stop) { desk_.make(stop); });
    thread_ = std::thread([this] { event_base_dispatch(base_.get()); });
  }

  ~Server() {
    stop_.ring();
    thread_.join();
  }

  [[nodiscard]] int wanted_fd() const { return desk_.wanted_fd(); }
  void read_wanted() { desk_.read_wanted(pages_); }

 private:
  struct Waiting {
    evhttp_request* request;
    evhttp_connection* connection;
    std::size_t page;
    std::uint64_t order;
    os::Time until;
  };
  struct Kept {
    SharedAnswer answer;
    os::Time until;
  };

  [[noreturn]] static void refuse() {
    throw core::Error(core::Error::Kind::transient, "cannot start the HTTP server: out of memory");
  }

  // Of a descriptor, or, without one, of time: then it is armed when needed.
  template <void (Server::*Handle)()>
  Event handle(int fd) {
    const auto what = static_cast<short>(fd < 0 ? 0 : EV_READ | EV_PERSIST);
    Event event(event_new(
        base_.get(), fd, what,
        [](evutil_socket_t, short, void* self) { (static_cast<Server*>(self)->*Handle)(); }, this));
    if (!event || (fd >= 0 && event_add(event.get(), nullptr) != 0)) refuse();
    return event;
  }

  void stop() { event_base_loopbreak(base_.get()); }

  static os::Time now() { return os::Time::clock::now(); }

  void answer(evhttp_request* request) {
    const evhttp_cmd_type method = evhttp_request_get_command(request);
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
      evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
      reply(request, share({HTTP_BADMETHOD, "only GET and HEAD are served\n"}));
      return;
    }
    const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
    const char* path = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
    const auto page = std::ranges::find(pages_, path == nullptr ? "" : path, &HttpPage::path);
    if (page == pages_.end()) {
      std::string served = "served:";
      for (const HttpPage& known : pages_) served += ' ' + known.path;
      reply(request, share({HTTP_NOTFOUND, served + '\n'}));
    } else if (page->at_once) {
      reply(request, share(page->at_once()));
    } else {
      wait(request, static_cast<std::size_t>(page - pages_.begin()));
    }
  }

  void wait(evhttp_request* request, std::size_t page) {
    if (kept_[page].answer && now() <= kept_[page].until) {
      reply(request, kept_[page].answer);
      return;
    }
    evhttp_connection* connection = evhttp_request_get_connection(request);
    // A client that leaves takes its request with it.
    evhttp_connection_set_closecb(
        connection,
        [](evhttp_connection* gone, void* self) { static_cast<Server*>(self)->forget(gone); },
        this);
    waiting_.push_back({request, connection, page, desk_.order(page), now() + patience});
    watch_time();
  }

  void serve_made() {
    desk_.silence();
    for (std::size_t page = 0; page < pages_.size(); ++page) {
      auto taken = desk_.take(page);
      if (!taken || !awaited(page)) continue;
      const SharedAnswer made = share(std::move(taken->answer));
      const bool shared = pages_[page].shared.count() != 0;
      // What was read before somebody asked may be too old for who did.
      send(made, [&](const Waiting& waiting) {
        return waiting.page == page && (shared || waiting.order <= taken->order);
      });
      if (shared) kept_[page] = {made, now() + pages_[page].shared};
    }
    cancel_orders();
    watch_time();
  }

  void look_again() {
    const os::Time time = now();
    for (Kept& kept : kept_) {
      if (kept.until < time) kept.answer.reset();  // may be large, and is of no more use
    }
    send(share({HTTP_SERVUNAVAIL, "the loop is busy\n"}),
         [&](const Waiting& waiting) { return waiting.until <= time; });
    cancel_orders();
    watch_time();
  }

  void watch_time() {
    const bool any = !waiting_.empty() || std::ranges::any_of(kept_, [](const Kept& kept) {
      return kept.answer != nullptr;
    });
    if (any && evtimer_pending(time_event_.get(), nullptr) == 0) {
      evtimer_add(time_event_.get(), &look_again_after);
    }
  }

  // To those that are chosen. They leave the list before: an answer may close the connection.
  template <typename Which>
  void send(const SharedAnswer& answer, Which which) {
    const auto chosen = std::stable_partition(waiting_.begin(), waiting_.end(),
                                              [&](const Waiting& w) { return !which(w); });
    const std::vector<Waiting> taken(chosen, waiting_.end());
    waiting_.erase(chosen, waiting_.end());
    // cppcheck-suppress invalidContainer  ; these are copies
    for (const Waiting& waiting : taken) {
      evhttp_connection_set_closecb(waiting.connection, nullptr, nullptr);
      reply(waiting.request, answer);
    }
  }

  [[nodiscard]] bool awaited(std::size_t page) const {
    return std::ranges::find(waiting_, page, &Waiting::page) != waiting_.end();
  }

  void cancel_orders() {
    for (std::size_t page = 0; page < pages_.size(); ++page) {
      if (!awaited(page)) desk_.cancel(page);
    }
  }

  void forget(const evhttp_connection* connection) {
    std::erase_if(waiting_, [&](const Waiting& w) { return w.connection == connection; });
    cancel_orders();
  }

  const std::vector<HttpPage> pages_;
  std::vector<Kept> kept_;  // by page: the last answer, where it is shared
  HttpDesk desk_;
  os::Bell stop_;
  std::vector<Waiting> waiting_;
  Base base_;
  Http http_;
  Event stop_event_;
  Event made_event_;
  Event time_event_;
  std::jthread maker_;
  std::thread thread_;
};

HttpServer::HttpServer(const std::vector<os::Fd>& listeners, std::vector<HttpPage> pages)
    : server_(std::make_unique<Server>(listeners, std::move(pages))) {}

HttpServer::~HttpServer() = default;

int HttpServer::fd() const { return server_->wanted_fd(); }

void HttpServer::read_wanted() { server_->read_wanted(); }

}  // namespace cmd
