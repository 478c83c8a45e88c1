// The reflector against a model of an API server that fails in every way at every byte. What must
// hold after each step: an object leaves the cache only if the server had deleted it; and once the
// faults are over, the cache is what the server has. A failing seed replays: PONA_SEED=N.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "kube/api/reflector.hpp"
#include "support/api_transport.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace unit::reflector_fuzz_test {

namespace {

using namespace std::chrono_literals;

std::string service_json(const std::string& name, int port, int version) {
  return R"({"kind":"Service","apiVersion":"v1","metadata":{"name":")" + name +
         R"(","namespace":"shop","resourceVersion":")" + std::to_string(version) +
         R"("},"spec":{"ports":[{"port":)" + std::to_string(port) + "}]}}";
}

std::string event_line(const char* type, const std::string& object) {
  return std::string(R"({"type":")") + type + R"(","object":)" + object + "}\n";
}

std::string status_json(int code, const std::string& reason) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":"m","reason":")" +
         reason + R"(","code":)" + std::to_string(code) + "}";
}

struct Change {
  int version;
  std::string type;
  std::string object;
};

// Services by name with their port; a version for each change, the oldest of which get compacted.
class Server {
 public:
  explicit Server(unsigned seed) : random_(seed) {}

  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  bool happens(int percent) { return pick(100) < percent; }

  void change() {
    const std::string name(1, static_cast<char>('a' + pick(12)));
    const auto found = objects.find(name);
    ++version;
    if (found != objects.end() && happens(40)) {
      history.push_back({version, "DELETED", service_json(name, found->second.first, version)});
      objects.erase(found);
      ++deleted[name];
      return;
    }
    const int port = 1 + pick(60000);
    history.push_back({version, found == objects.end() ? "ADDED" : "MODIFIED",
                       service_json(name, port, version)});
    objects[name] = {port, version};
  }
  void compact() {
    if (history.empty()) return;
    const auto until = history.begin() + pick(static_cast<int>(history.size())) + 1;
    compacted = std::prev(until)->version;
    history.erase(history.begin(), until);
  }

  std::map<std::string, std::pair<int, int>> objects;  // port and version
  std::map<std::string, int> deleted;                  // how often
  std::vector<Change> history;
  int version = 1;
  int compacted = 0;

 private:
  std::mt19937 random_;
};

std::string parameter(const std::string& target, const std::string& name) {
  for (const char mark : {'?', '&'}) {
    const auto at = target.find(mark + name + "=");
    if (at == std::string::npos) continue;
    const auto begin = at + name.size() + 2;
    return target.substr(begin, target.find('&', begin) - begin);
  }
  return {};
}

// The connection of one request: what is still to be sent of it, and how far a watch is.
struct Stream {
  std::string out;
  bool watching = false;
  bool ends = false;
  int sent_version = 0;
};

class World {
 public:
  World(unsigned seed, bool streaming)
      : server(seed),
        streaming_(streaming),
        reflector({"", "v1", "services", "", "", "", false}, transport, clock.clock(),
                  [](const kube::Node& node) { return kube::decode(node, {}); }) {
    clock.generator.seed(seed + 1);
  }

