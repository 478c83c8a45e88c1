// The source over a cluster, with its thread and real connections, against a server that answers
// what a test wants answered.
#include "kube/edge/cluster_source.hpp"
#include "kube/api/watch_source.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include "kube/source/joined_source.hpp"
#include "kube/source/manifest_source.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"
#include "support/temporary.hpp"

namespace unit::cluster_source_test {

namespace {

using namespace std::chrono_literals;
using support::HttpServer;

std::string chunk(const std::string& text) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

std::string event(const std::string& type, const std::string& object) {
  return chunk("{\"type\":\"" + type + "\",\"object\":" + object + "}\n");
}

std::string end_of_list(int version) {
  return event("BOOKMARK", R"({"metadata":{"annotations":{"k8s.io/initial-events-end":"true"},)"
                           R"("resourceVersion":")" +
                               std::to_string(version) + "\"}}");
}

std::string metadata(const std::string& name, int version, const std::string& more = "") {
  return R"("metadata":{"name":")" + name + R"(","namespace":"shop","resourceVersion":")" +
         std::to_string(version) + "\"" + more + "}";
}

std::string mapping(const std::string& port) {
  return R"({"kind":"Mapping","apiVersion":"smartnat.aureacentral.com/v1alpha1",)" +
         metadata("web", 7) +
         R"(,"spec":{"addresses":["192.0.2.1"],"serviceName":"web","ports":[{"port":)" + port +
         "}]}}";
}

std::string service(const std::string& name, int version) {
  return R"({"kind":"Service","apiVersion":"v1",)" + metadata(name, version) +
         R"(,"spec":{"clusterIP":"10.96.0.7","ports":[{"port":80}]}})";
}

const std::string slice =
    R"({"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1",)" +
    metadata("web-x", 6, R"(,"labels":{"kubernetes.io/service-name":"web"})") +
    R"(,"addressType":"IPv4","endpoints":[{"addresses":["10.244.1.1"]}],"ports":[{"port":8080}]})";

std::string refusal(int code, const std::string& message) {
  const std::string body = R"({"kind":"Status","reason":"Forbidden","message":")" + message + "\"}";
  return "HTTP/1.1 " + std::to_string(code) +
         " No\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Resources whose streams stay open to be written to. What is not listed does not exist.
class Server {
 public:
  explicit Server(const support::Identity* identity = nullptr)
      : server_(
            [this](const auto& request, auto& connection) { return serve(request, connection); },
            identity) {}

  // What is said first to a watch of this resource; instead of it: a refusal.
  std::map<std::string, std::string> lists;
  std::map<std::string, std::string> refusals;

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] std::string asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  void say(const std::string& resource, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    REQUIRE(streams_.contains(resource));
    streams_[resource]->write(bytes);
  }

 private:
  bool serve(const std::string& request, HttpServer::Connection& connection) {
    const std::lock_guard lock(mutex_);
    const std::string target = request.substr(4, request.find(' ', 4) - 4);
    asked_ += target.substr(0, target.find("&timeoutSeconds")) + "\n";
    const std::string path = target.substr(0, target.find('?'));
    const std::string resource = path.substr(path.rfind('/') + 1);
    if (const auto refused = refusals.find(resource); refused != refusals.end()) {
      return connection.write(refused->second);
    }
    if (!lists.contains(resource)) return connection.write(refusal(404, "not found"));
    connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    streams_[resource] = &connection;
    return connection.write(lists[resource]);
  }

  mutable std::mutex mutex_;
  std::string asked_;
  std::map<std::string, HttpServer::Connection*> streams_;
  HttpServer server_;
};

class Watcher {
 public:
  using Wrap = std::function<std::unique_ptr<kube::Source>(std::unique_ptr<kube::Source>)>;

