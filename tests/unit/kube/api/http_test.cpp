// The transport against real sockets and real TLS.
#include "kube/api/http.hpp"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "kube/api/rate_limit.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"

namespace unit::http_test {

namespace {

using namespace std::chrono_literals;
using support::HttpServer;
using Steady = std::chrono::steady_clock;

struct Answer {
  int status = 0;
  std::optional<std::chrono::seconds> retry_after;
  std::string body;
  std::string error;
  bool ended = false;
};

class Client {
 public:
  explicit Client(const kube::ClientConfig& config, kube::HttpOptions options = {"pona/test"})
      : credentials_(config, os::system_clock()),
        http_(kube::open_http(credentials_, os::system_clock(), std::move(options))) {}

  std::uint64_t start(const std::string& target) { return start({"GET", target, "", "", false}); }
  std::uint64_t start(kube::Request request) { return http_->start(std::move(request)); }
  void cancel(std::uint64_t id) { http_->cancel(id); }

  // Waits as the owner's loop does, until `done` says so.
  template <typename Done>
  void wait(const Done& done) {
    const auto give_up = Steady::now() + 20s;
    for (;;) {
      for (kube::Arrival& arrival : http_->take()) {
        Answer& answer = answers_[arrival.request];
        CHECK_FALSE(answer.ended);
        if (arrival.kind == kube::Arrival::Kind::head) {
          CHECK(answer.status == 0);
          answer.status = arrival.status;
          answer.retry_after = arrival.retry_after;
        }
        answer.body += arrival.bytes;
        answer.error += arrival.error;
        answer.ended = arrival.kind == kube::Arrival::Kind::end;
      }
      if (done()) return;
      REQUIRE(Steady::now() < give_up);
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          std::min(http_->due(), give_up) - Steady::now());
      pollfd fd{http_->fd(), POLLIN, 0};
      poll(&fd, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 50)));
    }
  }
  Answer get(std::uint64_t id) {
    wait([&] { return answers_[id].ended; });
    return answers_[id];
  }
  Answer get(const std::string& target) { return get(start(target)); }
  Answer& answer(std::uint64_t id) { return answers_[id]; }

 private:
  kube::Credentials credentials_;
  std::unique_ptr<kube::Http> http_;
  std::map<std::uint64_t, Answer> answers_;
};

std::string reply(const std::string& body, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

kube::ClientConfig config_for(const HttpServer& server, const std::string& scheme = "http") {
  kube::ClientConfig config;
  config.cluster.name = "c";
  config.cluster.server =
      *kube::parse_url(scheme + "://127.0.0.1:" + std::to_string(server.port()));
  config.user.name = "ann";
  return config;
}

}  // namespace

TEST_CASE("http: a request carries who asks") {
  std::string seen;
  HttpServer server([&](const std::string& request, HttpServer::Connection& connection) {
    seen = request;
    return connection.write(reply("hello"));
  });
  kube::ClientConfig config = config_for(server);
  config.cluster.server.path = "/prefix";
  config.user.token = "secret";
  config.user.headers = {{"Impersonate-User", "bob"}};
  Client client(config);
  const Answer answer = client.get("/api/v1/services?limit=500&labelSelector=a%3Db");
  CHECK(answer.status == 200);
  CHECK(answer.body == "hello");
  CHECK(answer.error.empty());
  CHECK(seen ==
        "GET /prefix/api/v1/services?limit=500&labelSelector=a%3Db HTTP/1.1\r\nHost: "
        "127.0.0.1:" +
            std::to_string(server.port()) +
            "\r\nUser-Agent: pona/test\r\nAccept: application/json\r\n"
            "Authorization: Bearer secret\r\nImpersonate-User: bob\r\n\r\n");
  client.get(client.start({"PATCH", "/x", "application/apply-patch+yaml", "{\"a\":1}", false}));
  CHECK(seen.starts_with("PATCH /prefix/x HTTP/1.1\r\n"));
  CHECK(seen.find("\r\nContent-Type: application/apply-patch+yaml\r\n") != std::string::npos);
  CHECK(seen.ends_with("\r\n\r\n{\"a\":1}"));
  CHECK(server.connections() == 1);
  client.get(client.start({"GET", "/", "", "", true}));
  CHECK(server.connections() == 2);
}

