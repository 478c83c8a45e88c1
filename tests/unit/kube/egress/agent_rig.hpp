// An agent's client on a whole API server, in virtual time, and what NAT pods would read there.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kube/egress/agent_client.hpp"
#include "support/manual_clock.hpp"
#include "unit/apiserver/cluster.hpp"

namespace agent_rig {

using namespace std::chrono_literals;
using Client = core::EgressClients::Client;
using kube::ClientLists;
using unit::Json;

inline const core::ObjectName nat{"net", "nat"};
inline const core::ObjectName other{"net", "other"};
inline const std::string slices = "/apis/discovery.k8s.io/v1/namespaces/net/endpointslices";
inline const std::string egresses = "/apis/pona.cybozu.com/v1/namespaces/net/egresses";
inline const std::string pods = "/api/v1/namespaces/shop/pods";

inline Client client(int number) {
  const std::string name = std::to_string(number);
  const std::string address =
      "10.0." + std::to_string(number / 250) + "." + std::to_string(number % 250 + 1);
  return {core::Address::parse(address).value(), {"shop", "p" + name}, "uid-" + name};
}

inline Client client6(int number) {
  Client one = client(number);
  one.address = core::Address::parse("fd00::" + std::to_string(number)).value();
  return one;
}

inline std::vector<Client> clients(int first, int end) {
  std::vector<Client> all;
  for (int number = first; number < end; ++number) all.push_back(client(number));
  return all;
}

// The agent's requests, answered at once, as far as the server can be reached.
class Wire : public kube::Transport {
 public:
  explicit Wire(unit::Cluster& cluster) : cluster_(cluster) {}

  std::uint64_t start(kube::Request request) override {
    ++last_;
    if (down_) {
      arrivals_.push_back({last_, kube::Arrival::Kind::end, 0, {}, {}, "connection refused"});
      return last_;
    }
    if (request.method != "GET") ++writes;
    const auto response = cluster_.server.handle(
        {request.method,
         request.target,
         {{"authorization", "Bearer agent"}, {"content-type", request.content_type}},
         request.body});
    arrivals_.push_back({last_, kube::Arrival::Kind::head, response.status, {}, {}, {}});
    if (response.stream) {
      streams_[last_] = response.stream;
      return last_;
    }
    // Done, but who asked does not learn of it.
    const bool lost = request.method != "GET" && lose > 0;
    if (lost) --lose;
    if (!lost) {
      arrivals_.push_back({last_, kube::Arrival::Kind::body, 0, {}, response.body, {}});
    }
    arrivals_.push_back({last_, kube::Arrival::Kind::end, 0, {}, {}, lost ? "broken" : ""});
    return last_;
  }
  void cancel(std::uint64_t request) override {
    streams_.erase(request);
    std::erase_if(arrivals_, [&](const auto& arrival) { return arrival.request == request; });
  }
  std::vector<kube::Arrival> take() override {
    std::vector<std::uint64_t> over;
    for (const auto& [id, stream] : streams_) {
      auto piece = stream->read();
      arrivals_.push_back({id, kube::Arrival::Kind::body, 0, {}, std::move(piece.bytes), {}});
      if (!piece.ended && !piece.dropped) continue;
      arrivals_.push_back({id, kube::Arrival::Kind::end, 0, {}, {}, piece.dropped ? "broken" : ""});
      over.push_back(id);
    }
    for (const std::uint64_t id : over) streams_.erase(id);
    return std::exchange(arrivals_, {});
  }
  void set_down(bool down) {
    down_ = down;
    if (!down) return;
    for (const auto& [id, stream] : std::exchange(streams_, {})) {
      arrivals_.push_back({id, kube::Arrival::Kind::end, 0, {}, {}, "broken"});
    }
  }

  int writes = 0;
  int lose = 0;  // answers to writes