  explicit Watcher(const Server& server, const Wrap& wrap = {}) {
    kube::ClusterOptions options;
    options.config.context = "lab";
    options.config.cluster.server =
        *kube::parse_url("http://127.0.0.1:" + std::to_string(server.port()));
    options.user_agent = "pona/test";
    source_ = kube::open_cluster(options);
    if (wrap) source_ = wrap(std::move(source_));
  }
  explicit Watcher(std::unique_ptr<kube::Source> source) : source_(std::move(source)) {}

  void wait(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    for (;;) {
      for (const auto& [id, object] : source_->take()) {
        if (object) {
          objects[to_string(id)] = object;
        } else {
          objects.erase(to_string(id));
        }
      }
      if (done()) return;
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      pollfd fd{source_->wake_fd(), POLLIN, 0};
      poll(&fd, 1, 1000);
    }
  }
  [[nodiscard]] const kube::Source& source() const { return *source_; }

  std::map<std::string, std::shared_ptr<const core::Object>> objects;

 private:
  std::unique_ptr<kube::Source> source_;
};

}  // namespace

TEST_CASE("cluster: who only reads says which resources and kinds") {
  Server server;
  server.lists["egresses"] =
      event("ADDED", R"({"kind":"Egress","apiVersion":"pona.cybozu.com/v1",)" + metadata("nat", 7) +
                         R"(,"spec":{"destinations":["10.0.0.0/8"]}})") +
      end_of_list(10);
  kube::ClientConfig config;
  config.context = "lab";
  config.cluster.server = *kube::parse_url("http://127.0.0.1:" + std::to_string(server.port()));
  kube::DecodeOptions decoding;
  decoding.kinds = {core::Kind::egress};
  const std::vector<kube::Resource> resources = {
      {"pona.cybozu.com", "v1", "egresses", "", "metadata.name=nat", "shop", false}};
  Watcher watcher(kube::open_watch(config, "pona/test", resources, decoding));
  watcher.wait([&] { return watcher.source().synced() && watcher.objects.size() == 1; });
  CHECK(watcher.objects.contains("Egress shop/nat"));
  CHECK_FALSE(watcher.source().listens());
  CHECK_THAT(server.asked(),
             Catch::StartsWith("/apis/pona.cybozu.com/v1/namespaces/shop/egresses?watch=true"));
  server.say("egresses", event("DELETED", R"({"kind":"Egress","apiVersion":"pona.cybozu.com/v1",)" +
                                              metadata("nat", 12) +
                                              R"(,"spec":{"destinations":["10.0.0.0/8"]}})"));
  watcher.wait([&] { return watcher.objects.empty(); });
}

TEST_CASE("cluster: three resources become one source, and follow what happens") {
  Server server;
  server.lists["mappings"] = event("ADDED", mapping("80")) + end_of_list(10);
  server.lists["services"] = event("ADDED", service("web", 5)) + end_of_list(10);
  server.lists["endpointslices"] = event("ADDED", slice) + end_of_list(10);
  Watcher watcher(server);
  watcher.wait([&] { return watcher.source().synced() && watcher.objects.size() == 3; });
  CHECK(watcher.source().problems().empty());
  std::string asked = server.asked();
  const std::string query =
      "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks="
      "true\n";
  CHECK(asked.find("/apis/smartnat.aureacentral.com/v1alpha1/mappings" + query) !=
        std::string::npos);
  CHECK(asked.find("/api/v1/services" + query) != std::string::npos);
  CHECK(asked.find("/apis/discovery.k8s.io/v1/endpointslices" + query) != std::string::npos);
  const auto& found = std::get<core::EndpointSlice>(*watcher.objects["EndpointSlice shop/web-x"]);
  CHECK(found.service == "web");
  CHECK(found.endpoints.size() == 1);

  server.say("services", event("ADDED", service("db", 11)));
  watcher.wait([&] { return watcher.objects.contains("Service shop/db"); });
  server.say("services", event("DELETED", service("web", 12)));
  watcher.wait([&] { return !watcher.objects.contains("Service shop/web"); });

  std::string bad = mapping("0");
  bad.replace(bad.find("\"7\""), 3, "\"13\"");
  server.say("mappings", event("MODIFIED", bad));
  watcher.wait([&] { return !watcher.source().problems().empty(); });
  CHECK(watcher.source().problems() ==
        std::vector<kube::Problem>{{"lab/shop/web",
                                    "Mapping: spec.ports[0].port: 0 is not in the range 1 to "
                                    "65535; the last good version stays in effect"}});
  CHECK(watcher.objects.contains("Mapping shop/web"));
}

