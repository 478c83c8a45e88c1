#include "cmd/serve/http_service.hpp"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <sys/eventfd.h>

#include <thread>
#include <utility>

#include "core/error.hpp"

namespace cmd {
namespace {

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

void reply(evhttp_request* request, const HttpAnswer& answer) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", answer.type.c_str());
  evhttp_add_header(headers, "Cache-Control", "no-store");
  if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
    evhttp_add_header(headers, "Content-Length", std::to_string(answer.body.size()).c_str());
  } else {
    evbuffer_add(evhttp_request_get_output_buffer(request), answer.body.data(), answer.body.size());
  }
  evhttp_send_reply(request, answer.code, nullptr, nullptr);
}

}  // namespace

class HttpService::Server {
 public:
  Server(const std::vector<os::Fd>& listeners, Handle handle)
      : handle_(std::move(handle)),
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
    stop_event_.reset(event_new(
        base_.get(), stop_.get(), EV_READ,
        [](evutil_socket_t, short, void* self) {
          event_base_loopbreak(static_cast<Server*>(self)->base_.get());
        },
        this));
    if (!stop_event_ || event_add(stop_event_.get(), nullptr) != 0) refuse();
    thread_ = std::thread([this] { event_base_dispatch(base_.get()); });
  }

  ~Server() {
    static_cast<void>(!eventfd_write(stop_.get(), 1));
    thread_.join();
  }

 private:
  [[noreturn]] static void refuse() {
    throw core::Error(core::Error::Kind::transient, "cannot start the HTTP server: out of memory");
  }

  void answer(evhttp_request* request) {
    const evhttp_cmd_type method = evhttp_request_get_command(request);
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
      evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
      reply(request, {HTTP_BADMETHOD, HttpAnswer().type, "only GET and HEAD are served\n"});
      return;
    }
    const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
    const char* path = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
    reply(request, handle_(path == nullptr ? "" : path));
  }

  Handle handle_;
  os::Fd stop_;
  std::unique_ptr<event_base, BaseDeleter> base_;
  std::unique_ptr<evhttp, HttpDeleter> http_;
  std::unique_ptr<event, EventDeleter> stop_event_;
  std::thread thread_;
};

HttpService::HttpService(const std::vector<os::Fd>& listeners, Handle handle)
    : server_(std::make_unique<Server>(listeners, std::move(handle))) {}

HttpService::~HttpService() = default;

}  // namespace cmd
