#include "cmd/serve/http_server.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cmd/serve/http_gzip.hpp"
#include "core/error.hpp"
#include "os/listen.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::http_server_test {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};

std::size_t append(const char* data, std::size_t, std::size_t size, void* into) {
  static_cast<std::string*>(into)->append(data, size);
  return size;
}

// "200 text", or what curl says.
std::string ask(const std::string& socket, const std::string& path, const char* method = "GET",
                const char* encoding = nullptr, std::string* head = nullptr) {
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  std::string body;
  const std::string url = "http://localhost" + path;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 20L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(curl.get(), CURLOPT_NOBODY, std::string(method) == "HEAD" ? 1L : 0L);
  curl_easy_setopt(curl.get(), CURLOPT_ACCEPT_ENCODING, encoding);
  if (head != nullptr) {
    curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, append);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, head);
  }
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode result = curl_easy_perform(curl.get());
  if (result != CURLE_OK) return curl_easy_strerror(result);
  long code = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &code);
  return std::to_string(code) + ' ' + body;
}

auto ask_meanwhile(const std::string& socket, const std::string& path) {
  return std::async(std::launch::async, [=] { return ask(socket, path); });
}

// A server, and the thread that is its loop.
class Served {
 public:
  explicit Served(std::vector<cmd::HttpPage> pages)
      : server_(listeners(), std::move(pages)), loop_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            pollfd fd{server_.fd(), POLLIN, 0};
            if (poll(&fd, 1, 10) > 0) server_.read_wanted();
          }
        }) {}

  const std::string& socket() const { return socket_; }

 private:
  std::vector<os::Fd> listeners() {
    std::vector<os::Fd> all;
    all.push_back(os::listen_unix(socket_, "the test", 0600));
    return all;
  }

  support::Temporary directory_;
  std::string socket_ = directory_.path() / "s";
  cmd::HttpServer server_;
  std::jthread loop_;
};

cmd::HttpPage::Make text(std::string body) {
  return [body = std::move(body)] { return cmd::HttpAnswer{200, body}; };
}

// A page of the loop whose readings are numbered and held up until they are let go.
struct Slow {
  std::atomic<int> begun = 0;
  std::atomic<int> allowed = 0;

  cmd::HttpPage page(const char* path, std::chrono::milliseconds shared = 0ms) {
    const auto read = [this]() -> cmd::HttpPage::Make {
      const int number = ++begun;
      while (allowed < number) std::this_thread::sleep_for(1ms);
      return text("slow " + std::to_string(number));
    };
    return {.path = path, .read = read, .shared = shared};
  }
  void wait_for(int number) const {
    while (begun < number) std::this_thread::sleep_for(1ms);
  }
};

}  // namespace

TEST_CASE("the HTTP server serves GET and HEAD of its pages, and tells what there is") {
  const Served served({{.path = "/healthz", .at_once = text("ok\n")},
                       {.path = "/status", .read = [] { return text(std::string(300000, 'x')); }}});
  CHECK(ask(served.socket(), "/healthz") == "200 ok\n");
  CHECK(ask(served.socket(), "/healthz?verbose=1") == "200 ok\n");
  CHECK(ask(served.socket(), "/healthz", "HEAD") == "200 ");
  CHECK(ask(served.socket(), "/status") == "200 " + std::string(300000, 'x'));
  CHECK(ask(served.socket(), "/status", "HEAD") == "200 ");
  CHECK(ask(served.socket(), "/other") == "404 served: /healthz /status\n");
  CHECK(ask(served.socket(), "/healthz", "DELETE") == "405 only GET and HEAD are served\n");
  CHECK(ask(served.socket(), "/healthz?" + std::string(10000, 'x')).substr(0, 2) != "20");
}