TEST_CASE("cluster: a resource that is forbidden is told of, and the others go on") {
  Server server;
  server.refusals["mappings"] = refusal(403, "mappings is forbidden");
  server.lists["services"] = event("ADDED", service("web", 5)) + end_of_list(10);
  server.lists["endpointslices"] = event("ADDED", slice) + end_of_list(10);
  Watcher watcher(server);
  watcher.wait([&] { return watcher.objects.size() == 2 && !watcher.source().problems().empty(); });
  CHECK_FALSE(watcher.source().synced());
  CHECK(
      watcher.source().problems() ==
      std::vector<kube::Problem>{
          {"lab/mappings",
           "not allowed to watch mappings.smartnat.aureacentral.com: mappings is forbidden; grant "
           "verbs list and watch on it to this user"}});
}

TEST_CASE("cluster: a server that goes away takes nothing with it") {
  auto server = std::make_unique<Server>();
  for (const char* resource : {"mappings", "endpointslices"}) {
    server->lists[resource] = end_of_list(10);
  }
  server->lists["services"] = event("ADDED", service("web", 5)) + end_of_list(10);
  Watcher watcher(*server);
  watcher.wait([&] { return watcher.source().synced() && watcher.objects.size() == 1; });
  server.reset();
  watcher.wait([&] {
    const auto problems = watcher.source().problems();
    return std::any_of(problems.begin(), problems.end(), [](const kube::Problem& problem) {
      return problem.reason.find("Connection refused") != std::string::npos &&
             problem.reason.ends_with("; what is known stays in effect");
    });
  });
  CHECK(watcher.objects.size() == 1);
  CHECK(watcher.source().synced());
}

TEST_CASE("joined: two sources are one, and of an object that both hold the first's counts") {
  const support::Temporary directory;
  const auto text = [](const std::string& name, int port) {
    return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
           ", namespace: shop}\nspec: {ports: [{port: " + std::to_string(port) + "}]}\n---\n";
  };
  static_cast<void>(directory.write("a.yaml", text("web", 81) + text("own", 82)));
  Server server;
  for (const char* resource : {"mappings", "endpointslices"}) {
    server.lists[resource] = end_of_list(10);
  }
  server.lists["services"] =
      event("ADDED", service("web", 5)) + event("ADDED", service("db", 6)) + end_of_list(10);
  Watcher watcher(server, [&](std::unique_ptr<kube::Source> cluster) {
    return kube::join(kube::open_manifests({directory.path()}), "the manifests",
                      std::move(cluster));
  });
  const auto port_of_web = [&] {
    const auto found = watcher.objects.find("Service shop/web");
    if (found == watcher.objects.end()) return 0;
    return int{std::get<core::Service>(*found->second).ports.at(0).port};
  };
  watcher.wait([&] { return watcher.source().synced() && watcher.objects.size() == 3; });
  CHECK(port_of_web() == 81);
  CHECK(watcher.source().problems() ==
        std::vector<kube::Problem>{{"Service shop/web",
                                    "defined twice: what the manifests say counts, the cluster's "
                                    "has no effect"}});
  static_cast<void>(directory.write("a.yaml", text("own", 82)));
  watcher.wait([&] { return port_of_web() == 80; });
  CHECK(watcher.source().problems().empty());
  server.say("services", event("DELETED", service("web", 11)));
  watcher.wait([&] { return port_of_web() == 0; });
  CHECK(watcher.objects.size() == 2);
}

}  // namespace unit::cluster_source_test
