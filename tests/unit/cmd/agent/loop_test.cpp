#include "cmd/agent/loop.hpp"

#include "support/catch.hpp"
#include "unit/cmd/agent/agent_rig.hpp"

namespace unit::agent {

TEST_CASE("agent: the NAT pods of all Egresses of a pod carry its traffic") {
  Rig rig(3);
  rig.run(200ms);
  REQUIRE_FALSE(rig.passes.empty());
  const std::size_t count = rig.passes.size();
  REQUIRE(rig.passes.back().egresses.size() == 3);
  for (const ClientEgress& egress : rig.passes.back().egresses) {
    REQUIRE(egress.gateways.size() == 1);
    CHECK(egress.gateways.front().usable);
  }
  CHECK(rig.loop.paths().settled(file_name(sandbox())));
  // And then there is nothing to be done.
  rig.run(2s);
  CHECK(rig.passes.size() == count);
}

TEST_CASE("agent: a client whose namespace is gone is taken out of the lists, and comes back") {
  Rig rig(1);
  rig.run(100ms);
  const ObjectName egress{"internet", "egress1"};
  REQUIRE(rig.cluster.lists[egress].size() == 1);
  rig.result.gone = true;
  rig.loop.resync();
  rig.run(100ms);
  CHECK(rig.cluster.lists[egress].empty());
  rig.result.gone = false;
  rig.loop.resync();
  rig.run(100ms);
  CHECK(rig.cluster.lists[egress].size() == 1);
}

TEST_CASE("agent: a client whose namespace cannot be entered for now stays one") {
  Rig rig(1);
  rig.run(100ms);
  rig.result.error = "cannot open the network namespace: Too many open files";
  rig.loop.resync();
  rig.run(100ms);
  CHECK(rig.cluster.lists[ObjectName{"internet", "egress1"}].size() == 1);
  CHECK_FALSE(rig.loop.troubles().empty());
}

TEST_CASE("agent: who probes is told of each path once, and of its end") {
  Rig rig(2);
  rig.run(2s);
  const auto key = file_name(sandbox());
  CHECK(rig.loop.paths().usable(key, gateway(1)));
  const std::size_t passes = rig.passes.size();
  rig.loop.remove(sandbox());
  rig.run(10ms);
  REQUIRE(rig.passes.size() == passes + 1);
  CHECK(rig.passes.back().egresses.empty());  // what was made is taken back
  CHECK_FALSE(rig.loop.paths().usable(key, gateway(1)));
  CHECK(rig.loop.clients().empty());
}

}  // namespace unit::agent