TEST_CASE("1.22: metrics come compressed to who takes that, and tell of the process") {
  const auto metrics = [] {
    std::string body;
    for (int i = 0; i < 2000; ++i) body += "pona_x{number=\"" + std::to_string(i) + "\"} 1\n";
    return cmd::HttpAnswer{200, body, cmd::metrics_type};
  };
  const Served served({{.path = "/metrics", .at_once = metrics},
                       {.path = "/metrics?scope=ports", .at_once = text("ports")},
                       {.path = "/healthz", .at_once = text("ok\n")}});
  std::string plain_head, gzip_head, refused_head;
  const std::string plain = ask(served.socket(), "/metrics", "GET", nullptr, &plain_head);
  const std::string gzip = ask(served.socket(), "/metrics", "GET", "gzip", &gzip_head);
  CHECK(plain_head.find("Content-Encoding") == std::string::npos);
  CHECK(gzip_head.find("Content-Encoding: gzip\r\n") != std::string::npos);
  CHECK(gzip_head.find("Vary: Accept-Encoding\r\n") != std::string::npos);
  // curl has made it what it was, but for what time has changed.
  const std::string end = "pona_x{number=\"1999\"} 1\n";
  REQUIRE(gzip.find(end) != std::string::npos);
  CHECK(gzip.substr(0, gzip.find(end)) == plain.substr(0, plain.find(end)));
  for (const char* name :
       {"pona_build_info{version=", "process_cpu_seconds_total ", "process_start_time_seconds ",
        "process_resident_memory_bytes ", "process_open_fds ", "process_max_fds "}) {
    INFO(name);
    CHECK(plain.find('\n' + std::string(name)) != std::string::npos);
  }
  CHECK(ask(served.socket(), "/metrics?scope=ports") == "200 ports");
  CHECK(ask(served.socket(), "/metrics?scope=other").starts_with("200 pona_x"));
  CHECK(ask(served.socket(), "/healthz", "GET", "gzip") == "200 ok\n");
}

TEST_CASE("1.22: which answers to Accept-Encoding are compressed") {
  CHECK(cmd::accepts_gzip("gzip"));
  CHECK(cmd::accepts_gzip("deflate, GZIP;q=0.5"));
  CHECK(cmd::accepts_gzip("*"));
  CHECK_FALSE(cmd::accepts_gzip(""));
  CHECK_FALSE(cmd::accepts_gzip("identity"));
  CHECK_FALSE(cmd::accepts_gzip("gzip;q=0, identity"));
  CHECK_FALSE(cmd::accepts_gzip("gzip; q=0.000"));
  CHECK_FALSE(cmd::accepts_gzip("not-gzip"));
}

TEST_CASE("a page that is asked something answers each who asks, now or later") {
  std::vector<std::pair<std::string, cmd::HttpPage::Reply>> asked;
  const auto ask_it = [&](const std::string& what, const cmd::HttpPage::Reply& reply) {
    if (what == "broken") throw core::Error(core::Error::Kind::transient, "no answer");
    asked.emplace_back(what, reply);
    if (asked.size() < 2) return;
    for (const auto& [question, answer] : asked) answer({200, question + '!'});
  };
  const Served served({{.path = "/status?about=", .ask = ask_it},
                       {.path = "/status", .read = [] { return text("all"); }}});
  auto first = ask_meanwhile(served.socket(), "/status?about=%5B2001%3adb8::1%5d:53/udp");
  auto second = ask_meanwhile(served.socket(), "/status?about=b+%");
  CHECK(first.get() == "200 [2001:db8::1]:53/udp!");
  CHECK(second.get() == "200 b %!");
  CHECK(ask(served.socket(), "/status?about=broken") == "503 no answer\n");
  CHECK(ask(served.socket(), "/status?other=x") == "200 all");
}

