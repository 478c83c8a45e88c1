// The test API server answers what a real one was recorded to answer.
#include <functional>
#include <sstream>

#include "support/apiserver/base64.hpp"
#include "support/catch.hpp"
#include "unit/apiserver/replay.hpp"

namespace unit::replay_test {

namespace {

using support::apiserver::Response;
using support::apiserver::Stream;
using unit::comparable;
using unit::Json;
using unit::Replay;

const std::string widgets = "/apis/example.pona.dev/v1/namespaces/default/widgets";
const std::string merge_patch = "application/merge-patch+json";

Json widget(const std::string& name, int size) {
  return {{"apiVersion", "example.pona.dev/v1"},
          {"kind", "Widget"},
          {"metadata", {{"name", name}}},
          {"spec", {{"cidrs", {"10.0.0.0/8"}}, {"size", size}}}};
}

void set_size(Replay& replay, const std::string& name, int size) {
  replay.act("PATCH", widgets + "/" + name, {{"spec", {{"size", size}}}}, merge_patch);
}

void churn_and_compact(Replay& replay) {
  for (int size = 2; size <= 300; ++size) set_size(replay, "p0", size);
  const std::uint64_t revision = replay.server.revision();
  replay.server.compact(revision);
  for (int size = 50; size <= 52; ++size) set_size(replay, "p1", size);
  const Json token = {{"v", "meta.k8s.io/v1"}, {"rv", revision}, {"start", std::string("/b\0", 3)}};
  replay.tokens["eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NTgwLCJzdGFydCI6Ii9iXHUwMDAwIn0"] =
      support::apiserver::to_base64url(token.dump());
}

// As the controller of EndpointSlices writes one: identity is the server's.
Json written(const Json& recorded) {
  Json out = recorded;
  for (const char* field : {"resourceVersion", "uid", "managedFields", "generation"}) {
    out["metadata"].erase(field);
  }
  return out;
}

const std::string slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

void create_slice(Replay& replay, const Json& exchange) {
  Json slice = written(exchange["response"]["body"]["items"][0]);
  replay.act("POST", slices, replay.translated(slice), "application/json",
             "kube-controller-manager/v1.36.2");
}

void create_pod(Replay& replay, const Json& exchange) {
  const Json& recorded = exchange["response"]["body"]["items"][0];
  Json pod = {
      {"metadata",
       {{"name", "e2"},
        {"labels", recorded["metadata"]["labels"]},
        {"annotations", recorded["metadata"]["annotations"]}}},
      {"spec",
       {{"nodeName", "n1"},
        {"automountServiceAccountToken", false},
        {"containers",
         {{{"name", "c"},
           {"image", "x"},
           {"ports", {{{"name", "dns"}, {"containerPort", 5353}, {"protocol", "UDP"}}}}}}}}}};
  const std::string pods = "/api/v1/namespaces/default/pods";
  replay.act("POST", pods, pod);
  Json status = recorded["status"];
  status.erase("qosClass");
  replay.act("PATCH", pods + "/e2/status", {{"status", status}}, merge_patch);
}

// What happened before an exchange without having been recorded.
void before(Replay& replay, const std::string& id, const Json& exchange) {
  if (id == "03-list-watch/0") {
    for (int i = 0; i < 5; ++i) {
      replay.act("POST", widgets, widget("p" + std::to_string(i), i + 1));
    }
  }
  if (id == "04-watch-gone/0") churn_and_compact(replay);
  if (id == "09-pods-endpointslices/1") create_slice(replay, exchange);
  if (id == "09-pods-endpointslices/3") create_pod(replay, exchange);
}

// What happened while a watch was open.
std::vector<std::function<void()>> during(Replay& replay, const std::string& id,
                                          const Json& exchange) {
  if (id == "03-list-watch/4") {
    return {
        [&] { replay.act("POST", widgets, widget("w1", 1)); }, [&] { set_size(replay, "w1", 7); },
        [&] {
          replay.act("PATCH", widgets + "/w1/status", {{"status", {{"ready", true}}}}, merge_patch);
        },
        [&] { replay.act("DELETE", widgets + "/w1"); }};
  }
  std::vector<std::function<void()>> out;
  if (id != "09-pods-endpointslices/2") return out;
  for (const Json& event : exchange["response"]["events"]) {
    if (event["type"] != "MODIFIED") continue;
    out.emplace_back([&replay, slice = written(event["object"])] {
      replay.act("PUT", slices + "/echo-kcb55", replay.translated(slice), "application/json",
                 "kube-controller-manager/v1.36.2");
    });
  }
  return out;
}

void append(Json& events, const Stream::Piece& piece) {
  std::istringstream lines(piece.bytes);
  for (std::string line; std::getline(lines, line);) events.push_back(Json::parse(line));
}

// Reads a watch to its end, time passing only when nothing else happens.
Json watched(Replay& replay, Stream& stream, const std::vector<std::function<void()>>& actions) {
  Json events = Json::array();
  append(events, stream.read());
  for (const auto& action : actions) {
    replay.pass(std::chrono::milliseconds(300));
    action();
    append(events, stream.read());
  }
  for (int reads = 0; reads < 1000; ++reads) {
    replay.pass_until(stream.due());
    const Stream::Piece piece = stream.read();
    append(events, piece);
    if (piece.ended) return events;
  }
  FAIL("the watch does not end");
  return events;
}

std::string token_for(const std::string& id) {
  if (id == "08-auth/1") return "expired";
  return id.starts_with("08-auth/") ? "edge" : "admin";
}

void compare(const Json& recorded, const Json& ours) {
  const Json expected = comparable(recorded);
  const Json answered = comparable(ours);
  INFO("expected " << expected.dump(1) << "\nanswered " << answered.dump(1) << "\nchange "
                   << Json::diff(expected, answered).dump(1));
  CHECK(expected == answered);
}

void replay_exchange(Replay& replay, const std::string& id, const Json& exchange) {
  before(replay, id, exchange);
  const Json& recorded = exchange["response"];
  const Response response = replay.send(exchange["request"], token_for(id));
  INFO(id << ": " << exchange["request"]["method"] << " " << exchange["request"]["path"]);
  CHECK(response.status == recorded["status"]);
  Json headers = Json::object();
  for (const auto& [name, value] : response.headers) headers[name] = value;
  CHECK(headers == recorded["headers"]);
  if (recorded.contains("events")) {
    REQUIRE(response.stream);
    const Json events = watched(replay, *response.stream, during(replay, id, exchange));
    compare(recorded["events"], events);
    replay.learn(recorded["events"], events);
    return;
  }
  const Json body = Json::accept(response.body) ? Json::parse(response.body) : Json(response.body);
  compare(recorded["body"], body);
  replay.learn(recorded["body"], body);
}

}  // namespace

TEST_CASE("the test API server answers recorded requests as recorded", "[apiserver]") {
  // One cluster for all: each scenario goes on where the one before ended, as it was recorded.
  Replay replay;
  for (const char* scenario : {"01-discovery", "02-crd-lifecycle", "03-list-watch", "04-watch-gone",
                               "05-server-side-apply", "06-update-conflict", "07-lease", "08-auth",
                               "09-pods-endpointslices"}) {
    const Json exchanges = Replay::load(scenario);
    REQUIRE_FALSE(exchanges.empty());
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
      const std::string id = std::string(scenario) + "/" + std::to_string(i);
      replay_exchange(replay, id, exchanges[i]);
    }
  }
}

}  // namespace unit::replay_test
