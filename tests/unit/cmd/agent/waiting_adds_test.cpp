#include "cmd/agent/waiting_adds.hpp"

#include <optional>

#include "support/catch.hpp"
#include "unit/cmd/agent/agent_rig.hpp"

namespace unit::agent {
namespace {

// A request of the plugin for the rig's pod, which nobody knows before.
struct Add {
  explicit Add(int egresses) : rig(egresses) {
    rig.loop.set_sandboxes({});
    rig.probes.known = false;
    rig.loop.add(sandbox(), [this](const cmd::AgentReply& answer) {
      CHECK_FALSE(reply);
      reply = answer;
    });
  }

  Rig rig;
  std::optional<cmd::AgentReply> reply;
};

}  // namespace

TEST_CASE("adds: a pod starts when its NAT pods know it") {
  Add add(2);
  add.rig.run(500ms);
  CHECK_FALSE(add.reply);
  add.rig.probes.known = true;
  add.rig.run(500ms);
  REQUIRE(add.reply);
  CHECK(add.reply->code == 0);
  // With the pass that lets its traffic through.
  CHECK(add.rig.passes.back().egresses[0].gateways[0].usable);
  CHECK(add.rig.passes.back().egresses[1].gateways[0].usable);
}

TEST_CASE("adds: a pod whose NAT pods do not know it in time starts nevertheless") {
  Add add(1);
  add.rig.run(3900ms);
  CHECK_FALSE(add.reply);
  add.rig.run(200ms);
  REQUIRE(add.reply);
  CHECK(add.reply->code == 0);
}

TEST_CASE("adds: a pod whose way cannot be made is refused, and no client") {
  Add add(1);
  add.rig.result.error = "File exists";
  add.rig.run(20ms);
  REQUIRE(add.reply);
  CHECK(add.reply->code != 0);
  CHECK(add.reply->details == "File exists");
  CHECK(add.rig.loop.clients().empty());
  CHECK(add.rig.cluster.lists.empty());
}

TEST_CASE("adds: news of the pod are waited for, not for ever") {
  Add add(0);
  add.rig.cluster.complete = false;
  add.rig.run(1900ms);
  CHECK_FALSE(add.reply);
  add.rig.run(200ms);
  REQUIRE(add.reply);
  CHECK(add.reply->message == "the agent does not know the cluster's objects yet");
}

// The object of the pod before it, of the same name: a StatefulSet's, and the watch lags.
TEST_CASE(
    "adds: without a uid a pod of other addresses, or one that ends, is not the one that starts") {
  for (const bool ends : {false, true}) {
    Rig rig(1);
    rig.loop.set_sandboxes({});
    Pod stale;
    stale.name = {"default", "client"};
    stale.uid = "old";
    stale.addresses = {address(ends ? "10.64.0.11" : "10.64.0.99")};
    stale.terminating = ends;
    rig.cluster.objects.put(stale);
    cmd::Sandbox nameless = sandbox();
    nameless.uid.clear();
    std::optional<cmd::AgentReply> reply;
    rig.loop.add(nameless, [&](const cmd::AgentReply& answer) { reply = answer; });
    rig.run(1900ms);
    CHECK_FALSE(reply);
    SECTION("its own comes") {
      put_objects(rig.cluster.objects, 1);
      rig.run(500ms);
      REQUIRE(reply);
      CHECK(reply->code == 0);
      REQUIRE_FALSE(rig.passes.empty());
      CHECK(rig.passes.back().egresses.size() == 1);
    }
    SECTION("its own does not come") {
      rig.run(200ms);
      REQUIRE(reply);
      CHECK(reply->code == 11);
      CHECK(reply->message.find("has not yet reported pod default/client") != std::string::npos);
    }
  }
}

TEST_CASE("adds: without a uid a pod whose addresses are not known yet starts") {
  Rig rig(1);
  rig.loop.set_sandboxes({});
  Pod fresh;
  fresh.name = {"default", "client"};
  fresh.uid = "new";
  fresh.egresses = {{"internet", "egress1"}};
  rig.cluster.objects.put(fresh);
  cmd::Sandbox nameless = sandbox();
  nameless.uid.clear();
  std::optional<cmd::AgentReply> reply;
  rig.loop.add(nameless, [&](const cmd::AgentReply& answer) { reply = answer; });
  rig.run(500ms);
  REQUIRE(reply);
  CHECK(reply->code == 0);
}

TEST_CASE("adds: who waits while the pod is removed is told so") {
  Add add(1);
  add.rig.run(20ms);
  add.rig.loop.remove(sandbox());
  REQUIRE(add.reply);
  CHECK(add.reply->message == "the pod is being removed");
  add.rig.run(5s);
}

TEST_CASE("adds: a sandbox that the plugin has not written yet stays while its pod waits") {
  Add add(1);
  add.rig.loop.set_sandboxes({});
  CHECK(add.rig.loop.clients().size() == 1);
  add.rig.probes.known = true;
  add.rig.run(100ms);
  REQUIRE(add.reply);
  add.rig.loop.set_sandboxes({});
  CHECK(add.rig.loop.clients().empty());
}

}  // namespace unit::agent
