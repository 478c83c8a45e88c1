#include "cmd/node/agent_protocol.hpp"

#include "support/catch.hpp"

namespace unit::agent_protocol_test {

namespace {

const cmd::Sandbox web = {.container = "c1",
                          .interface = "eth0",
                          .netns = "/run/netns/a",
                          .cookie = "7",
                          .pod = {"shop", "web"},
                          .uid = "u1",
                          .addresses = {*core::Address::parse("10.0.0.1")},
                          .network = "pods"};

}  // namespace

TEST_CASE("requests to the agent read back") {
  const cmd::AgentRequest request =
      GENERATE(cmd::AgentRequest{"ADD", web, {}, std::chrono::milliseconds(10'000)},
               cmd::AgentRequest{"STATUS", std::nullopt, {}, std::chrono::milliseconds(1)},
               cmd::AgentRequest{"GC", std::nullopt, {}, std::chrono::milliseconds(1)},
               cmd::AgentRequest{"GC", std::nullopt, {web, web}, std::chrono::milliseconds(1)});
  const std::string text = to_json(request);
  CHECK(text.find('\n') == std::string::npos);
  CHECK(cmd::parse_agent_request(text) == request);
}

TEST_CASE("a request is what the agent was promised") {
  CHECK(to_json(cmd::AgentRequest{"CHECK", web, {}, std::chrono::milliseconds(500)}) ==
        R"({"version":1,"command":"CHECK","sandbox":)" + to_json(web) +
            R"(,"timeoutMilliseconds":500})");
}

TEST_CASE("answers of the agent read back") {
  CHECK(to_json(cmd::AgentAnswer{}) == R"({"version":1})");
  CHECK(cmd::parse_agent_answer(R"({"version":1,"later":true})") == cmd::AgentAnswer{});
  const cmd::AgentAnswer no{cmd::CniError{11, "no NAT pod \"yet\"", ""}};
  CHECK(cmd::parse_agent_answer(to_json(no)) == no);
}

TEST_CASE("what is no request and no answer is nothing") {
  const std::string text = GENERATE(
      "", "null", "{", "{}", R"({"version":2})", R"({"version":2,"command":"ADD"})",
      R"({"version":1,"command":"","error":{}})", R"({"version":1,"command":7,"error":{"code":0}})",
      R"({"version":1,"command":"ADD","sandbox":{},"error":{"code":"11"}})",
      R"({"version":1,"command":"GC","sandboxes":{},"error":7})",
      R"({"version":1,"command":"GC","sandboxes":[{}],"error":{"code":-1}})",
      // What no int holds: 0 when cut, and less.
      R"({"version":1,"command":"STATUS","timeoutMilliseconds":3600001,"error":{"code":4294967296}})",
      R"({"version":1,"command":"STATUS","timeoutMilliseconds":18446744073709551615,)"
      R"("error":{"code":18446744073709551615}})");
  CHECK_FALSE(cmd::parse_agent_request(text));
  CHECK_FALSE(cmd::parse_agent_answer(text));
}

}  // namespace unit::agent_protocol_test
