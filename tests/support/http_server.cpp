#include "support/http_server.hpp"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace support {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Ssl = std::unique_ptr<SSL, Deleter<SSL_free>>;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Bio reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

SSL_CTX* make_context(const Identity& identity, const std::string& client_ca) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  const Certificate certificate(
      PEM_read_bio_X509(reader(identity.certificate).get(), nullptr, nullptr, nullptr));
  const Key key(PEM_read_bio_PrivateKey(reader(identity.key).get(), nullptr, nullptr, nullptr));
  if (SSL_CTX_use_certificate(context, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    throw std::runtime_error("the test's certificate is not accepted");
  }
  if (!client_ca.empty()) {
    const Certificate ca(PEM_read_bio_X509(reader(client_ca).get(), nullptr, nullptr, nullptr));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  return context;
}

class Socket : public HttpServer::Connection {
 public:
  Socket(int fd, SSL_CTX* context, const std::stop_token& stop) : fd_(fd), stop_(stop) {
    if (context == nullptr) return;
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), fd);
    open_ = SSL_accept(ssl_.get()) == 1;
  }
  ~Socket() override {
    if (ssl_ && open_) SSL_shutdown(ssl_.get());
    close(fd_);
  }

  bool write(std::string_view bytes) override {
    while (open_ && !bytes.empty()) {
      const auto size = static_cast<int>(bytes.size());
      const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), size)
                                : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) open_ = false;
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return open_;
  }

  // Empty: the end.
  std::string read() {
    std::array<char, 4096> buffer;
    const auto pending = [this] { return ssl_ && SSL_pending(ssl_.get()) > 0; };
    while (open_ && !pending()) {
      pollfd fd{fd_, POLLIN, 0};
      if (stop_.stop_requested()) return {};
      if (poll(&fd, 1, 20) > 0) break;
    }
    if (!open_) return {};
    const ssize_t size = ssl_ ? SSL_read(ssl_.get(), buffer.data(), buffer.size())
                              : recv(fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) open_ = false;
    return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
  }

  [[nodiscard]] std::string peer() const override {
    const Certificate certificate(ssl_ ? SSL_get1_peer_certificate(ssl_.get()) : nullptr);
    if (!certificate) return {};
    std::array<char, 256> name{};
    X509_NAME_oneline(X509_get_subject_name(certificate.get()), name.data(), name.size());
    return name.data();
  }

 private:
  int fd_;
  const std::stop_token& stop_;
  Ssl ssl_;
  std::atomic<bool> open_ = true;  // tests write while the server reads
};

// Clients hang up at any time, and OpenSSL writes nevertheless.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

// The length of the first request in a text; npos while it is not whole.
std::size_t request_size(const std::string& text) {
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return head;
  const std::size_t length = text.find("Content-Length: ");
  std::size_t body = 0;
  if (length < head) body = std::strtoul(text.c_str() + length + 16, nullptr, 10);
  return text.size() < head + 4 + body ? std::string::npos : head + 4 + body;
}

}  // namespace

Identity make_identity(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  static std::atomic<long> serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  const std::string names = "DNS:" + name;
  const Extension alternatives(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
  X509_add_ext(certificate.get(), alternatives.get(), -1);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const Bio pem(BIO_new(BIO_s_mem()));
  const Bio key_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(pem.get(), certificate.get());
  PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(pem.get()), text_of(key_pem.get())};
}

HttpServer::HttpServer(Handler handler, const Identity* identity, const std::string& client_ca)
    : handler_(std::move(handler)) {
  if (identity != nullptr) {
    tls_ = std::shared_ptr<void>(make_context(*identity, client_ca), [](void* context) {
      SSL_CTX_free(static_cast<SSL_CTX*>(context));
    });
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the test's server cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
}

HttpServer::~HttpServer() {
  acceptor_ = {};
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
  close(listener_);
}

void HttpServer::accept_all(const std::stop_token& stop) {
  block_sigpipe();  // the connections' threads inherit it
  while (!stop.stop_requested()) {
    pollfd fd{listener_, POLLIN, 0};
    if (poll(&fd, 1, 20) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    ++connections_;
    threads_.emplace_back(
        [this, client](const std::stop_token& stopped) { serve(client, stopped); });
  }
}

void HttpServer::serve(int fd, const std::stop_token& stop) {
  Socket socket(fd, static_cast<SSL_CTX*>(tls_.get()), stop);
  std::string text;
  for (;;) {
    const std::size_t size = request_size(text);
    if (size == std::string::npos) {
      const std::string more = socket.read();
      if (more.empty()) return;
      text += more;
      continue;
    }
    const std::string request = text.substr(0, size);
    text.erase(0, size);
    const std::lock_guard lock(mutex_);  // handlers need none of their own
    if (!handler_(request, socket)) return;
  }
}

}  // namespace support
