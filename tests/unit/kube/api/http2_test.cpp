// HTTP/2: several streams share one connection, and one of them can be left without the others.
#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "kube/api/http.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"

namespace unit::http2_test {

namespace {

using namespace std::chrono_literals;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

int choose_h2(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
              unsigned int in_size, void*) {
  return nghttp2_select_next_protocol(const_cast<unsigned char**>(out), size, in, in_size) == 1
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_NOACK;
}

// Answers every request with 200 and a dot now and then, for ever.
class Http2Server {
 public:
  explicit Http2Server(const support::Identity& identity) : context_(SSL_CTX_new(TLS_method())) {
    const std::unique_ptr<BIO, Deleter<BIO_free_all>> certificate(
        BIO_new_mem_buf(identity.certificate.data(), -1));
    const std::unique_ptr<BIO, Deleter<BIO_free_all>> key(BIO_new_mem_buf(identity.key.data(), -1));
    const std::unique_ptr<X509, Deleter<X509_free>> x509(
        PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    const std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> pkey(
        PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    SSL_CTX_use_certificate(context_.get(), x509.get());
    SSL_CTX_use_PrivateKey(context_.get(), pkey.get());
    SSL_CTX_set_alpn_select_cb(context_.get(), choose_h2, nullptr);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(listener_, generic, size) == 0);
    REQUIRE(listen(listener_, 4) == 0);
    REQUIRE(getsockname(listener_, generic, &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;
  ~Http2Server() {
    thread_ = {};
    close(listener_);
  }

  std::uint16_t port = 0;
  std::atomic<int> connections = 0;
  std::atomic<int> resets = 0;

 private:
  void run(const std::stop_token& stop) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);  // clients hang up at any time
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    while (!stop.stop_requested()) {
      pollfd fd{listener_, POLLIN, 0};
      if (poll(&fd, 1, 20) <= 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      ++connections;
      serve(client, stop);
      close(client);
    }
  }

  void serve(int client, const std::stop_token& stop) {
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), client);
    if (SSL_accept(ssl_.get()) != 1) return;
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_send_callback(
        callbacks, [](nghttp2_session*, const uint8_t* data, size_t size, int, void* self) {
          return static_cast<ssize_t>(
              SSL_write(static_cast<Http2Server*>(self)->ssl_.get(), data, static_cast<int>(size)));
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* self) {
          if (frame->hd.type == NGHTTP2_RST_STREAM) ++static_cast<Http2Server*>(self)->resets;
          if (frame->hd.type == NGHTTP2_HEADERS) answer(session, frame->hd.stream_id);
          return 0;
        });
    nghttp2_session* session = nullptr;
    nghttp2_session_server_new(&session, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
    std::array<unsigned char, 4096> buffer;
    bool open = true;
    while (open && !stop.stop_requested()) {
      open = nghttp2_session_send(session) == 0;
      pollfd fd{client, POLLIN, 0};
      if (SSL_pending(ssl_.get()) == 0 && poll(&fd, 1, 20) == 0) {
        for (int stream = 1; stream < 16; stream += 2) nghttp2_session_resume_data(session, stream);
        dot_ = true;
        continue;
      }
      const int size = SSL_read(ssl_.get(), buffer.data(), buffer.size());
      open = open && size > 0 &&
             nghttp2_session_mem_recv(session, buffer.data(), static_cast<size_t>(size)) >= 0;
    }
    nghttp2_session_del(session);
  }

  static void answer(nghttp2_session* session, int32_t stream) {
    static unsigned char name[] = ":status";
    static unsigned char value[] = "200";
    const nghttp2_nv header{name, value, 7, 3, NGHTTP2_NV_FLAG_NONE};
    nghttp2_data_provider body{};
    body.read_callback = [](nghttp2_session*, int32_t id, uint8_t* data, size_t, uint32_t*,
                            nghttp2_data_source*, void* self) -> ssize_t {
      auto& server = *static_cast<Http2Server*>(self);
      if (!std::exchange(server.dots_[id], server.dot_)) {
        data[0] = '.';
        return 1;
      }
      server.dots_[id] = false;
      return NGHTTP2_ERR_DEFERRED;
    };
    nghttp2_submit_response(session, stream, &header, 1, &body);
  }

  std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, Deleter<SSL_free>> ssl_;
  int listener_ = -1;
  bool dot_ = true;
  std::map<int32_t, bool> dots_;
  std::jthread thread_;
};

}  // namespace

TEST_CASE("http: streams share an HTTP/2 connection, and one is left without the others") {
  const support::Identity identity = support::make_identity("api.example");
  Http2Server server(identity);
  kube::ClientConfig config;
  config.cluster.server = *kube::parse_url("https://127.0.0.1:" + std::to_string(server.port));
  config.cluster.ca.data = identity.certificate;
  config.cluster.tls_server_name = "api.example";
  kube::Credentials credentials(config, os::system_clock());
  const auto http = kube::open_http(credentials, os::system_clock(), {"pona/test"});
  std::map<std::uint64_t, std::string> got;
  std::map<std::uint64_t, std::string> ends;
  const auto wait = [&](const auto& done) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      pollfd fd{http->fd(), POLLIN, 0};
      poll(&fd, 1, 10);
      for (const auto& arrival : http->take()) {
        got[arrival.request] += arrival.bytes;
        if (arrival.kind == kube::Arrival::Kind::head) CHECK(arrival.status == 200);
        if (arrival.kind == kube::Arrival::Kind::end) ends[arrival.request] = arrival.error;
      }
    }
  };
  std::array<std::uint64_t, 3> ids{};
  for (auto& id : ids) id = http->start({"GET", "/watch", "", "", false});
  wait([&] { return got[ids[0]].size() > 2 && got[ids[1]].size() > 2 && got[ids[2]].size() > 2; });
  CHECK(server.connections == 1);
  http->cancel(ids[1]);
  const std::string left = got[ids[1]];
  const std::size_t first = got[ids[0]].size();
  const std::size_t last = got[ids[2]].size();
  wait([&] {
    return got[ids[0]].size() > first + 2 && got[ids[2]].size() > last + 2 && server.resets > 0;
  });
  CHECK(got[ids[1]] == left);
  CHECK(ends.empty());
  CHECK(server.connections == 1);
}

}  // namespace unit::http2_test
