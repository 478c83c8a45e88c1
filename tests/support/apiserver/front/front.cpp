#include "support/apiserver/front/front.hpp"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>

#include "core/error.hpp"
#include "support/apiserver/front/certificate.hpp"
#include "support/apiserver/front/connection.hpp"
#include "support/apiserver/front/deleter.hpp"

namespace support::apiserver {
namespace {

using Base = std::unique_ptr<event_base, Deleter<event_base_free>>;
using Event = std::unique_ptr<event, Deleter<event_free>>;
using Listener = std::unique_ptr<evconnlistener, Deleter<evconnlistener_free>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

// Watches and slow answers are looked after this often, beside after every request.
constexpr timeval tick = {0, 50000};

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw core::Error(core::Error::Kind::permanent, "cannot " + what + ": " + why);
}

Time wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// HTTP/1.1 whatever else is offered.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, size, ours, sizeof ours - 1, offered, offered_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Context make_context(const Certificates& certificates) {
  Context context(SSL_CTX_new(TLS_server_method()));
  const Bio certificate_bio(BIO_new_mem_buf(certificates.certificate.data(), -1));
  const Bio key_bio(BIO_new_mem_buf(certificates.key.data(), -1));
  const Certificate certificate(
      PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr));
  const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  if (!context || !certificate || !key ||
      SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    fail("use the server certificate", "OpenSSL refuses it");
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

}  // namespace

class Front::Loop {
 public:
  explicit Loop(const Options& options)
      : certificates_(make_certificates({"IP:127.0.0.1", "IP:::1", "IP:" + options.host,
                                         "DNS:localhost", "DNS:kubernetes",
                                         "DNS:kubernetes.default", "DNS:kubernetes.default.svc"})),
        context_(make_context(certificates_)),
        base_(event_base_new()),
        wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    listen(options);
    wake_.reset(event_new(base_.get(), wake_fd_, EV_READ, on_wake, this));
    tick_.reset(event_new(base_.get(), -1, EV_PERSIST, on_tick, this));
    event_add(wake_.get(), nullptr);
    event_add(tick_.get(), &tick);
    server_ = std::make_unique<Server>(Server::Options{
        wall_clock, options.seed, url_.substr(std::strlen("https://")), options.admin_token});
  }
  ~Loop() {
    wake_.reset();
    tick_.reset();
    connections_.clear();
    // libevent frees what it was told to free in the next round.
    event_base_loop(base_.get(), EVLOOP_NONBLOCK);
    close(wake_fd_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run() { event_base_dispatch(base_.get()); }
  void stop() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
  }
  void with(const std::function<void(Server&)>& use) {
    const std::scoped_lock lock(mutex_);
    use(*server_);
  }

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& authority() const { return certificates_.authority; }

 private:
  void listen(const Options& options) {
    sockaddr_storage address{};
    const bool v6 = options.host.find(':') != std::string::npos;
    auto* const in6 = reinterpret_cast<sockaddr_in6*>(&address);
    auto* const in4 = reinterpret_cast<sockaddr_in*>(&address);
    address.ss_family = v6 ? AF_INET6 : AF_INET;
    (v6 ? in6->sin6_port : in4->sin_port) = htons(options.port);
    void* const place = v6 ? static_cast<void*>(&in6->sin6_addr) : &in4->sin_addr;
    if (inet_pton(address.ss_family, options.host.c_str(), place) != 1) {
      fail("listen on " + options.host, "it is no address");
    }
    listener_.reset(evconnlistener_new_bind(
        base_.get(), on_accept, this, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 128,
        reinterpret_cast<sockaddr*>(&address), v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)));
    if (!listener_) {
      fail("listen on " + options.host + " port " + std::to_string(options.port),
           std::strerror(errno));
    }
    socklen_t size = sizeof address;
    getsockname(evconnlistener_get_fd(listener_.get()), reinterpret_cast<sockaddr*>(&address),
                &size);
    const std::uint16_t port = ntohs(v6 ? in6->sin6_port : in4->sin_port);
    url_ = "https://" + (v6 ? "[" + options.host + "]" : options.host) + ":" + std::to_string(port);
  }

  static void on_accept(evconnlistener*, evutil_socket_t socket, sockaddr*, int, void* self) {
    auto& loop = *static_cast<Loop*>(self);
    SSL* const ssl = SSL_new(loop.context_.get());
    Buffer buffer(bufferevent_openssl_socket_new(loop.base_.get(), socket, ssl,
                                                 BUFFEREVENT_SSL_ACCEPTING,
                                                 BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS));
    if (!buffer) {
      SSL_free(ssl);
      close(socket);
      return;
    }
    // Clients close without goodbye; that is no error to anybody.
    bufferevent_openssl_set_allow_dirty_shutdown(buffer.get(), 1);
    loop.connections_.emplace_back(
        std::move(buffer), [&loop](const Request& request) { return loop.handle(request); });
  }

  static void on_wake(evutil_socket_t, short, void* self) {
    event_base_loopbreak(static_cast<Loop*>(self)->base_.get());
  }
  static void on_tick(evutil_socket_t, short, void* self) { static_cast<Loop*>(self)->pump(); }

  Response handle(const Request& request) {
    // What this request changes is told to the watches at once.
    event_active(tick_.get(), EV_TIMEOUT, 0);
    const std::scoped_lock lock(mutex_);
    return server_->handle(request);
  }

  void pump() {
    const std::scoped_lock lock(mutex_);
    const Time now = wall_clock();
    for (Connection& connection : connections_) connection.pump(now);
    connections_.remove_if([](const Connection& connection) { return connection.over(); });
  }

  Certificates certificates_;
  Context context_;
  Base base_;
  int wake_fd_;
  Listener listener_;
  Event wake_;
  Event tick_;
  std::string url_;
  std::recursive_mutex mutex_;  // pump() may serve the next request of a connection
  std::unique_ptr<Server> server_;
  std::list<Connection> connections_;
};

Front::Front(const Options& options) : loop_(std::make_unique<Loop>(options)) {}
Front::~Front() = default;
void Front::run() { loop_->run(); }
void Front::stop() { loop_->stop(); }
void Front::with(const std::function<void(Server&)>& use) { loop_->with(use); }
const std::string& Front::url() const { return loop_->url(); }
const std::string& Front::authority() const { return loop_->authority(); }

std::string Front::kubeconfig(const std::string& token) const {
  return "apiVersion: v1\n"
         "kind: Config\n"
         "clusters:\n"
         "- name: test\n"
         "  cluster:\n"
         "    server: " +
         url() +
         "\n"
         "    certificate-authority-data: " +
         to_base64(authority()) +
         "\n"
         "users:\n"
         "- name: test\n"
         "  user:\n"
         "    token: " +
         token +
         "\n"
         "contexts:\n"
         "- name: test\n"
         "  context: {cluster: test, user: test, namespace: default}\n"
         "current-context: test\n";
}

}  // namespace support::apiserver