TEST_CASE("a page that is for this host alone is on no other socket") {
  const auto port_of = [](const os::Fd& listener) {
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    return ntohs(bound.sin_port);
  };
  const support::Temporary directory;
  const std::string path = directory.path() / "s";
  std::vector<os::Fd> listeners;
  listeners.push_back(os::listen_unix(path, "the test", 0600));
  listeners.push_back(os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(bind(listeners[1].get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  REQUIRE(listen(listeners[1].get(), 4) == 0);
  const cmd::HttpServer server(listeners,
                               {{.path = "/here", .at_once = text("here"), .local = true},
                                {.path = "/all", .at_once = text("all")}});
  CHECK(ask(path, "/here") == "200 here");
  CHECK(ask(path, "/x") == "404 served: /here /all\n");
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  std::string body;
  const std::string url = "http://127.0.0.1:" + std::to_string(port_of(listeners[1])) + "/here";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  CHECK(curl_easy_perform(curl.get()) == CURLE_OK);
  CHECK(body == "served: /all\n");
}

TEST_CASE("a page that cannot be read says why") {
  const Served served({{.path = "/status", .read = []() -> cmd::HttpPage::Make {
                          throw core::Error(core::Error::Kind::transient, "no counters");
                        }}});
  CHECK(ask(served.socket(), "/status") == "503 no counters\n");
}

TEST_CASE("scrapes close together share an answer, where the page says so") {
  int metrics = 0;
  int status = 0;
  const Served served(
      {{.path = "/metrics", .read = [&] { return text(std::to_string(++metrics)); }, .shared = 1s},
       {.path = "/status", .read = [&] { return text(std::to_string(++status)); }}});
  CHECK(ask(served.socket(), "/metrics") == "200 1");
  CHECK(ask(served.socket(), "/metrics") == "200 1");
  CHECK(ask(served.socket(), "/status") == "200 1");
  CHECK(ask(served.socket(), "/status") == "200 2");
  std::this_thread::sleep_for(1500ms);
  CHECK(ask(served.socket(), "/metrics") == "200 2");
}

TEST_CASE("who asks while a page is read gets what is read then, or after, as the page says") {
  Slow own;
  const Served served({own.page("/own")});
  auto first = ask_meanwhile(served.socket(), "/own");
  own.wait_for(1);
  auto second = ask_meanwhile(served.socket(), "/own");
  std::this_thread::sleep_for(100ms);
  own.allowed = 1;
  CHECK(first.get() == "200 slow 1");
  own.allowed = 2;
  CHECK(second.get() == "200 slow 2");

  Slow shared;
  const Served sharing({shared.page("/shared", 1s)});
  first = ask_meanwhile(sharing.socket(), "/shared");
  shared.wait_for(1);
  second = ask_meanwhile(sharing.socket(), "/shared");
  std::this_thread::sleep_for(100ms);
  shared.allowed = 1;
  CHECK(first.get() == "200 slow 1");
  CHECK(second.get() == "200 slow 1");
  shared.allowed = 2;  // it may have been begun before the second was served
}

TEST_CASE("a late answer goes to nobody else, and a slow page holds up no health") {
  Slow slow;
  const Served served({{.path = "/healthz", .at_once = text("ok\n")},
                       slow.page("/slow"),
                       {.path = "/other", .read = [] { return text("other"); }}});
  const auto begun = steady_clock::now();
  auto first = ask_meanwhile(served.socket(), "/slow");
  slow.wait_for(1);
  CHECK(ask(served.socket(), "/healthz") == "200 ok\n");
  CHECK(steady_clock::now() - begun < 2s);
  CHECK(first.get() == "503 the loop is busy\n");
  const auto waited = steady_clock::now() - begun;
  CHECK(waited >= 5s);
  CHECK(waited < 7s);

  auto other = ask_meanwhile(served.socket(), "/other");
  auto again = ask_meanwhile(served.socket(), "/slow");
  std::this_thread::sleep_for(100ms);
  slow.allowed = 2;
  CHECK(other.get() == "200 other");
  CHECK(again.get() == "200 slow 2");
}

TEST_CASE("health waits for no page's text, and what comes of a text is its own") {
  std::atomic<bool> begun = false, go = false;
  const auto long_text = [&]() -> cmd::HttpPage::Make {
    return [&] {
      begun = true;
      while (!go) std::this_thread::sleep_for(1ms);
      return cmd::HttpAnswer{200, "long"};
    };
  };
  const auto no_text = []() -> cmd::HttpPage::Make {
    return []() -> cmd::HttpAnswer {
      throw core::Error(core::Error::Kind::transient, "cannot count");
    };
  };
  const Served served({{.path = "/healthz", .at_once = text("ok\n")},
                       {.path = "/metrics", .read = long_text},
                       {.path = "/status", .read = no_text}});
  auto metrics = ask_meanwhile(served.socket(), "/metrics");
  while (!begun) std::this_thread::sleep_for(1ms);
  CHECK(ask(served.socket(), "/healthz") == "200 ok\n");
  go = true;
  CHECK(metrics.get() == "200 long");
  CHECK(ask(served.socket(), "/status") == "503 cannot count\n");
}

TEST_CASE("the HTTP server ends while somebody waits") {
  Slow slow;
  std::future<std::string> waiting;
  const std::jthread letting_go([&] {
    slow.wait_for(1);
    std::this_thread::sleep_for(50ms);
    slow.allowed = 1;
  });
  {
    const Served served({slow.page("/slow")});
    waiting = ask_meanwhile(served.socket(), "/slow");
    slow.wait_for(1);
  }
  CHECK_FALSE(waiting.get().empty());
}

}  // namespace unit::http_server_test