  void run(int steps, bool faults) {
    for (int i = 0; i < steps; ++i) {
      if (faults && server.happens(30)) server.change();
      answer_new(faults);
      for (auto& [id, stream] : streams_) send(id, stream, faults);
      // Open watches have taken what is compacted.
      if (faults && server.happens(2)) server.compact();
      std::erase_if(streams_,
                    [&](const auto& item) { return !transport.open().contains(item.first); });
      for (const auto& arrival : transport.take()) reflector.take(arrival);
      reflector.step();
      absorb();
      clock.advance(
          std::chrono::milliseconds(faults && server.happens(3) ? 60'000 : server.pick(400)));
    }
  }

  Server server;
  support::ManualClock clock;
  support::ApiTransport transport;
  std::map<std::string, int> cache;  // name and port, as told

 private:
  void absorb() {
    for (const auto& [id, object] : reflector.cache().take()) {
      if (object) {
        cache[id.name.name] = std::get<core::Service>(*object).ports.at(0).port;
        continue;
      }
      cache.erase(id.name.name);
      INFO(id.name.name << " was taken out though nobody deleted it");
      REQUIRE(server.deleted[id.name.name] >= deletions_seen_[id.name.name] + 1);
      ++deletions_seen_[id.name.name];
    }
  }

  void answer_new(bool faults) {
    const auto open = transport.open();  // answering changes it
    for (const auto& [id, request] : open) {
      if (!answered_.insert({id, true}).second) continue;
      if (faults && server.happens(15)) {
        refuse(id);
        continue;
      }
      Stream& stream = streams_[id];
      if (parameter(request.target, "watch") == "true") {
        answer_watch(id, request.target, stream);
      } else {
        answer_list(id, request.target, stream);
      }
    }
  }

  void refuse(std::uint64_t id) {
    static const std::vector<std::pair<int, std::string>> refusals = {
        {401, "Unauthorized"},      {403, "Forbidden"},       {404, "NotFound"},
        {410, "Expired"},           {429, "TooManyRequests"}, {500, "InternalError"},
        {503, "ServiceUnavailable"}};
    switch (server.pick(4)) {
      case 0:
        transport.end(id, "cannot reach the API server");
        return;
      case 1:
        transport.head(id, 200);  // a captive portal, or an empty answer
        transport.body(id, server.happens(50) ? "<html>login</html>\n" : "");
        transport.end(id);
        return;
      default:
        const auto& [code, reason] =
            refusals[static_cast<std::size_t>(server.pick(static_cast<int>(refusals.size())))];
        transport.head(id, code, server.happens(30) ? std::optional(2s) : std::nullopt);
        transport.body(id, status_json(code, reason));
        transport.end(id);
    }
  }

  void answer_watch(std::uint64_t id, const std::string& target, Stream& stream) {
    if (parameter(target, "sendInitialEvents") == "true") {
      if (!streaming_) {
        transport.head(id, 422);
        transport.body(id, status_json(422, "Invalid"));
        transport.end(id);
        return;
      }
      for (const auto& [name, object] : server.objects) {
        stream.out += event_line("ADDED", service_json(name, object.first, object.second));
      }
      stream.out += event_line("BOOKMARK",
                               R"({"metadata":{"annotations":{"k8s.io/initial-events-end":"true"},)"
                               R"("resourceVersion":")" +
                                   std::to_string(server.version) + "\"}}");
      stream.sent_version = server.version;
    } else {
      stream.sent_version = std::stoi(parameter(target, "resourceVersion"));
      if (stream.sent_version < server.compacted) {
        transport.head(id, 200);
        stream.out = event_line("ERROR", status_json(410, "Expired"));
        stream.ends = true;
        return;
      }
    }
    transport.head(id, 200);
    stream.watching = true;
  }

  void answer_list(std::uint64_t id, const std::string& target, Stream& stream) {
    // The token is the version of the list and the last name; it dies when that is compacted.
    const std::string token = parameter(target, "continue");
    std::string after;
    if (!token.empty()) {
      after = token.substr(token.find('.') + 1);
      if (std::stoi(token) != server.version) {  // this server keeps no old lists at all
        transport.head(id, 410);
        transport.body(id, status_json(410, "Expired"));
        transport.end(id);
        return;
      }
    }
    const std::size_t limit = parameter(target, "limit").empty() ? 1000 : 3;
    std::string items;
    std::size_t count = 0;
    std::string next;
    for (auto at = server.objects.upper_bound(after); at != server.objects.end(); ++at) {
      if (count++ == limit) {
        next = std::to_string(server.version) + "." + std::prev(at)->first;
        break;
      }
      items +=
          (items.empty() ? "" : ",") + service_json(at->first, at->second.first, at->second.second);
    }
    transport.head(id, 200);
    stream.out = R"({"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":")" +
                 std::to_string(server.version) + R"(","continue":")" + next + R"("},"items":[)" +
                 items + "]}";
    stream.ends = true;
  }

  void send(std::uint64_t id, Stream& stream, bool faults) {
    if (stream.watching) {
      for (const Change& change : server.history) {
        if (change.version <= stream.sent_version) continue;
        const std::string line = event_line(change.type.c_str(), change.object);
        stream.out += line;
        if (faults && server.happens(10)) stream.out += line;  // told twice
        stream.sent_version = change.version;
      }
      if (server.happens(5)) {
        stream.out += event_line("BOOKMARK", R"({"metadata":{"resourceVersion":")" +
                                                 std::to_string(stream.sent_version) + "\"}}");
      }
    }
    std::size_t size = stream.out.size();
    if (server.happens(70))
      size = static_cast<std::size_t>(server.pick(static_cast<int>(size) + 1));
    if (faults && server.happens(10)) return;  // stalls
    if (size > 0) transport.body(id, stream.out.substr(0, size));
    stream.out.erase(0, size);
    if (faults && server.happens(4)) {
      switch (server.pick(4)) {
        case 0:
          transport.end(id);  // cleanly, wherever it is
          return;
        case 1:
          transport.body(id, "\x01garbage}\n");
          break;
        case 2:
          transport.body(id, "\n" + event_line("ERROR", status_json(server.happens(50) ? 500 : 410,
                                                                    "InternalError")));
          break;
        default:
          break;
      }
      transport.end(id, "the connection broke");
    } else if (stream.ends && stream.out.empty()) {
      transport.end(id);
    }
  }

  bool streaming_;
  std::map<std::uint64_t, Stream> streams_;
  std::map<std::uint64_t, bool> answered_;
  std::map<std::string, int> deletions_seen_;

 public:
  kube::Reflector reflector;
};

void check_seed(unsigned seed) {
  INFO("seed " << seed);
  World world(seed, seed % 3 != 0);
  world.run(400, true);
  world.run(1500, false);
  std::map<std::string, int> expected;
  for (const auto& [name, object] : world.server.objects) expected[name] = object.first;
  REQUIRE(world.reflector.synced());
  REQUIRE(world.reflector.trouble().empty());
  REQUIRE(world.cache == expected);
}

}  // namespace

TEST_CASE(
    "reflector: whatever fails, nothing is lost, and in the end all is as the server has it") {
  if (const char* seed = std::getenv("PONA_SEED"); seed != nullptr) {
    check_seed(static_cast<unsigned>(std::strtoul(seed, nullptr, 10)));
    return;
  }
  for (unsigned seed = 1; seed <= 150; ++seed) check_seed(seed);
}

}  // namespace unit::reflector_fuzz_test
