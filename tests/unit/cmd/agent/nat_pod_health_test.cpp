#include "cmd/agent/nat_pod_health.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "cmd/agent/client_paths.hpp"
#include "core/egress/probe_packet.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace unit::nat_pod_health_test {

using namespace std::chrono_literals;
using cmd::AgentPaths;

namespace {

core::Address address(const std::string& text) { return *core::Address::parse(text); }
const core::Address nat1 = address("10.64.0.21");
const core::Address nat2 = address("10.64.0.22");

class Rig {
 public:
  cmd::ClientPaths paths{true};
  std::set<core::Address> silent;   // they do not answer
  std::set<core::Address> unaware;  // they do not know the client
  std::set<std::string> mute;       // clients who get no answers
  std::set<std::string> liars;      // clients who answer their probes themselves
  bool liars_say_draining = false;
  std::chrono::milliseconds latency{0};  // of answers
  std::set<std::string> changed;         // clients, since it was emptied

  // "TENANT/NAME", or all of one tenant.
  void set(const std::string& client, const std::set<core::Address>& gateways,
           bool assumed = false) {
    cmd::ProbedEnd end;
    end.tenant = client.substr(0, client.find('/') == std::string::npos ? 0 : client.find('/'));
    paths.set(client, std::move(end), gateways, assumed);
    hand_over();
  }
  // Virtual time: everything that is due in it, answered at once.
  void run(std::chrono::milliseconds time) {
    const auto end = clock.now + time;
    while (clock.now < end) {
      for (const auto& question : probed.ask()) {
        ++asked;
        const bool lies = liars.contains(question.client);
        if (!lies && (silent.contains(question.gateway) || mute.contains(question.client)))
          continue;
        coming.emplace(
            clock.now + latency, [this, question, known = !unaware.contains(question.gateway),
                                  draining = lies && liars_say_draining] {
              probed.heard(question.client, question.gateway, question.nonce, known, draining);
            });
      }
      while (!coming.empty() && coming.begin()->first <= clock.now) {
        coming.begin()->second();
        coming.erase(coming.begin());
      }
      hand_over();
      clock.advance(1ms);
    }
  }

  int asked = 0;

 private:
  void hand_over() {
    if (const auto clients = paths.take_changes()) probed.follow(*clients);
    cmd::ProbeNews news = probed.take_news();
    if (!news.verdicts) return;
    changed.merge(news.changed);
    paths.take(std::move(news.verdicts));
  }

  support::ManualClock clock;
  std::multimap<os::Time, std::function<void()>> coming;
  std::uint64_t last_nonce = 0;
  AgentPaths probed{{}, clock.clock(), [this] { return ++last_nonce; }};
};

}  // namespace

TEST_CASE("paths: a NAT pod is used from the moment it knows the client") {
  Rig rig;
  rig.unaware = {nat1};
  rig.set("pod", {nat1});
  rig.run(100ms);
  CHECK_FALSE(rig.paths.usable("pod", nat1));
  CHECK_FALSE(rig.paths.settled("pod"));
  rig.unaware = {};
  rig.run(60ms);
  CHECK(rig.paths.usable("pod", nat1));
  CHECK(rig.paths.settled("pod"));
}

TEST_CASE("paths: a dead NAT pod is given up after three silent rounds, and comes back") {
  Rig rig;
  rig.set("pod", {nat1, nat2});
  rig.run(1s);
  REQUIRE(rig.paths.usable("pod", nat1));
  rig.silent = {nat1};
  rig.run(600ms);
  CHECK(rig.paths.usable("pod", nat1));
  rig.run(900ms);
  CHECK_FALSE(rig.paths.usable("pod", nat1));
  CHECK(rig.paths.usable("pod", nat2));
  rig.silent = {};
  rig.run(400ms);
  CHECK(rig.paths.usable("pod", nat1));
}

TEST_CASE("paths: answers that take longer than the pause between questions are answers") {
  Rig rig;
  rig.latency = 500ms;
  rig.set("pod", {nat1});
  rig.run(700ms);
  CHECK(rig.paths.usable("pod", nat1));
  rig.run(5s);
  CHECK(rig.paths.alive(nat1));
  CHECK(rig.paths.usable("pod", nat1));
  rig.silent.insert(nat1);
  rig.run(3s);
  CHECK_FALSE(rig.paths.alive(nat1));
}

TEST_CASE("paths: pitfall 6: what a client had before the agent is used until a NAT pod says no") {
  Rig rig;
  rig.silent = {nat2};
  rig.set("pod", {nat1, nat2}, true);
  rig.set("other", {nat2});
  CHECK(rig.paths.usable("pod", nat1));
  CHECK(rig.paths.usable("pod", nat2));
  CHECK_FALSE(rig.paths.usable("other", nat2));
  rig.unaware = {nat1};
  rig.run(10ms);
  CHECK_FALSE(rig.paths.usable("pod", nat1));
  CHECK(rig.paths.usable("pod", nat2));
  rig.unaware = {};
  rig.run(400ms);
  CHECK(rig.paths.usable("pod", nat1));
}

TEST_CASE(
    "paths: pitfall 6: a NAT pod that answers others and not this client is not assumed for long") {
  Rig rig;
  rig.set("other", {nat1});
  rig.run(100ms);
  rig.set("pod", {nat1}, true);
  rig.mute = {"pod"};
  rig.run(1s);
  CHECK(rig.paths.usable("pod", nat1));
  rig.run(2s);
  CHECK_FALSE(rig.paths.usable("pod", nat1));
}

