// The reflector against what a real API server said (tests/data/apiserver), and against everything
// that can go wrong. Widgets, which the recording is of, stand in for Services here.
#include "kube/reflector.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kube/manifest_file.hpp"
#include "kube/parse.hpp"
#include "support/api_transport.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace {

using namespace std::chrono_literals;
using kube::Decoded;
using nlohmann::json;
using support::ApiTransport;

const kube::Resource widgets = {"example.pona.dev", "v1", "widgets", "", "", "default"};
const std::string base = "/apis/example.pona.dev/v1/namespaces/default/widgets";

Decoded reduce_widget(const kube::Node& node) {
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

std::vector<Decoded> reduce_widgets(const kube::Node& node) {
  std::vector<Decoded> decoded;
  if (const auto items = node.find("items")) {
    for (const kube::Node item : *items) decoded.push_back(reduce_widget(item));
  } else {
    decoded.push_back(reduce_widget(node));
  }
  return decoded;
}

json recording(const std::string& name) {
  return json::parse(
      kube::read_text(std::string(PONA_TEST_DATA) + "/apiserver/" + name + ".json"))["exchanges"];
}

// "+a:1 -b"
std::string print(const core::ObjectChanges& changes) {
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

std::string widget(const std::string& name, int size, int version) {
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

std::string event(const std::string& type, const std::string& object) {
  return "{\"type\":\"" + type + "\",\"object\":" + object + "}\n";
}

std::string bookmark(int version, bool end = false) {
  return event("BOOKMARK",
               "{\"kind\":\"Widget\",\"metadata\":{\"resourceVersion\":\"" +
                   std::to_string(version) + "\"" +
                   (end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "") + "}}");
}

std::string status(int code, const std::string& reason, const std::string& message) {
  return json{{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", json::object()},
              {"status", "Failure"}, {"message", message}, {"reason", reason},
              {"code", code}}
      .dump();
}

std::string page(const std::vector<std::string>& items, int version, const std::string& next = "") {
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

  explicit Rig(const kube::Resource& resource = widgets, kube::Reduce reduce = reduce_widgets)
      : reflector(resource, transport, clock.clock(), std::move(reduce)) {}

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

bool is_stream(const std::string& target) {
  return target.starts_with(base +
                            "?watch=true&sendInitialEvents=true&resourceVersionMatch="
                            "NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=");
}

bool is_watch(const std::string& target, const std::string& version) {
  return target.starts_with(base + "?watch=true&resourceVersion=" + version +
                            "&allowWatchBookmarks=true&timeoutSeconds=");
}

// A recorded watch, in pieces of `size` bytes.
void play(Rig& rig, const json& response, std::size_t size) {
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

}  // namespace

TEST_CASE("reflector: the recorded streaming list, then the recorded watch") {
  const json exchanges = recording("03-list-watch");
  for (const std::size_t size :
       {std::size_t{1} << 20, std::size_t{1000}, std::size_t{7}, std::size_t{1}}) {
    Rig rig;
    CHECK(is_stream(rig.asked()));
    play(rig, exchanges[5]["response"], size);
    CHECK(rig.reflector.synced());
    CHECK(rig.reflector.trouble().empty());
    CHECK(rig.changes() == "+a:1 +b:1 +p0:1 +p1:2 +p2:3 +p3:4 +p4:5");
    CHECK(is_watch(rig.asked(), "279"));
  }
  // The recorded watch goes on from the recorded pages.
  Rig rig;
  rig.step();
  rig.answer(422, status(422, "Invalid", "sendInitialEvents is forbidden for watch"));
  CHECK(rig.asked() == base + "?limit=500");
  rig.answer(200, exchanges[0]["response"]["body"].dump());
  CHECK_FALSE(rig.reflector.synced());
  CHECK(rig.asked() == base +
                           "?limit=500&continue="
                           "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjczLCJzdGFydCI6Ii9wMFx1MDAwMCJ9");
  rig.answer(200, exchanges[2]["response"]["body"].dump());  // holds the rest, and no more follows
  CHECK(rig.reflector.synced());
  CHECK(rig.changes() == "+a:1 +b:1 +p0:1 +p1:2 +p2:3 +p3:4 +p4:5");
  CHECK(is_watch(rig.asked(), "273"));
  const json& watch = exchanges[4]["response"];
  rig.transport.head(rig.transport.last(), 200);
  std::string seen;
  for (const json& chunk : watch["chunks"]) {
    rig.say(chunk["event"].dump() + "\n");
    if (const std::string change = rig.changes(); !change.empty()) seen += change + ", ";
  }
  CHECK(seen == "+w1:1, +w1:7, -w1, ");
  rig.clock.advance(4s);
  rig.end();
  CHECK(is_watch(rig.asked(), "277"));
  CHECK(rig.reflector.trouble().empty());
}

TEST_CASE("reflector: a watch without an end of what there was is taken for no list") {
  const json exchanges = recording("03-list-watch");
  Rig rig;
  rig.step();
  play(rig, exchanges[6]["response"], 100);  // a server that does not know sendInitialEvents
  CHECK_FALSE(rig.reflector.synced());
  CHECK(rig.reflector.trouble() == "the streaming list ended before it was whole");
  rig.wait_until_due();
  CHECK(rig.asked() == base + "?limit=500");
  rig.answer(200, exchanges[2]["response"]["body"].dump());
  CHECK(rig.reflector.synced());
}

TEST_CASE("reflector: EndpointSlices over a pod's life as recorded") {
  const json exchanges = recording("09-pods-endpointslices");
  const kube::Resource slices = {"discovery.k8s.io",           "v1", "endpointslices",
                                 "kubernetes.io/service-name", "",   ""};
  Rig rig(slices, [](const kube::Node& node) { return kube::decode(node, {}); });
  CHECK(rig.asked().ends_with("&labelSelector=kubernetes.io%2Fservice-name"));
  rig.answer(400, "no");
  CHECK(rig.asked() ==
        "/apis/discovery.k8s.io/v1/endpointslices?limit=500&labelSelector="
        "kubernetes.io%2Fservice-name");
  rig.answer(200, exchanges[1]["response"]["body"].dump());
  CHECK(rig.changes() == "+echo-kcb55");
  CHECK(rig.asked().starts_with(
      "/apis/discovery.k8s.io/v1/endpointslices?watch=true&resourceVersion=628&"));
  rig.transport.head(rig.transport.last(), 200);
  std::string seen;
  for (const json& chunk : exchanges[2]["response"]["chunks"]) {
    rig.say(chunk["event"].dump() + "\n");
    if (const std::string change = rig.changes(); !change.empty()) seen += change + ", ";
  }
  CHECK(seen ==
        "+echo-kcb55:10.244.1.10RS, +echo-kcb55:10.244.1.10RS:10.244.1.11RS, "
        "+echo-kcb55:10.244.1.10:10.244.1.11RS, +echo-kcb55:10.244.1.10RS:10.244.1.11RS, "
        "+echo-kcb55:10.244.1.10ST:10.244.1.11RS, +echo-kcb55:10.244.1.11RS, ");
  CHECK(rig.reflector.trouble().empty());
}

TEST_CASE("reflector: 410 as it comes in a watch, and for a list") {
  const json exchanges = recording("04-watch-gone");
  Rig rig;
  rig.sync();
  rig.clock.advance(60s);
  rig.end();
  CHECK(is_watch(rig.asked(), "10"));
  play(rig, exchanges[0]["response"], 30);
  CHECK(is_stream(rig.asked()));  // at once
  CHECK(rig.changes().empty());   // and nothing is gone before the list says so
  SECTION("the new list is whole") {
    rig.transport.head(rig.transport.last(), 200);
    rig.say(event("ADDED", widget("b", 2, 900)) + event("ADDED", widget("c", 3, 901)));
    CHECK(rig.changes() == "+b:2 +c:3");
    rig.say(bookmark(902, true));
    CHECK(rig.changes() == "-a");
  }
  SECTION("the new list is cut off") {
    rig.transport.head(rig.transport.last(), 200);
    rig.say(event("ADDED", widget("b", 2, 900)));
    rig.end("cut");
    CHECK(rig.changes() == "+b:2");
    rig.wait_until_due();
    CHECK(is_stream(rig.asked()));
    rig.transport.head(rig.transport.last(), 200);
    rig.say(event("ADDED", widget("a", 1, 5)) + bookmark(902, true));
    CHECK(rig.changes() == "-b");
  }
  SECTION("by HTTP, and again and again: not in a circle without a pause") {
    rig.answer(exchanges[1]["response"]["status"], exchanges[1]["response"]["body"].dump());
    CHECK(rig.asked().empty());
    CHECK(rig.reflector.trouble() ==
          "410 Expired: The resourceVersion for the provided list is too old.");
    rig.wait_until_due();
    CHECK(is_stream(rig.asked()));
  }
}

TEST_CASE("reflector: a continue token that expired is answered by one list without limit") {
  Rig rig;
  rig.step();
  rig.answer(400, "no streaming lists");
  rig.answer(200, page({widget("a", 1, 1)}, 9, "token/1"));
  CHECK(rig.asked() == base + "?limit=500&continue=token%2F1");
  rig.end("the connection broke");
  rig.wait_until_due();
  CHECK(rig.asked() == base + "?limit=500&continue=token%2F1");
  rig.answer(410, status(410, "Expired", "The provided continue parameter is too old"));
  rig.wait_until_due();
  CHECK(rig.asked() == base);
  rig.answer(200, page({widget("a", 1, 1), widget("b", 1, 2)}, 12));
  CHECK(rig.changes() == "+a:1 +b:1");
  CHECK(is_watch(rig.asked(), "12"));
}

TEST_CASE("reflector: a token that is garbage starts the list anew") {
  const json exchanges = recording("03-list-watch");
  Rig rig;
  rig.step();
  rig.answer(400, "no streaming lists");
  rig.answer(200, page({widget("a", 1, 1)}, 9, "x"));
  rig.answer(exchanges[3]["response"]["status"], exchanges[3]["response"]["body"].dump());
  CHECK(
      rig.reflector.trouble().starts_with("cannot list widgets.example.pona.dev: 400 BadRequest: "
                                          "invalid continue token: "));
  rig.wait_until_due();
  CHECK(rig.asked() == base + "?limit=500");
}

TEST_CASE("reflector: resumes from the last version that it saw, bookmarks too") {
  Rig rig;
  rig.sync();
  rig.say(event("MODIFIED", widget("a", 2, 11)));
  rig.end("the connection broke");
  CHECK(rig.reflector.trouble() == "the connection broke");
  CHECK(rig.asked().empty());
  CHECK(rig.wait() >= 250ms);
  CHECK(rig.wait() <= 500ms);
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "11"));
  CHECK(rig.reflector.trouble().empty());
  rig.say(bookmark(20));
  rig.end("the connection broke");
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "20"));
  // Told twice, or late: not back in time.
  rig.say(event("DELETED", widget("a", 2, 21)) + event("MODIFIED", widget("a", 2, 11)) +
          event("DELETED", widget("a", 2, 21)) + bookmark(9));
  CHECK(rig.changes() == "-a");
  rig.end("the connection broke");
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "21"));
}

