// A node's pod with one NAT pod for each Egress that it asks for, and what an agent makes of it, in
// virtual time and without a kernel.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cmd/agent/loop.hpp"
#include "support/fake_source.hpp"
#include "support/manual_clock.hpp"

namespace unit::agent {

using namespace std::chrono_literals;
using namespace core;

inline Address address(const std::string& text) { return *Address::parse(text); }
inline Address gateway(int number) { return address("10.64.0.2" + std::to_string(number)); }

class Cluster : public kube::AgentSource {
 public:
  [[nodiscard]] int wake_fd() const override { return -1; }
  ObjectChanges take() override { return objects.take(); }
  [[nodiscard]] bool synced() const override { return complete; }
  [[nodiscard]] std::vector<kube::Problem> problems() const override { return {}; }
  [[nodiscard]] std::size_t ignored() const override { return 0; }
  void publish(kube::ClientLists published) override { lists = std::move(published); }
  void note(kube::EventNote note) override { notes.push_back(std::move(note)); }

  support::FakeSource objects;
  bool complete = true;
  kube::ClientLists lists;
  std::vector<kube::EventNote> notes;
};

// NAT pods that answer every question at once, if they answer.
class Probes : public cmd::NatPodProbes {
 public:
  explicit Probes(os::Clock clock)
      : paths_({}, std::move(clock), [number = std::uint64_t{0}]() mutable { return ++number; }) {}

  void follow(std::shared_ptr<const cmd::ProbedClients> clients) override {
    paths_.follow(*clients);
  }
  cmd::ProbeNews take() override {
    for (const auto& question : paths_.ask()) {
      if (answer) paths_.heard(question.client, question.gateway, question.nonce, known, false);
    }
    return paths_.take_news();
  }

  bool answer = true;
  bool known = true;

 private:
  cmd::AgentPaths paths_;
};

inline cmd::Sandbox sandbox() {
  cmd::Sandbox one;
  one.container = "c";
  one.interface = "eth0";
  one.netns = "/run/netns/client";
  one.pod = {"default", "client"};
  one.uid = "uid";
  one.addresses = {address("10.64.0.11")};
  return one;
}

// `egresses` of them, and a pod that asks for all.
inline void put_objects(support::FakeSource& objects, int egresses) {
  Pod pod;
  pod.name = {"default", "client"};
  pod.uid = "uid";
  pod.addresses = {address("10.64.0.11")};
  for (int i = 1; i <= egresses; ++i) {
    const ObjectName name{"internet", "egress" + std::to_string(i)};
    Egress egress;
    egress.name = name;
    egress.destinations = {*Prefix::parse("203.0." + std::to_string(i) + ".0/24")};
    objects.put(egress);
    EndpointSlice slice;
    slice.name = {"internet", name.name + "-4"};
    slice.service = name.name;
    Endpoint endpoint;
    endpoint.address = gateway(i);
    endpoint.ready = endpoint.serving = true;
    slice.endpoints = {endpoint};
    objects.put(slice);
    pod.egresses.push_back(name);
  }
  objects.put(pod);
}

struct Rig {
  explicit Rig(int egresses) {
    put_objects(cluster.objects, egresses);
    loop.set_sandboxes({sandbox()});
  }

  void run(std::chrono::milliseconds time) {
    for (const auto end = clock.now + time; clock.now < end; clock.advance(10ms)) loop.step();
  }

  support::ManualClock clock;
  Cluster cluster;
  Probes probes{clock.clock()};
  cmd::ClientPass result;
  std::vector<ClientInput> passes;
  cmd::AgentLoop loop{
      cluster,
      &cluster,
      probes,
      {},
      [this](const cmd::Sandbox&, const ClientSettings&, ClientInput input, bool, bool) {
        passes.push_back(std::move(input));
        return result;
      },
      clock.clock()};
};

}  // namespace unit::agent
