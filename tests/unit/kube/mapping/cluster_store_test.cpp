// What a store over a cluster makes of answers that a test server seldom gives. What it does with
// usual ones is shown by tests/e2e/mapping_cluster.bats.
#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "kube/mapping/store.hpp"
#include "support/catch.hpp"
#include "support/http_server.hpp"

namespace unit::cluster_store_test {

namespace {

using support::HttpServer;

// Gives one answer after the other, and the last one again.
class Server {
 public:
  explicit Server(std::vector<std::string> answers)
      : answers_(std::move(answers)), server_([this](const auto& request, auto& connection) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request.substr(0, request.find(" HTTP")));
          return connection.write(answers_[std::min(requests_.size(), answers_.size()) - 1]);
        }) {}

  [[nodiscard]] std::unique_ptr<kube::MappingStore> open() const {
    kube::ClusterStoreOptions options;
    options.config.context = "lab";
    options.config.origin = "context \"lab\"";
    options.config.ns = "shop";
    options.config.cluster.server =
        *kube::parse_url("http://127.0.0.1:" + std::to_string(server_.port()));
    options.user_agent = "pona/test";
    return kube::open_cluster_store(std::move(options));
  }
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  HttpServer server_;
};

std::string answer(int code, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(code) +
         " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string mapping(const std::string& name) {
  return R"({"kind":"Mapping","apiVersion":"smartnat.aureacentral.com/v1alpha1","metadata":{)"
         R"("namespace":"shop","resourceVersion":"7","uid":"u-)" +
         name + R"(","name":")" + name +
         R"("},"spec":{"addresses":["192.0.2.1"],"serviceName":"web","ports":[{"port":80}]}})";
}

std::string page(const std::string& items, const std::string& next) {
  return answer(200, R"({"kind":"MappingList","apiVersion":"smartnat.aureacentral.com/v1alpha1",)"
                     R"("metadata":{"resourceVersion":"9","continue":")" +
                         next + R"("},"items":[)" + items + "]}");
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "no error";
}

const std::string all = "GET /apis/smartnat.aureacentral.com/v1alpha1/mappings";
const std::string pages = all + "?limit=500";

}  // namespace

TEST_CASE("cluster store: a list is read page by page, and sorted") {
  Server server({page(mapping("web") + "," + mapping("api"), "a/b"), page(mapping("db"), "")});
  const auto objects = server.open()->list("");
  std::vector<std::string> names;
  for (const auto& stored : objects.mappings) {
    names.push_back(stored.mapping.name.name);
    CHECK(stored.live->uid == "u-" + stored.mapping.name.name);
  }
  CHECK(names == std::vector<std::string>{"api", "db", "web"});
  CHECK(server.requests() == std::vector<std::string>{pages, pages + "&continue=a%2Fb"});
}

TEST_CASE("cluster store: a list whose next page expired is read anew") {
  const std::string expired =
      answer(410, R"({"kind":"Status","reason":"Expired","message":"too old"})");
  Server server({page(mapping("web"), "x"), expired, page(mapping("api"), "")});
  const auto objects = server.open()->list("");
  REQUIRE(objects.mappings.size() == 1);
  CHECK(objects.mappings.front().mapping.name.name == "api");
  CHECK(server.requests() == std::vector<std::string>{pages, pages + "&continue=x", all});
}

TEST_CASE("cluster store: half an answer is an error, not an empty cluster") {
  Server server({answer(200, R"({"kind":"MappingList","items":[)")});
  CHECK(error_of([&] {
          static_cast<void>(server.open()->list(""));
        }).starts_with("cannot read what the server answered"));
  Server other({answer(200, R"(<html>please log in</html>)")});
  CHECK(error_of([&] {
          static_cast<void>(other.open()->find({"shop", "web"}));
        }).starts_with("cannot read what the server answered"));
}

TEST_CASE("cluster store: what is no Mapping is an error, not an empty cluster") {
  Server server({answer(200, "{}")});
  CHECK(error_of([&] {
          static_cast<void>(server.open()->list(""));
        }).find("something else than Mappings: \"{}\"") != std::string::npos);
}

TEST_CASE("cluster store: who may not see a Service does not know whether it exists") {
  Server server({answer(200, "{}"), answer(404, "{}"), answer(403, "{}")});
  const auto store = server.open();
  CHECK(store->has_service({"shop", "web"}) == true);
  CHECK(store->has_service({"shop", "web"}) == false);
  CHECK_FALSE(store->has_service({"shop", "web"}));
}

TEST_CASE("cluster store: an unchanged Mapping is not sent, and a stale one is told of") {
  Server server({answer(200, mapping("web")),
                 answer(409, R"({"kind":"Status","reason":"Conflict","message":"modified"})")});
  const auto store = server.open();
  const auto objects = store->find({"shop", "web"});
  REQUIRE(objects.mappings.size() == 1);
  core::Mapping web = objects.mappings.front().mapping;
  CHECK(store->put(web, &objects.mappings.front(), false).what == "unchanged");
  CHECK(server.requests().size() == 1);
  web.max_connections_per_source = 5;
  CHECK(store->put(web, &objects.mappings.front(), false).outdated);
  CHECK(server.requests().back() ==
        "PATCH /apis/smartnat.aureacentral.com/v1alpha1/namespaces/shop/mappings/web?"
        "fieldManager=pona-mapping&fieldValidation=Strict");
}

}  // namespace unit::cluster_store_test
