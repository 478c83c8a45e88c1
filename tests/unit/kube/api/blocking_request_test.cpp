#include "kube/api/blocking_request.hpp"

#include <mutex>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/http_server.hpp"
#include "support/temporary.hpp"

namespace unit::blocking_request_test {

namespace {

using namespace std::chrono_literals;
using support::HttpServer;

// Gives one answer after the other, and the last one again.
class Server {
 public:
  explicit Server(std::vector<std::string> answers)
      : answers_(std::move(answers)), server_([this](const auto& request, auto& connection) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          const std::string answer = answers_[std::min(requests_.size(), answers_.size()) - 1];
          return answer.empty() || connection.write(answer);
        }) {}

  [[nodiscard]] kube::ClientConfig config() const {
    kube::ClientConfig config;
    config.origin = "context \"lab\"";
    config.cluster.server = *kube::parse_url("http://127.0.0.1:" + std::to_string(server_.port()));
    return config;
  }
  [[nodiscard]] std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return requests_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  HttpServer server_;
};

std::string answer(int code, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string busy = answer(429, "", "Retry-After: 1\r\n");
const kube::Request get = {"GET", "/api", "", ""};
const kube::Request patch = {"PATCH", "/api", "application/json", "{}"};

}  // namespace

TEST_CASE("call: the answer is whole, whatever its code") {
  const std::string status =
      R"({"kind":"Status","reason":"Conflict","message":"no","details":{"name":"web","kind":)"
      R"("mappings","causes":[{"reason":"FieldManagerConflict","field":".spec.ports",)"
      R"("message":"conflict with \"helm\""}]}})";
  Server server({answer(200, "hello"), answer(409, status), answer(404, "404 page not found\n")});
  kube::Caller caller(server.config(), "pona/test");
  CHECK(caller.call(get, "get it").body == "hello");
  const kube::Answer conflict = caller.call(patch, "change it");
  CHECK(conflict.code == 409);
  CHECK(conflict.status.name == "web");
  CHECK(conflict.status.kind == "mappings");
  CHECK(conflict.status.causes ==
        std::vector<kube::StatusCause>{
            {"FieldManagerConflict", ".spec.ports", "conflict with \"helm\""}});
  CHECK(std::string(caller.refused(conflict, "change it").what()).find("409 Conflict: no") !=
        std::string::npos);
  CHECK(caller.call(get, "get it").status.name.empty());
}

TEST_CASE("call: what the server asks to be repeated is, and no change that it may have made") {
  SECTION("a busy server") {
    Server server({busy, busy, answer(200, "there")});
    kube::Caller caller(server.config(), "pona/test");
    CHECK(caller.call(patch, "change it").body == "there");
    CHECK(server.requests() == 3);
  }
  SECTION("a broken one, by GET") {
    Server server({answer(503, "", "Retry-After: 1\r\n"), answer(200, "there")});
    kube::Caller caller(server.config(), "pona/test");
    CHECK(caller.call(get, "get it").body == "there");
  }
  SECTION("a broken one, by PATCH, and one that says nothing of a retry") {
    Server server({answer(503, "", "Retry-After: 1\r\n"), answer(500, ""), answer(200, "there")});
    kube::Caller caller(server.config(), "pona/test");
    CHECK(caller.call(patch, "change it").code == 503);
    CHECK(caller.call(get, "get it").code == 500);
    CHECK(server.requests() == 2);
  }
}

TEST_CASE("call: a refused credential is tried once more where it can be another one") {
  const support::Temporary directory;
  Server server({answer(401, ""), answer(200, "there"), answer(401, "")});
  kube::ClientConfig config = server.config();
  config.user.token_file = directory.write("token", "t");
  kube::Caller caller(config, "pona/test");
  CHECK(caller.call(get, "get it").body == "there");
  const kube::Answer refused = caller.call(get, "get it");
  CHECK(refused.code == 401);
  CHECK(server.requests() == 4);
  CHECK(std::string(caller.refused(refused, "get it").what())
            .find("does not accept the credential of context \"lab\"") != std::string::npos);
}

TEST_CASE("call: no answer, or half of one, is a transient error") {
  const auto error_of = [](kube::Caller& caller) {
    try {
      caller.call(get, "get it");
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::Error::Kind::transient);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  Server silent({""});
  kube::Caller patient(silent.config(), "pona/test", 300ms);
  CHECK(error_of(patient).find("did not answer within") != std::string::npos);

  kube::ClientConfig nobody = silent.config();
  nobody.cluster.server.port = 1;
  kube::Caller caller(nobody, "pona/test");
  CHECK(error_of(caller).starts_with(
      "cannot get it: cannot reach the API server http://127.0.0.1:1"));
}

}  // namespace unit::blocking_request_test
