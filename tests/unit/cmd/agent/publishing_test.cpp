#include "cmd/agent/publishing.hpp"

#include "support/catch.hpp"
#include "unit/cmd/agent/agent_rig.hpp"

namespace unit::agent {

TEST_CASE("agent: clients are listed with each Egress that is there, sorted and once") {
  support::ManualClock clock;
  support::FakeSource objects;
  put_objects(objects, 1);
  cmd::AgentClients clients({}, {}, clock.clock());
  clients.take(objects.take());
  cmd::Sandbox second = sandbox();
  second.interface = "eth1";
  cmd::Sandbox both = sandbox();
  both.container = "d";
  both.addresses = {address("10.64.0.12"), address("10.64.0.11")};
  clients.set_sandboxes({both, sandbox(), second}, [](const cmd::ClientKey&) { return false; });
  const kube::ClientLists lists = cmd::client_lists(clients);
  REQUIRE(lists.size() == 1);
  const auto& members = lists.at(ObjectName{"internet", "egress1"});
  REQUIRE(members.size() == 2);
  CHECK(members[0].address == address("10.64.0.11"));
  CHECK(members[1].address == address("10.64.0.12"));
}

TEST_CASE("agent: an author hears once why a pod has no way to its NAT pods") {
  Rig rig(1);
  rig.result.error = "File exists";
  rig.run(5s);
  REQUIRE(rig.cluster.notes.size() == 1);
  CHECK(rig.cluster.notes[0].object.name == ObjectName{"default", "client"});
  CHECK(rig.cluster.notes[0].uid == "uid");
  CHECK(rig.cluster.notes[0].reason == "EgressFailed");
  CHECK(rig.cluster.notes[0].note.find("File exists") != std::string::npos);
  // It ends, and comes back: that is news.
  rig.result.error.clear();
  rig.run(40s);
  rig.result.error = "File exists";
  rig.loop.resync();
  rig.run(5s);
  CHECK(rig.cluster.notes.size() == 2);
}

TEST_CASE("agent: the author of a pod that the plugin never saw hears of it, after a while") {
  Rig rig(1);
  rig.loop.set_sandboxes({});
  rig.run(5s);
  CHECK(rig.cluster.notes.empty());
  rig.run(10s);
  REQUIRE(rig.cluster.notes.size() == 1);
  CHECK(rig.cluster.notes[0].reason == "EgressNotConfigured");
  rig.run(30s);
  CHECK(rig.cluster.notes.size() == 1);
}

}  // namespace unit::agent
