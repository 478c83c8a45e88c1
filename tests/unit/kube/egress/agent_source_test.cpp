// The agent's source with its thread, against an API server behind HTTPS.
#include "kube/egress/agent_source.hpp"

#include <poll.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "support/apiserver/front/front.hpp"
#include "support/catch.hpp"

namespace unit::agent_source_test {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using support::apiserver::Front;
using support::apiserver::Server;

const std::string slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

class Running {
 public:
  Running() : front_({}), thread_([this] { front_.run(); }) {}
  ~Running() { front_.stop(); }

  json call(const std::string& method, const std::string& path, const json& body = nullptr) {
    json answer;
    front_.with([&](Server& server) {
      const auto response =
          server.handle({method,
                         path,
                         {{"authorization", "Bearer admin"}, {"content-type", "application/json"}},
                         body.is_null() ? "" : body.dump()});
      answer = json::parse(response.body);
    });
    return answer;
  }
  [[nodiscard]] kube::ClientConfig config() const {
    kube::ClientConfig config;
    config.context = "lab";
    config.cluster.server = kube::parse_url(front_.url()).value();
    config.cluster.ca.data = front_.authority();
    config.user.token = "admin";
    return config;
  }

 private:
  Front front_;
  std::jthread thread_;
};

}  // namespace

TEST_CASE("agent cluster: what is published is written, what is watched is given") {
  Running server;
  const json any = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  server.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
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
  server.call("POST", "/apis/pona.cybozu.com/v1/namespaces/default/egresses",
              {{"apiVersion", "pona.cybozu.com/v1"},
               {"kind", "Egress"},
               {"metadata", {{"name", "nat"}}},
               {"spec", {{"destinations", json::array({"198.51.100.0/24"})}}}});
  const auto source = kube::open_agent_cluster({server.config(), "pona/test", "node-1"});
  core::ObjectChanges objects;
  const auto wait = [&](const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    for (;;) {
      for (const auto& [id, object] : source->take()) objects.insert_or_assign(id, object);
      if (done()) return;
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      pollfd fd{source->wake_fd(), POLLIN, 0};
      poll(&fd, 1, 1000);
    }
  };
  wait([&] { return source->synced(); });
  CHECK(objects.contains({core::Kind::egress, {"default", "nat"}}));
  CHECK(source->problems().empty());

  const core::EgressClients::Client client = {
      core::Address::parse("10.0.0.1").value(), {"default", "web"}, "uid-1"};
  source->publish({{{"default", "nat"}, {client}}});
  source->note({{core::Kind::pod, client.pod}, "uid-1", false, "Connected", "Connect", "to nat"});
  const auto listed = [&] {
    std::size_t lists = 0;
    for (const auto& [id, object] : objects) {
      if (id.kind != core::Kind::egress_clients || !object) continue;
      CHECK(std::get<core::EgressClients>(*object).clients == std::vector{client});
      ++lists;
    }
    return lists;
  };
  wait([&] { return listed() == 1; });
  CHECK(server.call("GET", slices)["items"].size() == 1);
  source->publish({});
  wait([&] { return listed() == 0; });
  CHECK(server.call("GET", slices)["items"].empty());
  const std::string events = "/apis/events.k8s.io/v1/namespaces/default/events";
  wait([&] { return !server.call("GET", events)["items"].empty(); });
}

}  // namespace unit::agent_source_test
