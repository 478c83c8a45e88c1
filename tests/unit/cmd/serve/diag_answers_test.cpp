#include "cmd/serve/diag_answers.hpp"

#include <poll.h>

#include "support/catch.hpp"

namespace unit::diag_answers_test {

using Words = std::vector<std::string>;

TEST_CASE("a daemon runs no trace that names files, sockets or namespaces") {
  CHECK(cmd::diag_refusal({"--udp", "--timeout", "2", "192.0.2.1", "->", "198.51.100.7:53"}) == "");
  CHECK(cmd::diag_refusal({"--watch", "--cookie", "x", "--output", "json"}) == "");
  for (const Words& words :
       {Words{"--from-netns", "/x", "192.0.2.1:1"}, Words{"--socket", "/x"}, Words{"--socket=/x"},
        Words{"--agent-socket", "/x"}, Words{"--sandboxes", "/x"}, Words{"--kubeconfig", "/x"},
        Words{"--config", "/x"}, Words{"--timeout"}, Words{"--timeout", "--socket"}, Words{"-x"},
        Words{"--help"}, Words{"--timeout=1"}, Words{"--stop-on-input"}, Words{"--", "--socket"},
        Words{std::string(300, 'x')}, Words{"--in", std::string(300, 'x')}, Words(40, "192.0.2.1"),
        Words{std::string("a\0b", 3)}}) {
    CAPTURE(words);
    CHECK(cmd::diag_refusal(words) != "");
  }
}

TEST_CASE("questions and answers of a daemon survive the way") {
  const Words words = {"192.0.2.1", "->", "\"\n\xff"};
  const auto read = cmd::parse_diag_question(cmd::diag_question(words));
  REQUIRE(read);
  CHECK((*read)[1] == "->");
  for (const char* const bad : {"", "{}", "[1]", "[[]]", "[", "\"x\""}) {
    CHECK_FALSE(cmd::parse_diag_question(bad));
  }
  const auto answer = cmd::parse_diag_answer(cmd::to_json(cmd::DiagAnswer{3, "out\n", "err", ""}));
  REQUIRE(answer);
  CHECK(answer->status == 3);
  CHECK(answer->output == "out\n");
  CHECK(answer->errors == "err");
  CHECK(cmd::parse_diag_answer(cmd::to_json(cmd::DiagAnswer{0, "", "", "no"}))->refusal == "no");
  for (const char* const bad :
       {"", "{}", "[]", R"({"error":{"code":6,"msg":"no command DIAG"}})"}) {
    CHECK_FALSE(cmd::parse_diag_answer(bad));
  }
}

TEST_CASE("a refusal is told at once, and what runs is ended with its daemon") {
  std::vector<std::string> told;
  const auto keep = [&](const std::string& json) { told.push_back(json); };
  {
    cmd::DiagAnswers answers({});
    answers.answer({"--socket", "/x"}, keep);
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("--socket") != std::string::npos);
    // This program knows no such words: what it says and its status come back.
    answers.answer({"192.0.2.1:1"}, keep);
    pollfd fd{answers.fd(), POLLIN, 0};
    while (told.size() < 2) {
      poll(&fd, 1, 20'000);
      answers.take();
    }
    const auto answer = cmd::parse_diag_answer(told[1]);
    REQUIRE(answer);
    CHECK(answer->refusal == "");
  }
}

}  // namespace unit::diag_answers_test
