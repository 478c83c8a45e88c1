#include "cmd/agent/conflist.hpp"

#include <nlohmann/json.hpp>

#include "cmd/node/agent_protocol.hpp"
#include "support/catch.hpp"

namespace unit::conflist_test {

namespace {

using Json = nlohmann::ordered_json;

const cmd::ChainOptions options{std::string(cmd::default_agent_socket),
                                std::string(cmd::default_sandbox_directory)};

const Json entry = {{"type", "pona-cni"},
                    {"capabilities", {{"io.kubernetes.cri.pod-annotations", true}}},
                    {"managedBy", "pona-agent"}};

constexpr const char* calico = R"({
  "zeta": [1.50, {"b": 1, "a": 2}], "cniVersion": "0.3.1", "name": "k8s-pod-network",
  "plugins": [{"type": "calico", "mtu": 0, "log_level": "info"},
              {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}]
})";
constexpr const char* bridge =
    R"({"cniVersion": "1.0.0", "name": "pods", "type": "bridge", "ipam": {"type": "host-local"}})";

Json with_entry(const char* text) {
  Json list = Json::parse(text);
  list["plugins"].push_back(entry);
  return list;
}

// Does the edits, as the files would be afterwards.
cmd::ChainFiles after(cmd::ChainFiles files, const cmd::ChainPlan& plan) {
  for (const cmd::ChainEdit& edit : plan.edits) {
    files.erase(edit.name);
    if (edit.text) files[edit.name] = edit.text;
  }
  return files;
}

cmd::ChainFiles joined(const cmd::ChainFiles& files) {
  const auto result = after(files, plan_chain(files, options));
  CHECK(plan_chain(result, options).edits.empty());
  return result;
}

Json parsed(const cmd::ChainFiles& files, const std::string& name) {
  return files.contains(name) ? Json::parse(*files.at(name)) : Json();
}

}  // namespace

TEST_CASE("the plugin becomes the last of the list that the runtime uses, and only there") {
  const cmd::ChainFiles files = {{"10-calico.conflist", calico},
                                 {"20-other.conflist", calico},
                                 {"05-readme.txt", "no JSON"},
                                 {"30-bridge.conf", bridge}};
  const auto plan = plan_chain(files, options);
  CHECK(plan.problems.empty());
  REQUIRE(plan.edits.size() == 1);
  CHECK(plan.edits[0].name == "10-calico.conflist");
  CHECK(plan.edits[0].what == "added pona-cni to 10-calico.conflist");
  const auto result = joined(files);
  // As text, so that the order counts.
  CHECK(parsed(result, "10-calico.conflist").dump() == with_entry(calico).dump());
  CHECK(after(result, cmd::plan_unchain(result)).at("20-other.conflist") == calico);
  CHECK(parsed(after(result, cmd::plan_unchain(result)), "10-calico.conflist").dump() ==
        Json::parse(calico).dump());
}

TEST_CASE("the entry tells the plugin where the agent is, if it is not where it always is") {
  const cmd::ChainFiles files = {{"10.conflist", calico}};
  const cmd::ChainOptions elsewhere{"/run/a.sock", "/run/b"};
  const auto result = after(files, plan_chain(files, elsewhere));
  const Json plugin = parsed(result, "10.conflist")["plugins"][2];
  CHECK(plugin["socket"] == "/run/a.sock");
  CHECK(plugin["stateDir"] == "/run/b");
  // With other options it is replaced, not doubled.
  CHECK(parsed(joined(result), "10.conflist").dump() == with_entry(calico).dump());
}

