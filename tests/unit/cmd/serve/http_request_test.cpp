#include "cmd/serve/http_request.hpp"

#include <string>

#include "support/catch.hpp"

namespace unit::http_request_test {

using Method = cmd::HttpRequest::Method;

TEST_CASE("the head of a request is whole with its empty line") {
  CHECK_FALSE(cmd::end_of_head(""));
  CHECK_FALSE(cmd::end_of_head("GET / HTTP/1.1\r\n"));
  CHECK_FALSE(cmd::end_of_head("GET / HTTP/1.1\r\nHost: x\r\n\r"));
  CHECK(cmd::end_of_head("GET / HTTP/1.1\r\n\r\nmore") == 18);
  CHECK(cmd::end_of_head("GET / HTTP/1.1\nHost: x\n\nmore") == 24);
  // Wherever it was cut in pieces.
  for (const std::string_view text : {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n"}) {
    for (std::size_t from = 0; from < text.size(); ++from) {
      CHECK(cmd::end_of_head(text, from) == text.size());
    }
  }
}

TEST_CASE("a request's path, query and fields are found") {
  const auto request = cmd::parse_head(
      "GET /status?all=1&x HTTP/1.1\r\nHost: a:80\r\nACCEPT-encoding:  gzip \r\n\r\n");
  REQUIRE(request);
  CHECK(request->method == Method::get);
  CHECK(request->path == "/status");
  CHECK(request->query == "all=1&x");
  CHECK(request->field("host") == "a:80");
  CHECK(request->field("Accept-Encoding") == "gzip");
  CHECK(request->field("cookie").empty());

  CHECK(cmd::parse_head("HEAD http://node:9391/healthz HTTP/1.0\r\n\r\n")->path == "/healthz");
  CHECK(cmd::parse_head("GET http://node HTTP/1.1\r\n\r\n")->path == "/");
  CHECK(cmd::parse_head("HEAD / HTTP/1.1\n\n")->method == Method::head);
  CHECK(cmd::parse_head("BREW / HTTP/1.1\r\n\r\n")->method == Method::other);
}

TEST_CASE("what is not HTTP/1 is not taken for it") {
  for (const char* text :
       {"", "\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n",
        " / HTTP/1.1\r\n\r\n", "\x16\x03\x01\n\n"}) {
    CHECK_FALSE(cmd::parse_head(text));
  }
}

}  // namespace unit::http_request_test