TEST_CASE("paths: a tenant that answers its own probes keeps no dead NAT pod for others") {
  for (const std::set<std::string>& clients : {std::set<std::string>{"a/liar", "b/x"},
                                               {"a/liar", "b/x", "b/y", "b/z"},
                                               {"a/liar", "a/liar2", "a/liar3", "b/x", "c/y"},
                                               {"liar", "x"},
                                               {"liar", "x", "y"},
                                               {"a/liar", "b/x", "c/y", "d/z", "e/u"}}) {
    INFO(clients.size() << " " << *clients.rbegin());
    Rig rig;
    for (const std::string& client : clients) rig.set(client, {nat1});
    rig.run(1s);
    for (const std::string& client : clients) {
      if (client.find("liar") != std::string::npos) rig.liars.insert(client);
    }
    rig.silent = {nat1};
    rig.run(3s);
    for (const std::string& client : clients) {
      if (rig.liars.contains(client)) continue;
      INFO(client);
      CHECK_FALSE(rig.paths.usable(client, nat1));
    }
    rig.silent = {};
    rig.run(1s);
    for (const std::string& client : clients) CHECK(rig.paths.usable(client, nat1));
  }
}

TEST_CASE("paths: a tenant that answers its own probes empties no NAT pod") {
  for (const std::set<std::string>& clients :
       {std::set<std::string>{"a/liar", "b/x"}, {"liar", "x", "y"}, {"a/liar", "b/x", "c/y"}}) {
    Rig rig;
    for (const std::string& client : clients) rig.set(client, {nat1});
    rig.run(1s);
    for (const std::string& client : clients) {
      if (client.find("liar") != std::string::npos) rig.liars.insert(client);
    }
    rig.liars_say_draining = true;
    rig.run(3s);
    CHECK_FALSE(rig.paths.draining(nat1));
    // All of them are believed.
    rig.liars = clients;
    rig.run(1s);
    CHECK(rig.paths.draining(nat1));
  }
}

TEST_CASE("paths: one client's own trouble costs that client only") {
  for (const std::set<std::string>& clients :
       {std::set<std::string>{"x", "y"}, {"x", "y", "z"}, {"a/x", "b/y"}, {"a/x", "b/y", "c/z"}}) {
    Rig rig;
    for (const std::string& client : clients) rig.set(client, {nat1});
    rig.run(1s);
    rig.mute = {*clients.begin()};
    rig.run(5s);
    for (const std::string& client : clients) {
      if (!rig.mute.contains(client)) CHECK(rig.paths.usable(client, nat1));
    }
  }
}

TEST_CASE("paths: one that never answered anybody is used after a while") {
  Rig rig;
  rig.silent = {nat1};
  rig.set("pod", {nat1});
  rig.run(1900ms);
  CHECK_FALSE(rig.paths.usable("pod", nat1));
  rig.run(200ms);
  CHECK(rig.paths.usable("pod", nat1));
  CHECK(rig.paths.settled("pod"));
  // And is never called dead: nobody knows.
  rig.run(5s);
  CHECK(rig.paths.usable("pod", nat1));
}

TEST_CASE("paths: a NAT pod that forgets a client gets none of its traffic") {
  Rig rig;
  rig.set("pod", {nat1});
  rig.run(100ms);
  REQUIRE(rig.paths.usable("pod", nat1));
  rig.unaware = {nat1};
  rig.run(400ms);
  CHECK_FALSE(rig.paths.usable("pod", nat1));
}

TEST_CASE("paths: many clients ask no more than few do") {
  Rig rig;
  for (int i = 0; i < 100; ++i) rig.set("pod" + std::to_string(i), {nat1});
  rig.run(500ms);
  rig.asked = 0;
  rig.run(3s);
  CHECK(rig.asked <= 3 * 11);
}

TEST_CASE("paths: who never answers is news once") {
  Rig rig;
  rig.silent = {nat1};
  rig.set("pod", {nat1});
  rig.run(2100ms);
  CHECK(rig.changed == std::set<std::string>{"pod"});
  rig.changed.clear();
  rig.run(10s);
  CHECK(rig.changed.empty());
  // And that it answers after all, too.
  rig.silent = {};
  rig.unaware = {nat1};
  rig.run(400ms);
  CHECK(rig.changed == std::set<std::string>{"pod"});
  CHECK_FALSE(rig.paths.usable("pod", nat1));
}

TEST_CASE("paths: what was known of a path is not known of the one that comes after it") {
  Rig rig;
  rig.set("pod", {nat1});
  rig.run(100ms);
  REQUIRE(rig.paths.usable("pod", nat1));
  // Both before anybody who probes hears of it.
  rig.paths.remove("pod");
  rig.silent = {nat1};
  rig.set("pod", {nat1});
  CHECK_FALSE(rig.paths.usable("pod", nat1));
  rig.run(100ms);
  CHECK_FALSE(rig.paths.usable("pod", nat1));
  rig.silent = {};
  rig.run(100ms);
  CHECK(rig.paths.usable("pod", nat1));
}

TEST_CASE("probes: what is written is what is read, and nothing else is a probe") {
  cmd::Probe probe;
  probe.answer = true;
  probe.known = true;
  probe.nonce = 0x0102030405060708;
  probe.client = cmd::hash_uid("uid");
  const auto bytes = cmd::encode(probe);
  CHECK(cmd::decode_probe(bytes) == probe);
  CHECK_FALSE(cmd::decode_probe(std::span(bytes).first(23)));
  auto other = bytes;
  other[4] = 2;
  CHECK_FALSE(cmd::decode_probe(other));
}

}  // namespace unit::nat_pod_health_test
