// One reflector with its surroundings, and the words of an API server: for the reflector's tests.
// Widgets, which the recording in tests/data/apiserver is of, stand in for Services here.
#pragma once

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/api/reflector.hpp"
#include "kube/source/manifest_file.hpp"
#include "os/read_file.hpp"
#include "support/api_transport.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace reflector_rig {

using namespace std::chrono_literals;
using kube::Decoded;
using nlohmann::json;
using support::ApiTransport;

inline const kube::Resource widgets = {"example.pona.dev", "v1", "widgets", "", "", "default"};
inline const std::string base = "/apis/example.pona.dev/v1/namespaces/default/widgets";

inline Decoded reduce_widget(const kube::Node& node) {
  Decoded decoded;
  const kube::Field root(node, decoded.findings);
  const kube::Field metadata = root.at("metadata");
  const std::string name(metadata.at("name").string().value_or(""));
  core::Service service;
  service.name = {std::string(metadata.at("namespace").string().value_or("")), name};
  decoded.id = core::ObjectId{core::Kind::service, service.name};
  const auto size = root.at("spec").at("size").integer(0, 60000);
  if (!size) {
    root.at("spec").reject("no size");
    return decoded;
  }
  service.ports.push_back({"size", static_cast<std::uint16_t>(*size), core::Protocol::tcp, 0});
  decoded.object = std::make_shared<const core::Object>(service);
  return decoded;
}

inline std::vector<Decoded> reduce_widgets(const kube::Node& node) {
  std::vector<Decoded> decoded;
  if (const auto items = node.find("items")) {
    for (const kube::Node item : *items) decoded.push_back(reduce_widget(item));
  } else {
    decoded.push_back(reduce_widget(node));
  }
  return decoded;
}

inline json recording(const std::string& name) {
  return json::parse(
      os::read_file(std::string(PONA_TEST_DATA) + "/apiserver/" + name + ".json"))["exchanges"];
}

// "+a:1 -b"
inline std::string print(const core::ObjectChanges& changes) {
  std::string text;
  for (const auto& [id, object] : changes) {
    if (!text.empty()) text += ' ';
    text += (object ? "+" : "-") + id.name.name;
    if (!object) continue;
    if (const auto* service = std::get_if<core::Service>(object.get())) {
      text += ":" + std::to_string(service->ports.at(0).port);
    } else if (const auto* slice = std::get_if<core::EndpointSlice>(object.get())) {
      for (const auto& endpoint : slice->endpoints) {
        text += ":" + to_string(endpoint.address) + (endpoint.ready ? "R" : "") +
                (endpoint.serving ? "S" : "") + (endpoint.terminating ? "T" : "");
      }
    }
  }
  return text;
}

inline std::string widget(const std::string& name, int size, int version) {
  return json{{"apiVersion", "example.pona.dev/v1"},
              {"kind", "Widget"},
              {"metadata",
               {{"name", name},
                {"namespace", "default"},
                {"resourceVersion", std::to_string(version)},
                {"managedFields", json::array({{{"manager", "x"}}})}}},
              {"spec", {{"size", size}}}}
      .dump();
}

inline std::string event(const std::string& type, const std::string& object) {
  return "{\"type\":\"" + type + "\",\"object\":" + object + "}\n";
}

inline std::string bookmark(int version, bool end = false) {
  return event("BOOKMARK",
               "{\"kind\":\"Widget\",\"metadata\":{\"resourceVersion\":\"" +
                   std::to_string(version) + "\"" +
                   (end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "") + "}}");
}

inline std::string status(int code, const std::string& reason, const std::string& message) {
  return json{{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", json::object()},
              {"status", "Failure"}, {"message", message}, {"reason", reason},
              {"code", code}}
      .dump();
}

inline std::string page(const std::vector<std::string>& items, int version,
                        const std::string& next = "") {
  std::string text =
      "{\"kind\":\"WidgetList\",\"apiVersion\":\"example.pona.dev/v1\",\"metadata\":{"
      "\"resourceVersion\":\"" +
      std::to_string(version) + "\",\"continue\":\"" + next + "\"},\"items\":[";
  for (const std::string& item : items) text += (text.ends_with('[') ? "" : ",") + item;
  return text + "]}";
}

// One reflector with its surroundings; `step` lets it act and be fed until nothing moves.
struct Rig {
  support::ManualClock clock;
  ApiTransport transport;
  kube::Reflector reflector;

  explicit Rig(const kube::Resource& resource = widgets, kube::Reduce reduce = reduce_widgets,
               const kube::Trust& trust = {})
      : reflector(resource, transport, clock.clock(), std::move(reduce), trust) {}

  void step() {
    for (const auto& arrival : transport.take()) reflector.take(arrival);
    reflector.step();
  }
  void wait_until_due() {
    step();
    if (reflector.due() > clock.now) {
      clock.advance(std::chrono::ceil<std::chrono::milliseconds>(reflector.due() - clock.now));
    }
    step();
  }
  // What was asked last; "" when it is not waited for.
  std::string asked() {
    step();
    const auto found = transport.open().find(transport.last());
    return found == transport.open().end() ? "" : found->second.target;
  }
  void say(const std::string& bytes) {
    transport.body(transport.last(), bytes);
    step();
  }
  void answer(int code, const std::string& bytes,
              std::optional<std::chrono::seconds> retry_after = {}) {
    transport.head(transport.last(), code, retry_after);
    transport.body(transport.last(), bytes);
    transport.end(transport.last());
    step();
  }
  void end(const std::string& error = {}) {
    transport.end(transport.last(), error);
    step();
  }
  std::string changes() { return print(reflector.cache().take()); }
  // Lists a and b, both of size 1, at version 10.
  void sync() {
    step();
    transport.head(transport.last(), 200);
    say(event("ADDED", widget("a", 1, 5)) + event("ADDED", widget("b", 1, 7)) + bookmark(10, true));
    REQUIRE(reflector.synced());
    REQUIRE(changes() == "+a:1 +b:1");
  }
  void reconnect() {
    wait_until_due();
    transport.head(transport.last(), 200);
    step();
  }
  [[nodiscard]] std::chrono::milliseconds wait() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(reflector.due() - clock.now);
  }
};

inline bool is_stream(const std::string& target) {
  return target.starts_with(base +
                            "?watch=true&sendInitialEvents=true&resourceVersionMatch="
                            "NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=");
}

inline bool is_watch(const std::string& target, const std::string& version) {
  return target.starts_with(base + "?watch=true&resourceVersion=" + version +
                            "&allowWatchBookmarks=true&timeoutSeconds=");
}

// A recorded watch, in pieces of `size` bytes.
inline void play(Rig& rig, const json& response, std::size_t size) {
  const auto id = rig.transport.last();
  rig.transport.head(id, response["status"]);
  std::string bytes;
  for (const json& chunk : response["chunks"]) bytes += chunk["event"].dump() + "\n";
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    rig.transport.body(id, bytes.substr(at, size));
    rig.step();
  }
  rig.clock.advance(4s);
  rig.transport.end(id);
  rig.step();
}

}  // namespace reflector_rig