TEST_CASE("reflector: an event that is cut, or no event, ends the watch and loses nothing") {
  const std::string bad =
      GENERATE("{\"type\":\"MODIFIED\",\"object\":{\"me\n", "garbage\n",
               "{\"type\":\"GONE\",\"object\":{}}\n",
               "{\"type\":\"DELETED\",\"object\":{\"kind\":\"Widget\"}}\n", "[1]\n", "{}\n{}\n");
  Rig rig;
  rig.sync();
  rig.say(event("MODIFIED", widget("a", 2, 11)) + bad + event("DELETED", widget("b", 1, 12)));
  CHECK(rig.changes() == "+a:2");
  CHECK(rig.reflector.trouble().starts_with("cannot read what the watch brought: "));
  CHECK(rig.transport.open().empty());
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "11"));
  rig.say("{\"type\":\"DELETED\",\"obj");
  rig.clock.advance(400s);
  rig.end();
  CHECK(rig.reflector.trouble() == "the watch was cut off in the middle of an event");
  CHECK(rig.changes().empty());
}

TEST_CASE("reflector: silence is given up, on a connection of its own the next time") {
  Rig rig;
  rig.sync();
  rig.clock.advance(179s);
  rig.say(bookmark(11));
  rig.clock.advance(179s);
  CHECK(is_stream(rig.asked()));
  rig.clock.advance(1s);
  CHECK(rig.asked().empty());
  CHECK(rig.reflector.trouble() == "the API server has been silent for 180 s");
  rig.reconnect();
  CHECK(is_watch(rig.asked(), "11"));
  CHECK(rig.transport.started().back().fresh_connection);
  rig.end("x");
  rig.reconnect();
  CHECK_FALSE(rig.transport.started().back().fresh_connection);
}

