#include "cmd/edge/ask_running.hpp"

#include <curl/curl.h>

#include <cerrno>
#include <memory>
#include <new>
#include <system_error>

#include "core/error.hpp"

namespace cmd {
namespace {

constexpr std::size_t most_bytes = std::size_t{256} << 20;

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};

// Returning less than given makes curl stop: an endless answer must not fill the memory.
std::size_t append_body(const char* data, std::size_t, std::size_t size, void* into) noexcept {
  auto& body = *static_cast<std::string*>(into);
  if (size > most_bytes - body.size()) return 0;
  try {
    body.append(data, size);
  } catch (const std::bad_alloc&) {
    return 0;  // nothing may be thrown through curl, which is C
  }
  return size;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::optional<std::string> ask_edge(const std::string& socket, const std::string& path,
                                    const std::string& value, std::chrono::seconds patience) {
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  if (!curl) throw core::Error(core::Error::Kind::transient, "cannot set up curl: out of memory");
  std::string body;
  std::string url = "http://localhost" + path;
  if (!value.empty()) {
    const std::unique_ptr<char, void (*)(void*)> escaped(
        curl_easy_escape(curl.get(), value.data(), static_cast<int>(value.size())), curl_free);
    if (escaped) url += escaped.get();
  }
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, static_cast<long>(patience.count()));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode result = curl_easy_perform(curl.get());

  if (result != CURLE_OK) {
    long reason = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_OS_ERRNO, &reason);
    if (result == CURLE_COULDNT_CONNECT && (reason == ENOENT || reason == ECONNREFUSED)) {
      return std::nullopt;
    }
    const std::string cause = result == CURLE_COULDNT_CONNECT && reason != 0
                                  ? std::generic_category().message(static_cast<int>(reason))
                                  : curl_easy_strerror(result);
    throw core::Error(core::Error::Kind::transient,
                      "cannot ask the process that listens on " + socket + ": " + cause);
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    throw core::Error(core::Error::Kind::transient, "the process that listens on " + socket +
                                                        " answered " + std::to_string(status) +
                                                        ": " + first_line(body));
  }
  return body;
}

}  // namespace cmd