TEST_CASE("a configuration with one plugin gets a list before it that follows it") {
  cmd::ChainFiles files = {{"10-bridge.conf", bridge}, {"20-calico.conflist", calico}};
  auto result = joined(files);
  CHECK(result.size() == 3);
  CHECK(result.at("10-bridge.conf") == bridge);
  CHECK(result.at("20-calico.conflist") == calico);
  const Json list = parsed(result, "10-bridge-pona.conflist");
  CHECK(list["cniVersion"] == "1.0.0");
  CHECK(list["name"] == "pods");
  CHECK(list["plugins"] == Json{Json::parse(bridge), entry});
  CHECK(result.begin()->first == "10-bridge-pona.conflist");  // the one that the runtime takes

  SECTION("its owner changes it") {
    result["10-bridge.conf"] = R"({"cniVersion":"0.4.0","name":"new","type":"ptp"})";
    result = joined(result);
    CHECK(parsed(result, "10-bridge-pona.conflist")["plugins"][0]["type"] == "ptp");
    CHECK(parsed(result, "10-bridge-pona.conflist")["cniVersion"] == "0.4.0");
  }
  SECTION("its owner removes it") {
    result.erase("10-bridge.conf");
    result = joined(result);
    CHECK_FALSE(result.contains("10-bridge-pona.conflist"));
    CHECK(parsed(result, "20-calico.conflist").dump() == with_entry(calico).dump());
  }
  SECTION("somebody breaks the list") {
    result["10-bridge-pona.conflist"] = "{";
    CHECK(parsed(joined(result), "10-bridge-pona.conflist") == list);
  }
  SECTION("the agent leaves") { CHECK(after(result, cmd::plan_unchain(result)) == files); }
}

TEST_CASE("a .json is a configuration with one plugin") {
  const auto result = joined({{"10-bridge.json", bridge}});
  CHECK(result.contains("10-bridge-pona.conflist"));
}

TEST_CASE("when another configuration comes first, the plugin moves there") {
  auto result = joined({{"20-a.conflist", calico}});
  result["10-b.conflist"] = calico;
  result = joined(result);
  CHECK(parsed(result, "10-b.conflist").dump() == with_entry(calico).dump());
  CHECK(parsed(result, "20-a.conflist").dump() == Json::parse(calico).dump());
}

TEST_CASE("what the owner of the list does to the entry is undone") {
  Json list = with_entry(calico);
  SECTION("removed") { list["plugins"].erase(2); }
  SECTION("twice") { list["plugins"].push_back(entry); }
  SECTION("first") {
    list["plugins"].erase(2);
    list["plugins"].insert(list["plugins"].begin(), entry);
  }
  SECTION("changed") { list["plugins"][2]["socket"] = "/elsewhere"; }
  const auto result = joined({{"10.conflist", list.dump()}});
  CHECK(parsed(result, "10.conflist").dump() == with_entry(calico).dump());
}

TEST_CASE("a plugin that another one was put behind stays where it is") {
  Json list = with_entry(calico);
  list["plugins"].push_back({{"type", "tuning"}});
  CHECK(plan_chain({{"10.conflist", list.dump()}}, options).edits.empty());
}

TEST_CASE("an entry made by hand is enough, and stays") {
  const char* const type = GENERATE("pona", "pona-cni");
  Json list = Json::parse(calico);
  list["plugins"].push_back({{"type", type}, {"socket", "/run/ponad.sock"}});
  const cmd::ChainFiles files = {{"10.conflist", list.dump()}};
  CHECK(plan_chain(files, options).edits.empty());
  CHECK(cmd::plan_unchain(files).edits.empty());
  list["plugins"].push_back(entry);
  CHECK(parsed(joined({{"10.conflist", list.dump()}}), "10.conflist")["plugins"].size() == 3);
}

TEST_CASE("a broken file is left alone and named, and the next one is used") {
  const std::optional<std::string> broken =
      GENERATE(std::optional<std::string>(), "", "{", "[]", "{}", R"({"plugins":{}})",
               R"({"plugins":[{"no":"type"}]})", R"({"plugins":["calico"]})");
  const cmd::ChainFiles files = {{"05-broken.conflist", broken}, {"10.conflist", calico}};
  const auto plan = plan_chain(files, options);
  REQUIRE(plan.problems.size() == 1);
  CHECK(plan.problems[0].starts_with("05-broken.conflist: "));
  CHECK(plan.problems[0].ends_with(", and is left alone"));
  const auto result = joined(files);
  CHECK(result.at("05-broken.conflist") == broken);
  CHECK(parsed(result, "10.conflist").dump() == with_entry(calico).dump());
}

TEST_CASE("lists without plugins are passed over, as runtimes do") {
  const auto plan = plan_chain(
      {{"05.conflist", R"({"name":"x","plugins":[]})"}, {"10.conflist", calico}}, options);
  CHECK(plan.problems.empty());
  REQUIRE(plan.edits.size() == 1);
  CHECK(plan.edits[0].name == "10.conflist");
}

