#include "kube/api/http_transfer.hpp"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <system_error>

#include "core/error.hpp"
#include "kube/decode/field.hpp"

namespace kube {
namespace {

static_assert(sizeof(Transfer::error) >= CURL_ERROR_SIZE);

using List = std::unique_ptr<curl_slist, ListDeleter>;

void append(List& list, const std::string& text) {
  curl_slist* const longer = curl_slist_append(list.get(), text.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

// A peer that is gone without a word is noticed within a minute, by whatever is on its connection:
// otherwise a stream would wait, and a new request would be sent after it.
int prepare_socket(void*, curl_socket_t socket, curlsocktype) {
  const auto set = [&](int level, int option, int value) {
    setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
  return CURL_SOCKOPT_OK;
}

// Where systems keep the certificate authorities they trust.
const std::string& system_authorities() {
  static const std::string path = [] {
    if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr) {
      return std::string(named);
    }
    for (const char* known :
         {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
          "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
          "/etc/ssl/cert.pem"}) {
      if (access(known, R_OK) == 0) return std::string(known);
    }
    return std::string();
  }();
  return path;
}

template <typename Value>
void set(const Transfer& transfer, CURLoption option, Value value) {
  const CURLcode result = curl_easy_setopt(transfer.easy.get(), option, value);
  if (result == CURLE_OK) return;
  throw core::Error(
      core::Error::Kind::permanent,
      "cannot set curl's option " + std::to_string(option) + ": " + curl_easy_strerror(result));
}

void set_blob(const Transfer& transfer, CURLoption option, const std::string& text) {
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
  set(transfer, option, &blob);
}

void set_up_server(Transfer& transfer, const Cluster& cluster) {
  Url url = cluster.server;
  if (!cluster.tls_server_name.empty() && url.scheme == "https") {
    // curl asks for and verifies the URL's name: so the URL gets that name, and the connection and
    // the Host header the real one. (NO_PROXY is then looked up by that name, too.)
    append(transfer.headers, "Host: " + url.authority());
    url.host = cluster.tls_server_name;
    append(transfer.connect_to, url.authority() + ":" + cluster.server.authority());
    set(transfer, CURLOPT_CONNECT_TO, transfer.connect_to.get());
  }
  url.path += transfer.request.target;
  set(transfer, CURLOPT_URL, to_string(url).c_str());
  set(transfer, CURLOPT_PATH_AS_IS, 1L);
  if (cluster.proxy) {
    Url proxy = *cluster.proxy;
    if (proxy.scheme == "socks5") proxy.scheme = "socks5h";  // names are the proxy's, as in Go
    set(transfer, CURLOPT_PROXY, to_string(proxy).c_str());
    set(transfer, CURLOPT_NOPROXY, "");
  }
}

void set_up_tls(const Transfer& transfer, const Cluster& cluster, const Credential& credential) {
  if (cluster.server.scheme != "https") return;
  if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2) != 0) {
    set(transfer, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    // Rather share the connection that is being made than make another one.
    if (!transfer.request.fresh_connection) set(transfer, CURLOPT_PIPEWAIT, 1L);
  }
  set(transfer, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (cluster.insecure) {
    set(transfer, CURLOPT_SSL_VERIFYPEER, 0L);
    set(transfer, CURLOPT_SSL_VERIFYHOST, 0L);
  } else if (!credential.ca.empty()) {
    // Of the build's defaults the directory would count beside it.
    set(transfer, CURLOPT_CAINFO, static_cast<const char*>(nullptr));
    set(transfer, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    set_blob(transfer, CURLOPT_CAINFO_BLOB, credential.ca);
  } else if (!system_authorities().empty()) {
    set(transfer, CURLOPT_CAINFO, system_authorities().c_str());
  }
  if (!credential.certificate.empty()) {
    set_blob(transfer, CURLOPT_SSLCERT_BLOB, credential.certificate);
    set_blob(transfer, CURLOPT_SSLKEY_BLOB, credential.key);
  }
}

}  // namespace

void EasyDeleter::operator()(void* easy) const { curl_easy_cleanup(easy); }

void ListDeleter::operator()(curl_slist* list) const { curl_slist_free_all(list); }

void set_up(Transfer& transfer, const ClientConfig& config, const Credential& credential,
            const HttpOptions& options) {
  const Request& request = transfer.request;
  transfer.easy.reset(curl_easy_init());
  if (!transfer.easy) throw std::bad_alloc();
  transfer.revision = credential.revision;
  append(transfer.headers, "Accept: application/json");
  append(transfer.headers, "Expect:");
  if (!credential.authorization.empty()) {
    append(transfer.headers, "Authorization: " + credential.authorization);
  }
  for (const auto& [name, value] : config.user.headers) {
    append(transfer.headers, name + ": " + value);
  }
  if (!request.content_type.empty()) {
    append(transfer.headers, "Content-Type: " + request.content_type);
    set(transfer, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    set(transfer, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "GET" || !request.content_type.empty()) {
    set(transfer, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  set_up_server(transfer, config.cluster);
  set_up_tls(transfer, config.cluster, credential);
  set(transfer, CURLOPT_HTTPHEADER, transfer.headers.get());
  set(transfer, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(transfer, CURLOPT_NOSIGNAL, 1L);
  set(transfer, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_limit.count()));
  set(transfer, CURLOPT_BUFFERSIZE, 65536L);
  set(transfer, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
  set(transfer, CURLOPT_ERRORBUFFER, transfer.error.data());
  if (request.fresh_connection) set(transfer, CURLOPT_FRESH_CONNECT, 1L);
}

std::string describe(const Transfer& transfer, const ClientConfig& config, int result) {
  const Cluster& cluster = config.cluster;
  const std::string server = cluster.server.scheme + "://" + cluster.server.authority();
  const char* const given = transfer.error.data();
  std::string why = *given != '\0' ? given : curl_easy_strerror(static_cast<CURLcode>(result));
  long reason = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_OS_ERRNO, &reason);
  if (result == CURLE_COULDNT_CONNECT && reason != 0) {
    why += " (" + std::generic_category().message(static_cast<int>(reason)) + ")";
  }
  if (result == CURLE_PEER_FAILED_VERIFICATION) {
    why += "; check certificate-authority and tls-server-name of cluster " + quote(cluster.name);
  }
  if (result == CURLE_SSL_CERTPROBLEM) {
    why += "; check client-certificate and client-key of user " + quote(config.user.name);
  }
  return (transfer.headed ? "the answer of " + server + " was cut off: "
                          : "cannot reach the API server " + server + ": ") +
         why;
}

}  // namespace kube