 private:
  unit::Cluster& cluster_;
  bool down_ = false;
  std::uint64_t last_ = 0;
  std::vector<kube::Arrival> arrivals_;
  std::map<std::uint64_t, std::shared_ptr<support::apiserver::Stream>> streams_;
};

struct World {
  unit::Cluster cluster;
  support::ManualClock clock;
  std::unique_ptr<Wire> wire;
  std::unique_ptr<kube::AgentClient> agent;
  std::vector<kube::Problem> problems;
  core::ObjectChanges objects;

  World() {
    cluster.server.add_token("agent", "agent", {"system:masters"});
    const Json any = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
    cluster.call(201, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                 {{"metadata", {{"name", "egresses.pona.cybozu.com"}}},
                  {"spec",
                   {{"group", "pona.cybozu.com"},
                    {"scope", "Namespaced"},
                    {"names", {{"plural", "egresses"}, {"kind", "Egress"}}},
                    {"versions",
                     {{{"name", "v1"},
                       {"served", true},
                       {"storage", true},
                       {"schema", {{"openAPIV3Schema", any}}}}}}}}});
    for (const char* const ns : {"net", "shop"}) {
      cluster.call(201, "POST", "/api/v1/namespaces", {{"metadata", {{"name", ns}}}});
    }
    start();
  }
  // Anew, as if the process had been.
  void start() {
    agent.reset();
    wire = std::make_unique<Wire>(cluster);
    agent = std::make_unique<kube::AgentClient>(*wire, clock.clock(),
                                                kube::AgentClientOptions{"lab", "node-1"});
  }
  void run(std::chrono::milliseconds time = 0s) {
    for (auto left = time; left >= 0s; left -= 500ms) {
      // Several, as what is done in a step is answered before the next.
      for (int i = 0; i < 6; ++i) {
        agent->step();
        agent->move_changes(objects);
      }
      if (const auto news = agent->new_problems({})) problems = *news;
      clock.advance(500ms);
      cluster.now += 500ms;
    }
  }
  void publish(const ClientLists& lists) {
    agent->publish(lists);
    run();
  }
  std::string add_egress(const core::ObjectName& name) {
    const Json made =
        cluster.call(201, "POST", egresses,
                     {{"apiVersion", "pona.cybozu.com/v1"},
                      {"kind", "Egress"},
                      {"metadata", {{"name", name.name}}},
                      {"spec", {{"destinations", Json::array({"198.51.100.0/24"})}}}});
    return made["metadata"]["uid"];
  }
  Json lists() {
    return cluster.call(200, "GET",
                        slices + "?labelSelector=egress.pona.cybozu.com/node%3Dnode-1")["items"];
  }
  std::string first_list() { return lists().at(0)["metadata"]["name"]; }

  // As a NAT pod reads them. Each client once, and no list too long, not of one family, or of an
  // Egress that is not there.
  ClientLists listed() {
    ClientLists all;
    for (const Json& list : lists()) {
      const Json& metadata = list["metadata"];
      const core::ObjectName egress{
          "net", metadata["labels"]["egress.pona.cybozu.com/clients-of"].get<std::string>()};
      INFO(list.dump());
      CHECK(list["endpoints"].size() <= 100);
      CHECK_FALSE(list["endpoints"].empty());
      const Json owner = cluster.call(200, "GET", egresses + "/" + egress.name);
      CHECK(metadata["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]);
      for (const Json& endpoint : list["endpoints"]) {
        const Json& target = endpoint["targetRef"];
        const Client one = {
            core::Address::parse(endpoint["addresses"][0].get<std::string>()).value(),
            {target["namespace"], target["name"]},
            target["uid"]};
        CHECK((one.address.family() == core::Family::ipv4) == (list["addressType"] == "IPv4"));
        CHECK(std::ranges::count(all[egress], one) == 0);
        all[egress].push_back(one);
      }
    }
    for (auto& [egress, list] : all) std::ranges::sort(list);
    return all;
  }
};

}  // namespace agent_rig
