#include "cmd/cni/plugin.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cmd/node/agent_protocol.hpp"
#include "cmd/node/sandbox_record.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::plugin_test {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* result = R"({"cniVersion":"0.4.0","interfaces":[
  {"name":"cni0","mac":"aa:aa:aa:aa:aa:aa"},
  {"name":"eth0","mac":"bb:bb:bb:bb:bb:bb","sandbox":"/run/netns/a"}],
  "ips":[{"interface":1,"address":"10.1.2.3/24","gateway":"10.1.2.1"},
         {"interface":0,"address":"10.1.2.1/24"},
         {"address":"fd00::3/64"}],
  "routes":[{"dst":"0.0.0.0/0"}],"dns":{},"future":[1.5,null]})";

// A node: its sandbox directory, its network namespaces, and an agent that answers what it is told
// to, or is away.
struct Node {
  support::Temporary directory;
  std::map<std::string, std::string> cookies = {{"/run/netns/a", "7"}};
  std::optional<std::string> answer = R"({"version":1})";
  std::vector<cmd::AgentRequest> asked;
  bool recorded_when_asked = false;
  cmd::Environment environment = {
      {"CNI_CONTAINERID", "c1"},
      {"CNI_IFNAME", "eth0"},
      {"CNI_NETNS", "/run/netns/a"},
      {"CNI_ARGS",
       "IgnoreUnknown=1;K8S_POD_UID=u1;K8S_POD_NAME=web;K8S_POD_NAMESPACE=shop;"
       "K8S_POD_INFRA_CONTAINER_ID=c1;odd"},
  };
  Json config = {{"cniVersion", "1.0.0"},
                 {"name", "pods"},
                 {"type", "pona-cni"},
                 {"socket", "/run/test.sock"},
                 {"stateDir", directory.path().string()},
                 {"prevResult", Json::parse(result)},
                 {"unknown", {1, 2}}};

  [[nodiscard]] cmd::SandboxStore store() const { return cmd::SandboxStore(directory.path()); }

  cmd::CniReply call(const std::string& command, const std::string& input) {
    environment["CNI_COMMAND"] = command;
    const cmd::CniEffects effects = {
        [this](const std::string& path) {
          const auto found = cookies.find(path);
          if (found == cookies.end()) throw core::Error(core::Error::Kind::permanent, "no " + path);
          return found->second;
        },
        [this](const std::string& socket, const std::string& line,
               std::chrono::milliseconds timeout) {
          CHECK(socket == "/run/test.sock");
          const auto request = cmd::parse_agent_request(line);
          REQUIRE(request);
          CHECK(request->timeout == timeout);
          asked.push_back(*request);
          recorded_when_asked = store().find("c1", "eth0").has_value();
          if (!answer) throw core::Error(core::Error::Kind::transient, "connection refused");
          return *answer;
        },
    };
    return answer_cni(environment, input, effects);
  }
  cmd::CniReply call(const std::string& command) { return call(command, config.dump()); }

  // The code of the error that the call ends with; 0 for none.
  int code(const std::string& command) {
    const cmd::CniReply reply = call(command);
    CHECK(reply.status == (reply.output.find("\"code\"") == std::string::npos ? 0 : 1));
    if (reply.status == 0) return 0;
    const Json error = Json::parse(reply.output);
    CHECK(error["msg"].is_string());
    CHECK(error["cniVersion"].is_string());
    return error["code"].get<int>();
  }

  void annotations(const Json& value) {
    config["runtimeConfig"] = {{"io.kubernetes.cri.pod-annotations", value}};
  }
};

const cmd::Sandbox recorded = {
    .container = "c1",
    .interface = "eth0",
    .netns = "/run/netns/a",
    .cookie = "7",
    .pod = {"shop", "web"},
    .uid = "u1",
    .addresses = {*core::Address::parse("10.1.2.3"), *core::Address::parse("fd00::3")},
    .network = "pods"};

}  // namespace