TEST_CASE("reflector: pauses grow to 30 s, with jitter, and end with the first success") {
  Rig rig;
  rig.sync();
  std::chrono::milliseconds most = 500ms;
  bool differ = false;
  for (int i = 0; i < 12; ++i) {
    rig.end("cannot reach the API server");
    INFO(i << ": " << rig.wait().count());
    CHECK(rig.wait() <= most);
    CHECK(rig.wait() >= most / 2);
    differ = differ || rig.wait() != most;
    most = std::min<std::chrono::milliseconds>(most * 2, 30s);
    rig.wait_until_due();
    CHECK(is_watch(rig.asked(), "10"));
  }
  CHECK(differ);
  rig.transport.head(rig.transport.last(), 200);
  rig.say(bookmark(11));
  rig.end("x");
  CHECK(rig.wait() <= 500ms);
  // A server that hangs up at once gets no more patience for saying 200 first.
  for (int i = 0; i < 8; ++i) {
    rig.reconnect();
    rig.end();
    CHECK(rig.reflector.trouble() == "the watch ended at once");
  }
  CHECK(rig.wait() >= 15s);
}

TEST_CASE("reflector: what the server refuses is said, and tried again") {
  const json auth = recording("08-auth");
  const json& unauthorized = auth[1]["response"];
  const json& forbidden = auth[2]["response"];
  Rig rig;
  rig.step();
  SECTION("403 names verb and resource") {
    rig.answer(403, forbidden["body"].dump());
    CHECK(rig.reflector.trouble() ==
          "not allowed to watch widgets.example.pona.dev: pods is forbidden: User "
          "\"system:serviceaccount:pona-system:pona-edge\" cannot list resource \"pods\" in API "
          "group \"\" at the cluster scope; grant verbs list and watch on it to this user");
    rig.wait_until_due();
    CHECK(is_stream(rig.asked()));
  }
  SECTION("401") {
    rig.answer(401, unauthorized["body"].dump());
    CHECK(rig.reflector.trouble() ==
          "the API server does not accept the credential (401 Unauthorized: Unauthorized)");
  }
  SECTION("404") {
    rig.answer(404, "404 page not found\n");
    CHECK(rig.reflector.trouble() ==
          "the API server has no widgets.example.pona.dev in version v1 (404: \"404 page not "
          "found\"): is its CustomResourceDefinition installed?");
  }
  SECTION("429 with Retry-After") {
    rig.answer(429, "slow down", 17s);
    CHECK(rig.wait() == 17s);
    rig.wait_until_due();
    rig.answer(429, "slow down", 100h);
    CHECK(rig.wait() == 10min);
  }
  SECTION("504 that says in its body how long to wait") {
    const json exchanges = recording("03-list-watch");
    rig.answer(504, exchanges[8]["response"]["body"].dump());
    CHECK(rig.wait() == 1s);
    CHECK(
        rig.reflector.trouble() ==
        "cannot watch widgets.example.pona.dev: 504 Timeout: Timeout: Too large resource version: "
        "999999999, current: 279");
  }
  CHECK_FALSE(rig.reflector.synced());
}

