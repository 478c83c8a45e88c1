// The words of a trace: what they mean, and that an error names the word that is wrong.
#include "cmd/diag/question.hpp"

#include <array>

#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::diag_question_test {

using cmd::parse_trace_words;
using cmd::TraceWords;
using core::Address;
using Words = std::vector<std::string>;

namespace {

std::string refusal(const Words& words, bool needs_port = true) {
  try {
    static_cast<void>(parse_trace_words(words, needs_port));
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::usage);
    return error.what();
  }
  return "";
}

bool names(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("a destination alone") {
  const TraceWords words = parse_trace_words({"203.0.113.5:443"}, true);
  CHECK(words.source == cmd::TraceSource());
  CHECK(words.destination == Address::parse("203.0.113.5"));
  CHECK(words.port == 443);
}

TEST_CASE("a source and a destination, with or without a word between") {
  for (const Words& words : {Words{"198.51.100.7", "203.0.113.5:443"},
                             {"198.51.100.7", "to", "203.0.113.5:443"},
                             {"198.51.100.7", "->", "203.0.113.5:443"},
                             {"198.51.100.7", "→", "203.0.113.5:443"}}) {
    const TraceWords result = parse_trace_words(words, true);
    CHECK(result.source.address == Address::parse("198.51.100.7"));
    CHECK(!result.source.pod);
    CHECK(result.port == 443);
  }
}

TEST_CASE("a pod as the source") {
  const TraceWords words = parse_trace_words({"pod/shop/web-1", "to", "203.0.113.5:443"}, true);
  REQUIRE(words.source.pod);
  CHECK(words.source.pod->ns == "shop");
  CHECK(words.source.pod->name == "web-1");
  for (const char* const pod : {"pod/shop", "pod/shop/", "pod//web", "pod/a/b/c", "pod/"}) {
    INFO(pod);
    CHECK(names(refusal({pod, "203.0.113.5:443"}), pod));
  }
}

TEST_CASE("addresses of IPv6 stand in brackets where a port follows") {
  CHECK(parse_trace_words({"[2001:db8::5]:443"}, true).destination ==
        Address::parse("2001:db8::5"));
  CHECK(parse_trace_words({"[2001:db8::5]:443"}, true).port == 443);
  CHECK(parse_trace_words({"2001:db8::5"}, false).port == 0);
  CHECK(parse_trace_words({"[2001:db8::5]"}, false).destination == Address::parse("2001:db8::5"));
  // The end of an address is not taken for a port.
  CHECK(names(refusal({"2001:db8::5:443"}), "[2001:db8::5:443]:PORT"));
  for (const char* const word : {"[2001:db8::5", "[2001:db8::5]443", "[nonsense]:443", "[]:1"}) {
    INFO(word);
    CHECK(names(refusal({word}), word));
  }
}

TEST_CASE("what has ports needs one") {
  CHECK(parse_trace_words({"203.0.113.5"}, false).port == 0);
  CHECK(names(refusal({"203.0.113.5"}), "203.0.113.5:PORT"));
  for (const char* const port : {"0", "65536", "http", "-1", "80x"}) {
    INFO(port);
    CHECK(names(refusal({std::string("203.0.113.5:") + port}), std::string("\"") + port + "\""));
  }
}

TEST_CASE("words that make no question are named") {
  CHECK(!refusal({}).empty());
  CHECK(!refusal({"to"}).empty());
  CHECK(names(refusal({"nonsense"}), "\"nonsense\""));
  CHECK(names(refusal({"nonsense", "203.0.113.5:443"}), "\"nonsense\""));
  CHECK(names(refusal({"198.51.100.7", "203.0.113.5:443", "extra"}), "\"extra\""));
  CHECK(names(refusal({"2001:db8::1", "203.0.113.5:443"}), "2001:db8::1"));
  // What is left of an arrow that a shell took.
  CHECK(names(refusal({"198.51.100.7", "-"}), "\"to\""));
}

TEST_CASE("a cookie is written and read") {
  const std::string text = "5a17c0de-1234-0102030405060708";
  const auto cookie = cmd::parse_cookie(text, 17);
  REQUIRE(cookie);
  CHECK(cookie->protocol == 17);
  CHECK(cookie->sequence == 0x5a17c0de);
  CHECK(cookie->id == 0x1234);
  CHECK(cookie->payload == std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(cmd::cookie_text(*cookie) == text);
  const core::packet::Cookie made = core::packet::make_cookie(6, 0, ~std::uint64_t{0});
  CHECK(cmd::parse_cookie(cmd::cookie_text(made), 6) == made);
  for (const char* const bad :
       {"", "5a17c0de", "5a17c0de-1234-010203040506070", "5a17c0de-1234-01020304050607089",
        "5a17c0de-1234_0102030405060708", "5a17c0dg-1234-0102030405060708",
        "5a17c0de-0000-0102030405060708", "00000000-1234-0102030405060708",
        "5a17c0de-1234-000000000000000x", "-a17c0de-1234-0102030405060708"}) {
    CHECK_FALSE(cmd::parse_cookie(bad, 6));
  }
}

}  // namespace unit::diag_question_test