TEST_CASE("ADD records the sandbox, asks the agent, and passes the result on") {
  Node node;
  const cmd::CniReply reply = node.call("ADD");
  CHECK(reply.status == 0);
  CHECK(reply.note.empty());
  Json expected = Json::parse(result);
  expected["cniVersion"] = "1.0.0";
  CHECK(reply.output == expected.dump() + '\n');  // in the same order
  CHECK(node.store().all() == std::vector{recorded});
  REQUIRE(node.asked.size() == 1);
  CHECK(node.asked[0] == cmd::AgentRequest{"ADD", recorded, {}, std::chrono::milliseconds(10'000)});
  CHECK(node.recorded_when_asked);
}

TEST_CASE("every supported version can ADD; others are refused") {
  Node node;
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    node.config["cniVersion"] = version;
    const cmd::CniReply reply = node.call("ADD");
    CHECK(reply.status == 0);
    CHECK(Json::parse(reply.output)["cniVersion"] == version);
  }
  for (const char* version : {"0.2.0", "0.2.9", "1.2.0", "2.0.0", "", "x"}) {
    node.config["cniVersion"] = version;
    CHECK(node.code("ADD") == 1);
  }
  node.config.erase("cniVersion");
  CHECK(node.code("ADD") == 1);
}

TEST_CASE("a pod that wants no egress waits for nobody, if the runtime tells its annotations") {
  Node node;
  node.answer = std::nullopt;
  const Json annotations = GENERATE(Json::object(), Json(nullptr), Json{{"a", "b"}},
                                    Json{{"x.egress.pona.cybozu.com/ns", "name"}});
  node.annotations(annotations);
  CHECK(node.code("ADD") == 0);
  CHECK(node.code("CHECK") == 0);
  CHECK(node.asked.empty());
  CHECK(node.store().all() == std::vector{recorded});
}

TEST_CASE("a pod that wants egress, or may want it, fails without the agent and leaves no record") {
  Node node;
  node.answer = std::nullopt;
  SECTION("it asks for it") { node.annotations({{"egress.pona.cybozu.com/ns", "name"}}); }
  SECTION("nothing is known") {}
  SECTION("no list of annotations") { node.annotations("none"); }
  const Json error = Json::parse(node.call("ADD").output);
  CHECK(error["code"] == 11);
  CHECK(error["msg"].get<std::string>().find("agent") != std::string::npos);
  CHECK(error["details"] == "connection refused");
  CHECK(node.asked.size() == 1);
  CHECK(node.store().all().empty());
}

TEST_CASE("what the agent refuses is refused with its own code") {
  Node node;
  node.answer = R"({"version":1,"error":{"code":101,"msg":"no","details":"why"}})";
  const cmd::CniReply reply = node.call("ADD");
  CHECK(reply.status == 1);
  CHECK(reply.output ==
        "{\"cniVersion\":\"1.0.0\",\"code\":101,\"msg\":\"no\",\"details\":\"why\"}\n");
  CHECK(node.store().all().empty());
  node.answer = "hello";
  CHECK(node.code("ADD") == 6);
}

TEST_CASE("a container that is no pod is recorded and passed through") {
  Node node;
  node.answer = std::nullopt;
  node.environment["CNI_ARGS"] = "IgnoreUnknown=1";
  CHECK(node.code("ADD") == 0);
  CHECK(node.code("CHECK") == 0);
  REQUIRE(node.store().all().size() == 1);
  CHECK(node.store().all()[0].pod == core::ObjectName{});
  CHECK(node.code("DEL") == 0);
  CHECK(node.asked.empty());
  CHECK(node.store().all().empty());
}

TEST_CASE("a bad environment is told by its variable") {
  Node node;
  const auto [name, value] =
      GENERATE(table<std::string, std::string>({{"CNI_CONTAINERID", ""},
                                                {"CNI_CONTAINERID", "../x"},
                                                {"CNI_IFNAME", ""},
                                                {"CNI_IFNAME", "a/b"},
                                                {"CNI_NETNS", ""},
                                                {"CNI_NETNS", "relative"},
                                                {"CNI_NETNS", "/run/netns/gone"},
                                                {"CNI_ARGS", "K8S_POD_NAME=web"}}));
  node.environment[name] = value;
  const Json error = Json::parse(node.call("ADD").output);
  CHECK(error["code"] == 4);
  CHECK(error["msg"].get<std::string>().find(name) != std::string::npos);
  CHECK(node.store().all().empty());
  CHECK(node.asked.empty());
}

TEST_CASE("a missing or unknown command is an error of the environment") {
  Node node;
  CHECK(node.code("") == 4);
  CHECK(node.code("add") == 4);
  CHECK(node.code("UPDATE") == 4);
}

TEST_CASE("a bad netconf is told by its key") {
  Node node;
  const auto [key, value, code] = GENERATE(
      table<std::string, Json, int>({{"socket", 1, 7},
                                     {"socket", "agent.sock", 7},
                                     {"socket", '/' + std::string(120, 'x'), 7},
                                     {"stateDir", "", 7},
                                     {"timeoutSeconds", 0, 7},
                                     {"timeoutSeconds", -1, 7},
                                     {"timeoutSeconds", 601, 7},
                                     {"timeoutSeconds", "10", 7},
                                     {"prevResult", nullptr, 7},
                                     {"prevResult", Json::array(), 7},
                                     {"prevResult", {{"ips", {{{"address", "10.0.0"}}}}}, 7},
                                     {"ipam", {{"type", "host-local"}}, 2}}));
  node.config[key] = value;
  const Json error = Json::parse(node.call("ADD").output);
  CHECK(error["code"] == code);
  CHECK(error["msg"].get<std::string>().find(key) != std::string::npos);
  CHECK(node.store().all().empty());
}

TEST_CASE("a netconf that is no JSON object cannot be decoded") {
  Node node;
  for (const char* text : {"", "{", "[]", "7"}) {
    CHECK(Json::parse(node.call("ADD", text).output)["code"] == 6);
  }
}

TEST_CASE("the time an answer may take is the netconf's") {
  Node node;
  node.config["timeoutSeconds"] = 2.5;
  CHECK(node.code("ADD") == 0);
  CHECK(node.code("DEL") == 0);
  node.config["timeoutSeconds"] = 0.1;
  CHECK(node.code("DEL") == 0);
  REQUIRE(node.asked.size() == 3);
  CHECK(node.asked[0].timeout == std::chrono::milliseconds(2500));
  CHECK(node.asked[1].timeout == std::chrono::milliseconds(500));
  CHECK(node.asked[2].timeout == std::chrono::milliseconds(100));
}

TEST_CASE("a sandbox that cannot be recorded is an error, and the agent is not asked") {
  Node node;
  node.config["stateDir"] = node.directory.write("file", "") + "/below";
  CHECK(node.code("ADD") == 5);
  CHECK(node.asked.empty());
}

TEST_CASE("DEL tells the agent what was recorded and removes it") {
  Node node;
  REQUIRE(node.code("ADD") == 0);
  node.environment.erase("CNI_NETNS");
  node.environment.erase("CNI_ARGS");
  const cmd::CniReply reply = node.call("DEL");
  CHECK(reply.status == 0);
  CHECK(reply.output.empty());
  REQUIRE(node.asked.size() == 2);
  CHECK(node.asked[1] == cmd::AgentRequest{"DEL", recorded, {}, std::chrono::milliseconds(500)});
  CHECK(node.recorded_when_asked);
  CHECK(node.store().all().empty());
}

TEST_CASE("pitfall 18: DEL succeeds whatever is gone or wrong") {
  Node node;
  REQUIRE(node.code("ADD") == 0);
  SECTION("nothing is wrong") {}
  SECTION("the namespace is gone") { node.cookies.clear(); }
  SECTION("the agent is away") { node.answer = std::nullopt; }
  SECTION("the agent refuses") { node.answer = R"({"version":1,"error":{"code":11}})"; }
  SECTION("the agent talks nonsense") { node.answer = ""; }
  SECTION("no namespace is named") { node.environment.erase("CNI_NETNS"); }
  SECTION("the pod is not named") { node.environment.erase("CNI_ARGS"); }
  SECTION("the record is broken") { static_cast<void>(node.directory.write("c1:eth0.json", "{")); }
  SECTION("there is no previous result") { node.config.erase("prevResult"); }
  SECTION("the previous result is bad") { node.config["prevResult"] = "bad"; }
  SECTION("the version is a later one") { node.config["cniVersion"] = "3.0.0"; }
  SECTION("a key is bad") { node.config["timeoutSeconds"] = "long"; }
  for (int time = 0; time < 3; ++time) CHECK(node.code("DEL") == 0);
  CHECK(node.store().all().empty());
  CHECK_FALSE(std::filesystem::exists(node.directory.path() / "c1:eth0.json"));
  CHECK(node.call("DEL", "no JSON").status == 0);
}

TEST_CASE("DEL without a state directory or a container") {
  Node node;
  node.config["stateDir"] = node.directory.write("file", "") + "/below";
  CHECK(node.code("DEL") == 0);
  node.environment.erase("CNI_CONTAINERID");
  CHECK(node.code("DEL") == 4);
}

TEST_CASE("CHECK compares the record with the namespace, then asks the agent") {
  Node node;
  CHECK(node.code("CHECK") == 100);
  REQUIRE(node.code("ADD") == 0);
  const cmd::CniReply reply = node.call("CHECK");
  CHECK(reply.status == 0);
  CHECK(reply.output.empty());
  CHECK(node.asked.back().command == "CHECK");
  node.cookies["/run/netns/a"] = "8";  // another namespace at the same path
  CHECK(node.code("CHECK") == 100);
  node.cookies["/run/netns/a"] = "7";
  node.answer = std::nullopt;
  CHECK(node.code("CHECK") == 11);
  CHECK(node.store().all() == std::vector{recorded});
  node.config["cniVersion"] = "0.3.1";
  CHECK(node.code("CHECK") == 1);
  node.config["cniVersion"] = "0.4.0";
  node.config.erase("prevResult");
  CHECK(node.code("CHECK") == 7);
}

TEST_CASE("GC removes what is not listed, of its own network only") {
  Node node;
  for (const auto& [container, network] : std::vector<std::pair<std::string, std::string>>{
           {"c1", "pods"}, {"c2", "pods"}, {"c3", "storage"}}) {
    node.environment["CNI_CONTAINERID"] = container;
    node.config["name"] = network;
    REQUIRE(node.code("ADD") == 0);
  }
  node.config["name"] = "pods";
  node.config["cniVersion"] = "1.1.0";
  node.config.erase("prevResult");
  CHECK(node.code("GC") == 0);  // no list, no garbage
  CHECK(node.store().all().size() == 3);

  node.config["cni.dev/valid-attachments"] = {{{"containerID", "c1"}, {"ifname", "eth0"}},
                                              {{"containerID", "c9"}, {"ifname", "eth0"}}};
  SECTION("the agent is there") {
    CHECK(node.code("GC") == 0);
    REQUIRE(node.asked.back().command == "GC");
    CHECK(node.asked.back().sandboxes == node.store().all());
  }
  SECTION("the agent is away") {
    node.answer = std::nullopt;
    CHECK(node.code("GC") == 0);
  }
  SECTION("the agent refuses") {
    node.answer = R"({"version":1,"error":{"code":101,"msg":"no"}})";
    CHECK(node.code("GC") == 101);
  }
  const auto left = node.store().all();
  REQUIRE(left.size() == 2);
  CHECK(left[0] == recorded);
  CHECK(left[1].container == "c3");
  node.config["cniVersion"] = "1.0.0";
  CHECK(node.code("GC") == 1);
}

TEST_CASE("STATUS is the agent's") {
  Node node;
  node.config = {{"cniVersion", "1.1.0"}, {"name", "pods"}, {"socket", "/run/test.sock"}};
  const cmd::CniReply reply = node.call("STATUS");
  CHECK(reply.status == 0);
  CHECK(reply.output.empty());
  node.answer = std::nullopt;
  CHECK(node.code("STATUS") == 50);
  node.answer = R"({"version":1,"error":{"code":51,"msg":"no NAT pod"}})";
  CHECK(node.code("STATUS") == 51);
  node.config["cniVersion"] = "1.0.0";
  CHECK(node.code("STATUS") == 1);
}

TEST_CASE("VERSION lists the versions and needs nothing") {
  Node node;
  node.environment.clear();
  const std::string versions = R"("supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]})";
  CHECK(node.call("VERSION", R"({"cniVersion":"0.4.0"})").output ==
        R"({"cniVersion":"0.4.0",)" + versions + '\n');
  CHECK(node.call("VERSION", "").output == R"({"cniVersion":"1.1.0",)" + versions + '\n');
  CHECK(node.call("VERSION", "").status == 0);
}

TEST_CASE("a netconf that is nested without end is an error, and DEL succeeds nevertheless") {
  Node node;
  for (const std::size_t depth : {std::size_t{300}, std::size_t{200'000}}) {
    const std::string deep =
        R"({"cniVersion":"1.0.0","name":"pods","type":"pona-cni","prevResult":)" +
        std::string(depth, '[') + std::string(depth, ']') + "}";
    const cmd::CniReply added = node.call("ADD", deep);
    CHECK(added.status != 0);
    CHECK(Json::parse(added.output)["code"] == 6);
    CHECK(node.call("DEL", deep).status == 0);
  }
  // Brackets in a text are none.
  node.config["unknown"] = std::string(300, '[') + "\"";
  CHECK(node.call("ADD", node.config.dump()).status == 0);
}

}  // namespace unit::plugin_test
