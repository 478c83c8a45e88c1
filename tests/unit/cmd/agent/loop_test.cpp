#include "cmd/agent/loop.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "support/fake_source.hpp"
#include "support/manual_clock.hpp"

namespace unit::loop_test {

using namespace std::chrono_literals;
using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

class Cluster : public kube::AgentSource {
 public:
  [[nodiscard]] int wake_fd() const override { return -1; }
  ObjectChanges take() override { return objects.take(); }
  [[nodiscard]] bool synced() const override { return true; }
  [[nodiscard]] std::vector<kube::Problem> problems() const override { return {}; }
  [[nodiscard]] std::size_t ignored() const override { return 0; }
  void publish(kube::ClientLists published) override { lists = std::move(published); }
  void note(kube::EventNote note) override { notes.push_back(std::move(note)); }

  support::FakeSource objects;
  kube::ClientLists lists;
  std::vector<kube::EventNote> notes;
};

// A pod with one NAT pod for each Egress that it asks for.
struct Rig {
  explicit Rig(int egresses) {
    Pod pod;
    pod.name = {"default", "client"};
    pod.uid = "uid";
    pod.addresses = {address("10.64.0.11")};
    for (int i = 1; i <= egresses; ++i) {
      const ObjectName name{"internet", "egress" + std::to_string(i)};
      Egress egress;
      egress.name = name;
      egress.destinations = {*Prefix::parse("203.0." + std::to_string(i) + ".0/24")};
      cluster.objects.put(egress);
      EndpointSlice slice;
      slice.name = {"internet", name.name + "-4"};
      slice.service = name.name;
      Endpoint endpoint;
      endpoint.address = gateway(i);
      endpoint.ready = endpoint.serving = true;
      slice.endpoints = {endpoint};
      cluster.objects.put(slice);
      pod.egresses.push_back(name);
    }
    cluster.objects.put(pod);
    loop.set_sandboxes({sandbox()});
  }

  static Address gateway(int number) { return address("10.64.0.2" + std::to_string(number)); }
  static cmd::Sandbox sandbox() {
    cmd::Sandbox one;
    one.container = "c";
    one.interface = "eth0";
    one.netns = "/run/netns/client";
    one.pod = {"default", "client"};
    one.uid = "uid";
    one.addresses = {address("10.64.0.11")};
    return one;
  }

  // Every NAT pod answers every question at once.
  void run(std::chrono::milliseconds time) {
    for (const auto end = clock.now + time; clock.now < end; clock.advance(10ms)) {
      loop.step();
      for (const auto& question : loop.paths().ask()) {
        loop.heard(question.client, question.gateway, question.nonce, true, false);
      }
      loop.step();
    }
  }

  support::ManualClock clock;
  Cluster cluster;
  cmd::ClientPass result;
  std::vector<core::ClientInput> passes;
  cmd::AgentLoop loop{
      cluster,
      &cluster,
      {},
      [this](const cmd::Sandbox&, const ClientSettings&, ClientInput input, bool, bool) {
        passes.push_back(std::move(input));
        return result;
      },
      clock.clock()};
};

}  // namespace

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
  CHECK(rig.loop.paths().settled(file_name(Rig::sandbox())));
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

}  // namespace unit::loop_test