TEST_CASE("a list that the plugin would refuse is not joined, and left if it was") {
  Json list = Json::parse(calico);
  list["cniVersion"] = "0.2.0";
  const auto plan = plan_chain({{"10.conflist", list.dump()}, {"20.conflist", calico}}, options);
  CHECK(plan.edits.empty());
  REQUIRE(plan.problems.size() == 1);
  CHECK(plan.problems[0].find("0.2.0") != std::string::npos);
  list["plugins"].push_back(entry);
  CHECK(parsed(joined({{"10.conflist", list.dump()}}), "10.conflist")["plugins"].size() == 2);
}

TEST_CASE("a directory without a configuration is waited for") {
  const auto plan = plan_chain({}, options);
  CHECK(plan.edits.empty());
  CHECK(plan.problems ==
        std::vector<std::string>{"there is no CNI configuration yet: it is waited for"});
}

TEST_CASE("a foreign file where the agent's list belongs is not overwritten") {
  // It comes first, so that it is what the runtime uses.
  const cmd::ChainFiles files = {{"10-bridge-pona.conflist", R"({"name":"x","plugins":[]})"},
                                 {"10-bridge.conf", bridge}};
  const auto plan = plan_chain(files, options);
  CHECK(plan.edits.empty());
  REQUIRE(plan.problems.size() == 1);
  CHECK(plan.problems[0].starts_with("10-bridge-pona.conflist: is not the agent's"));
}

TEST_CASE("2.7: a list of the agent's own comes first, follows the runtime's, and goes with it") {
  cmd::ChainOptions own = options;
  own.own_list = true;
  const auto step = [&](const cmd::ChainFiles& files) {
    const auto result = after(files, plan_chain(files, own));
    CHECK(plan_chain(result, own).edits.empty());
    return result;
  };
  const std::string name = "00-pona.conflist";
  // Where an agent of before has put its entry, it is taken out again, afterwards.
  cmd::ChainFiles files = {{"10-calico.conflist", with_entry(calico).dump()}};
  CHECK(plan_chain(files, own).edits.front().name == name);
  files = step(files);
  CHECK(files.begin()->first == name);
  CHECK(parsed(files, name)["plugins"] == with_entry(calico)["plugins"]);
  CHECK(parsed(files, name)["name"] == "k8s-pod-network");
  CHECK(parsed(files, "10-calico.conflist").dump() == Json::parse(calico).dump());
  // Its owner writes it anew, as it boots: the plugin is in the first list all the time.
  files["10-calico.conflist"] = R"({"cniVersion": "1.0.0", "name": "k8s-pod-network",
    "plugins": [{"type": "calico", "mtu": 1400}]})";
  CHECK(parsed(files, name)["plugins"].back() == entry);
  files = step(files);
  CHECK(parsed(files, name)["plugins"] == Json{{{"type", "calico"}, {"mtu", 1400}}, entry});
  // Another network takes over, with one plugin alone.
  files.erase("10-calico.conflist");
  files["20-bridge.conf"] = bridge;
  files = step(files);
  CHECK(parsed(files, name)["plugins"][0]["type"] == "bridge");
  // Agents of before know it as their own, and so does who takes all out.
  CHECK_FALSE(after(files, cmd::plan_unchain(files)).contains(name));
  CHECK_FALSE(joined(files).contains(name));
  files.erase("20-bridge.conf");
  CHECK(step(files).empty());
}

TEST_CASE("2.7: what has a name before the agent's list, or the plugin by hand, is as without it") {
  cmd::ChainOptions own = options;
  own.own_list = true;
  Json by_hand = Json::parse(calico);
  by_hand["plugins"].push_back({{"type", "pona-cni"}});
  for (const cmd::ChainFiles& files :
       {cmd::ChainFiles{{"00-multus.conf", bridge}}, cmd::ChainFiles{{"00-a.conflist", calico}},
        cmd::ChainFiles{{"10-calico.conflist", by_hand.dump()}}}) {
    CHECK(plan_chain(files, own).edits == plan_chain(files, options).edits);
  }
  // Somebody else's file of that name is as anybody's.
  const cmd::ChainFiles foreign = {{"00-pona.conflist", calico}};
  CHECK(plan_chain(foreign, own).edits == plan_chain(foreign, options).edits);
}

}  // namespace unit::conflist_test
