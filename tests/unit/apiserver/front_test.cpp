// The API server behind HTTPS, as a client on the wire sees it.
#include "support/apiserver/front/front.hpp"

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.hpp"
#include "support/apiserver/front/http.hpp"
#include "support/catch.hpp"

namespace unit::front_test {

using namespace std::chrono_literals;

namespace {

using support::apiserver::Fault;
using support::apiserver::Front;
using support::apiserver::Server;
using Json = nlohmann::json;

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Answer {
  CURLcode result = CURLE_OK;
  long status = 0;
  std::string body;
};

class Running {
 public:
  Running() : front({}), thread_([this] { front.run(); }) {}
  ~Running() { front.stop(); }

  Answer ask(const std::string& method, const std::string& path, const std::string& body = "",
             std::chrono::milliseconds patience = 5s) {
    const std::unique_ptr<CURL, EasyDeleter> handle(curl_easy_init());
    const std::unique_ptr<curl_slist, ListDeleter> headers(
        curl_slist_append(curl_slist_append(nullptr, "Authorization: Bearer admin"),
                          "Content-Type: application/json"));
    Answer out;
    const std::string url = front.url() + path;
    curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
    if (!body.empty()) curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body.c_str());
    curl_blob authority{const_cast<char*>(front.authority().data()), front.authority().size(),
                        CURL_BLOB_COPY};
    curl_easy_setopt(handle.get(), CURLOPT_CAINFO_BLOB, &authority);
    curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(patience.count()));
    curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &out.body);
    out.result = curl_easy_perform(handle.get());
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &out.status);
    return out;
  }
  void spoil(Fault::Kind kind, std::size_t after = 0, std::size_t amount = 1) {
    front.with([&](Server& server) { server.add_fault({kind, "", "", 1, after, amount}); });
  }

  Front front;

 private:
  static std::size_t append(char* bytes, std::size_t, std::size_t size, void* out) {
    static_cast<std::string*>(out)->append(bytes, size);
    return size;
  }

  std::jthread thread_;
};

const std::string configs = "/api/v1/namespaces/default/configmaps";

}  // namespace

TEST_CASE("the front verifies, answers and carries bodies of every method", "[apiserver]") {
  Running running;
  CHECK(running.ask("GET", "/readyz").body == "ok");
  const std::string large(200000, 'x');
  const Json config = {{"metadata", {{"name", "c"}}}, {"data", {{"k", large}}}};
  CHECK(running.ask("POST", configs, config.dump()).status == 201);
  CHECK(Json::parse(running.ask("GET", configs + "/c").body)["data"]["k"] == large);
  CHECK(running.ask("DELETE", configs + "/c", R"({"preconditions":{"uid":"no"}})").status == 409);
  CHECK(running.ask("DELETE", configs + "/c").status == 200);
}

TEST_CASE("a watch tells at once what another client did", "[apiserver]") {
  Running running;
  Answer watched;
  {
    std::jthread watching(
        [&] { watched = running.ask("GET", configs + "?watch=true&timeoutSeconds=3"); });
    std::this_thread::sleep_for(300ms);
    CHECK(running.ask("POST", configs, R"({"metadata":{"name":"c"}})").status == 201);
  }
  CHECK(watched.result == CURLE_OK);
  CHECK(Json::parse(watched.body)["type"] == "ADDED");
}

TEST_CASE("faults reach the wire", "[apiserver]") {
  Running running;
  running.spoil(Fault::Kind::drop);
  CHECK(running.ask("GET", configs).result != CURLE_OK);
  running.spoil(Fault::Kind::drop, 10);
  Answer answer = running.ask("GET", configs);
  CHECK(answer.result != CURLE_OK);
  CHECK(answer.body.size() == 10);
  running.spoil(Fault::Kind::stall, 10);
  answer = running.ask("GET", configs, "", 500ms);
  CHECK(answer.result == CURLE_OPERATION_TIMEDOUT);
  CHECK(answer.body.size() == 10);
  running.spoil(Fault::Kind::garbage);
  CHECK(running.ask("GET", configs).result != CURLE_OK);
  running.spoil(Fault::Kind::truncate);
  answer = running.ask("GET", configs);
  CHECK(answer.result == CURLE_OK);
  CHECK_FALSE(Json::accept(answer.body));
  running.spoil(Fault::Kind::drip, 0, 400);
  const auto start = std::chrono::steady_clock::now();
  answer = running.ask("GET", configs);
  CHECK(Json::accept(answer.body));
  CHECK(std::chrono::steady_clock::now() - start > 150ms);
  running.spoil(Fault::Kind::drop);
  answer = running.ask("GET", configs + "?watch=true&timeoutSeconds=3");
  CHECK(answer.result != CURLE_OK);
  CHECK(running.ask("GET", configs).status == 200);
}

TEST_CASE("requests are cut out of the bytes that come in", "[apiserver]") {
  using support::apiserver::parse_request;
  const std::string head = "POST /a HTTP/1.1\r\nX: y\r\n";
  const std::string sized = head + "Content-Length: 3\r\n\r\nabcGET";
  for (std::size_t size = 0; size + 3 < sized.size(); ++size) {
    CHECK_FALSE(parse_request(sized.substr(0, size)));
  }
  CHECK(parse_request(sized)->request.body == "abc");
  CHECK(parse_request(sized)->size == sized.size() - 3);
  const std::string chunked =
      head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
  CHECK(parse_request(chunked)->request.body == "abc");
  CHECK(parse_request(chunked)->size == chunked.size());
  CHECK(parse_request("GET /a HTTP/1.0\r\n\r\n")->keeps_open == false);
  CHECK_THROWS_AS(parse_request("\x16\x03\x01\r\n\r\n"), core::Error);
}

}  // namespace unit::front_test