TEST_CASE("reflector: a version that the server will not take is given up for a new list") {
  const json exchanges = recording("03-list-watch");
  Rig rig;
  rig.sync();
  rig.end("x");
  rig.wait_until_due();
  SECTION("of the future, as after a restored backup") {
    rig.answer(504, exchanges[8]["response"]["body"].dump());
    rig.wait_until_due();
  }
  SECTION("refused three times") {
    for (int i = 0; i < 3; ++i) {
      CHECK(is_watch(rig.asked(), "10"));
      rig.answer(500, exchanges[7]["response"]["body"].dump());
      rig.wait_until_due();
    }
  }
  CHECK(is_stream(rig.asked()));
  CHECK(rig.changes().empty());
}

TEST_CASE("reflector: an object with faults keeps its last good version") {
  Rig rig;
  rig.sync();
  std::string bad = widget("a", 1, 11);
  bad.replace(bad.find("\"size\":1"), 8, "\"size\":-1");
  rig.say(event("MODIFIED", bad) + event("ADDED", [&] {
            std::string other = bad;
            other.replace(other.find("\"a\""), 3, "\"z\"");
            other.replace(other.find("\"11\""), 4, "\"12\"");
            return other;
          }()));
  CHECK(rig.changes().empty());
  std::vector<kube::Problem> problems;
  rig.reflector.cache().add_problems("shop/", problems);
  std::sort(problems.begin(), problems.end());
  const std::string range = "Service: spec.size: -1 is not in the range 0 to 60000";
  const std::string kept = "; the last good version stays in effect";
  REQUIRE(problems.size() == 4);
  CHECK(problems[0] == kube::Problem{"shop/default/a", range + kept});
  CHECK(problems[1] == kube::Problem{"shop/default/a", "Service: spec: no size" + kept});
  CHECK(problems[2] == kube::Problem{"shop/default/z", range});
  CHECK(problems[3] == kube::Problem{"shop/default/z", "Service: spec: no size"});
  rig.say(event("DELETED", widget("z", 1, 13)) + event("MODIFIED", widget("a", 4, 14)));
  CHECK(rig.changes() == "+a:4");
  problems.clear();
  rig.reflector.cache().add_problems("shop/", problems);
  CHECK(problems.empty());
}

TEST_CASE("watch events: lines come out as they went in, wherever they are cut") {
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += std::string(static_cast<std::size_t>(i * 7 % 13), 'x') + "\n";
  for (std::size_t size = 1; size < 40; ++size) {
    kube::LineCutter cutter;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size) {
      CHECK(cutter.take(std::string_view(text).substr(at, size),
                        [&](std::string_view line) { out += std::string(line) + "\n"; }));
    }
    CHECK(out == text);
    CHECK(cutter.pending() == 0);
  }
  kube::LineCutter cutter;
  const std::string megabyte(1 << 20, 'x');
  bool fits = true;
  for (int i = 0; i < 33; ++i) fits = cutter.take(megabyte, [](std::string_view) { FAIL(); });
  CHECK_FALSE(fits);
}