TEST_CASE("http: a stream arrives as it is sent, and can be left") {
  int requests = 0;
  bool gone = false;
  HttpServer server([&](const std::string&, HttpServer::Connection& connection) {
    ++requests;
    connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    for (int i = 0; i < 200 && !gone; ++i) {
      std::this_thread::sleep_for(20ms);
      gone = !connection.write("1\r\n.\r\n");
    }
    return false;
  });
  Client client(config_for(server));
  const auto id = client.start("/watch");
  client.wait([&] { return client.answer(id).body.starts_with("first."); });
  CHECK(client.answer(id).status == 200);
  CHECK_FALSE(client.answer(id).ended);
  client.cancel(id);
  client.cancel(id);
  const auto size = client.answer(id).body.size();
  const auto from = Steady::now();
  client.wait([&] { return Steady::now() - from > 200ms; });
  CHECK(client.answer(id).body.size() == size);
  CHECK_FALSE(client.answer(id).ended);
}

TEST_CASE("http: that a stream is open is told before it says anything") {
  std::atomic<bool> over = false;
  HttpServer server([&](const std::string&, HttpServer::Connection& connection) {
    connection.write(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (!over) std::this_thread::sleep_for(5ms);
    return false;
  });
  Client client(config_for(server));
  const auto id = client.start("/watch");
  client.wait([&] { return client.answer(id).status != 0; });
  CHECK(client.answer(id).status == 200);
  CHECK(client.answer(id).body.empty());
  over = true;
}

TEST_CASE("http: what goes wrong is said") {
  std::string said = reply("");
  HttpServer server([&](const std::string&, HttpServer::Connection& connection) {
    connection.write(said);
    return false;
  });
  Client client(config_for(server));
  const std::string name = "http://127.0.0.1:" + std::to_string(server.port());
  SECTION("a status is an answer") {
    said = "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno";
    const Answer answer = client.get("/");
    CHECK(answer.status == 429);
    CHECK(answer.retry_after == 7s);
    CHECK(answer.body == "no");
    CHECK(answer.error.empty());
  }
  SECTION("cut in the middle") {
    said = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    const Answer answer = client.get("/");
    CHECK(answer.status == 200);
    CHECK(answer.body == "half");
    CHECK(answer.error.starts_with("the answer of " + name + " was cut off: "));
  }
  SECTION("no answer at all") {
    said.clear();
    CHECK(client.get("/").error ==
          "cannot reach the API server " + name + ": Empty reply from server");
  }
  SECTION("nobody listens") {
    kube::ClientConfig config = config_for(server);
    config.cluster.server.port = 1;
    const Answer answer = Client(config).get("/");
    CHECK(answer.status == 0);
    CHECK(answer.error.starts_with("cannot reach the API server http://127.0.0.1:1: "));
    CHECK(answer.error.ends_with("(Connection refused)"));
  }
  SECTION("no credential to be had") {
    kube::ClientConfig config = config_for(server);
    config.user.token_file = "/nonexistent/token";
    CHECK(
        Client(config).get("/").error ==
        "tokenFile of user \"ann\": /nonexistent/token cannot be read: No such file or directory");
  }
}

TEST_CASE("http: a refused token is read again") {
  std::string file = (std::filesystem::temp_directory_path() / "pona-http-XXXXXX").string();
  close(mkstemp(file.data()));
  const auto write = [&](const std::string& text) {
    FILE* const out = fopen(file.c_str(), "w");
    fputs(text.c_str(), out);
    fclose(out);
  };
  write("old");
  HttpServer server([&](const std::string& request, HttpServer::Connection& connection) {
    const bool good = request.find("Bearer new") != std::string::npos;
    return connection.write(reply("", good ? "200 OK" : "401 Unauthorized"));
  });
  kube::ClientConfig config = config_for(server);
  config.user.token_file = file;
  Client client(config);
  CHECK(client.get("/").status == 401);
  write("new");
  CHECK(client.get("/").status == 200);
  std::filesystem::remove(file);
}

TEST_CASE("http: TLS by the configuration") {
  const support::Identity identity = support::make_identity("api.example");
  const support::Identity person = support::make_identity("ann");
  std::string seen;
  HttpServer server(
      [&](const std::string& request, HttpServer::Connection& connection) {
        seen = request;
        return connection.write(reply("peer: " + connection.peer()));
      },
      &identity, person.certificate);
  kube::ClientConfig config = config_for(server, "https");
  config.cluster.ca.data = identity.certificate;
  SECTION("another name than the URL's") {
    config.cluster.tls_server_name = "api.example";
    Client client(config);
    const Answer answer = client.get("/");
    CHECK(answer.error.empty());
    CHECK(answer.body == "peer: ");
    CHECK(seen.find("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n") !=
          std::string::npos);
  }
  SECTION("a client certificate") {
    config.cluster.tls_server_name = "api.example";
    config.user.certificate.data = person.certificate;
    config.user.key.data = person.key;
    CHECK(Client(config).get("/").body == "peer: /CN=ann");
  }
  SECTION("a wrong name") {
    const Answer answer = Client(config).get("/");
    CHECK(answer.status == 0);
    CHECK(answer.error.find("check certificate-authority and tls-server-name of cluster \"c\"") !=
          std::string::npos);
    CHECK(seen.empty());
  }
  SECTION("an authority that did not sign it") {
    config.cluster.tls_server_name = "api.example";
    config.cluster.ca.data = support::make_identity("api.example").certificate;
    CHECK(Client(config).get("/").error.find("check certificate-authority") != std::string::npos);
    config.cluster.ca = {};  // the system's
    CHECK(Client(config).get("/").error.find("check certificate-authority") != std::string::npos);
  }
  SECTION("no verification") {
    config.cluster.ca = {};
    config.cluster.insecure = true;
    CHECK(Client(config).get("/").status == 200);
  }
}

TEST_CASE("http: through a proxy") {
  std::string seen;
  HttpServer proxy([&](const std::string& request, HttpServer::Connection& connection) {
    seen = request;
    return connection.write(reply("proxied"));
  });
  kube::ClientConfig config = config_for(proxy);
  config.cluster.server = *kube::parse_url("http://192.0.2.1:6443");
  const std::string address = "http://127.0.0.1:" + std::to_string(proxy.port());
  SECTION("of the kubeconfig, whatever NO_PROXY says") {
    config.cluster.proxy = kube::parse_url(address);
    setenv("NO_PROXY", "*", 1);
    CHECK(Client(config).get("/x").body == "proxied");
    unsetenv("NO_PROXY");
    CHECK(seen.starts_with("GET http://192.0.2.1:6443/x HTTP/1.1\r\n"));
  }
  SECTION("of the environment, by CONNECT for https") {
    config.cluster.server.scheme = "https";
    setenv("HTTPS_PROXY", address.c_str(), 1);
    CHECK_FALSE(Client(config).get("/x").error.empty());  // no TLS behind this proxy
    unsetenv("HTTPS_PROXY");
    CHECK(seen.starts_with("CONNECT 192.0.2.1:6443 HTTP/1.1\r\n"));
  }
}

TEST_CASE("http: no more requests than agreed") {
  HttpServer server([&](const std::string&, HttpServer::Connection& connection) {
    return connection.write(reply("x"));
  });
  Client client(config_for(server), {"pona/test", 20, 2});
  const auto begun = Steady::now();
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(client.start("/"));
  for (const auto id : ids) CHECK(client.get(id).body == "x");
  CHECK(Steady::now() - begun >= 290ms);  // 6 of them 50 ms apart

  kube::RateLimit limit(10, 3);
  const os::Time start{1h};
  for (int i = 0; i < 3; ++i) CHECK(limit.take(start));
  CHECK_FALSE(limit.take(start));
  CHECK(limit.due(start) == start + 100ms);
  CHECK(limit.take(start + 100ms));
  CHECK_FALSE(limit.take(start + 150ms));
  for (int i = 0; i < 3; ++i) CHECK(limit.take(start + 1h));
  CHECK_FALSE(limit.take(start + 1h));
}

}  // namespace unit::http_test
