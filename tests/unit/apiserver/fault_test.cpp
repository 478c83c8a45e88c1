// Each fault on demand, as whoever carries the bytes gets to see it.
#include "unit/apiserver/cluster.hpp"

namespace unit::fault_test {

namespace {

using support::apiserver::Fault;
using support::apiserver::fault_kind;
using unit::Cluster;
using unit::config;
using unit::configs;
using unit::Json;
using Said = std::vector<std::string>;

struct Faulty : Cluster {
  explicit Faulty(Fault fault) {
    for (const char* name : {"a", "b"}) call(201, "POST", configs, config(name));
    server.add_fault(std::move(fault));
  }
  auto watch() { return send("GET", configs + "?watch=true").stream; }
};

Fault fault(Fault::Kind kind, std::size_t after = 0, std::size_t amount = 1) {
  return {kind, "", "configmaps", 1, after, amount};
}

Said names(const Json& list) {
  Said out;
  for (const Json& item : list["items"]) out.push_back(item["metadata"]["name"]);
  return out;
}

}  // namespace

TEST_CASE("refusals on demand, once each", "[apiserver]") {
  Faulty cluster(fault(Fault::Kind::busy, 0, 7));
  const auto busy = cluster.send("GET", configs);
  CHECK(busy.status == 429);
  CHECK(busy.headers.back() == std::pair<std::string, std::string>("retry-after", "7"));
  cluster.call(200, "GET", configs);
  cluster.server.add_fault(fault(Fault::Kind::error));
  CHECK(cluster.call(500, "GET", configs)["reason"] == "InternalError");
  cluster.server.add_fault(fault(Fault::Kind::unauthorized));
  CHECK(cluster.call(401, "GET", configs)["reason"] == "Unauthorized");
  cluster.call(200, "GET", configs);
}

TEST_CASE("a fault meets the requests it names, as often as it says", "[apiserver]") {
  Faulty cluster({Fault::Kind::error, "WATCH", "configmaps", 2, 0, 1});
  cluster.call(200, "GET", configs);
  cluster.call(500, "GET", configs + "?watch=true");
  cluster.call(500, "GET", configs + "?watch=true");
  CHECK(cluster.send("GET", configs + "?watch=true").stream);
  cluster.server.add_fault({Fault::Kind::error, "", "", -1, 0, 1});
  cluster.call(500, "GET", "/readyz");
  cluster.call(500, "GET", "/readyz");
  cluster.server.clear_faults();
  CHECK(cluster.send("GET", "/readyz").status == 200);
}

TEST_CASE("how bytes travel is said beside the answer", "[apiserver]") {
  Faulty cluster(fault(Fault::Kind::drop, 20));
  CHECK(cluster.send("GET", configs).delivery.drop_after == 20);
  cluster.server.add_fault(fault(Fault::Kind::stall, 5));
  CHECK(cluster.send("GET", configs).delivery.stall_after == 5);
  cluster.server.add_fault(fault(Fault::Kind::drip, 0, 30));
  CHECK(cluster.send("GET", configs).delivery.bytes_per_second == 30);
  cluster.server.add_fault(fault(Fault::Kind::garbage));
  CHECK_FALSE(cluster.send("GET", configs).delivery.garbage.empty());
  cluster.server.add_fault(fault(Fault::Kind::truncate));
  CHECK_FALSE(Json::accept(cluster.send("GET", configs).body));
}

TEST_CASE("pages with items turned around or doubled", "[apiserver]") {
  Faulty cluster(fault(Fault::Kind::reorder));
  CHECK(names(cluster.call(200, "GET", configs)) == Said{"b", "a"});
  cluster.server.add_fault(fault(Fault::Kind::duplicate));
  CHECK(names(cluster.call(200, "GET", configs)) == Said{"a", "a", "b", "b"});
}

TEST_CASE("watches with events turned around or doubled", "[apiserver]") {
  Faulty cluster(fault(Fault::Kind::reorder));
  CHECK(Cluster::said(*cluster.watch()) == Said{"ADDED b", "ADDED a"});
  cluster.server.add_fault(fault(Fault::Kind::duplicate, 1));
  CHECK(Cluster::said(*cluster.watch()) == Said{"ADDED a", "ADDED b", "ADDED b"});
}

TEST_CASE("a watch that breaks after an event", "[apiserver]") {
  Faulty cluster(fault(Fault::Kind::drop, 1));
  auto piece = cluster.watch()->read();
  CHECK(piece.dropped);
  CHECK_FALSE(piece.ended);
  CHECK(Json::parse(piece.bytes)["object"]["metadata"]["name"] == "a");
  cluster.server.add_fault(fault(Fault::Kind::truncate, 1));
  piece = cluster.watch()->read();
  CHECK(piece.ended);
  CHECK_FALSE(piece.bytes.ends_with("\n"));
  cluster.server.add_fault(fault(Fault::Kind::garbage));
  piece = cluster.watch()->read();
  CHECK(piece.ended);
  CHECK_FALSE(Json::accept(piece.bytes));
}

TEST_CASE("a watch that falls silent does not even end", "[apiserver]") {
  Faulty cluster(fault(Fault::Kind::stall, 1));
  const auto watch = cluster.watch();
  CHECK(Cluster::said(*watch) == Said{"ADDED a"});
  cluster.call(201, "POST", configs, config("c"));
  cluster.now += std::chrono::hours(10);
  const auto piece = watch->read();
  CHECK(piece.bytes.empty());
  CHECK_FALSE(piece.ended);
  CHECK_FALSE(piece.dropped);
}

TEST_CASE("a dripping watch says all in the end", "[apiserver]") {
  Faulty cluster(fault(Fault::Kind::drip, 0, 100));
  const auto watch = cluster.watch();
  std::string bytes = watch->read().bytes;
  CHECK(bytes.empty());
  for (int second = 0; second < 100; ++second) {
    cluster.now += std::chrono::seconds(1);
    const std::string piece = watch->read().bytes;
    CHECK(piece.size() <= 100);
    bytes += piece;
  }
  CHECK(std::count(bytes.begin(), bytes.end(), '\n') == 2);
}

TEST_CASE("the control path is for administrators", "[apiserver]") {
  Cluster cluster;
  cluster.call(200, "POST", "/_test/faults", {{"kind", "error"}, {"path", "configmaps"}});
  cluster.call(500, "GET", configs);
  CHECK(cluster.call(400, "POST", "/_test/faults", {{"kind", "flood"}})["message"] ==
        "no such fault: \"flood\"");
  cluster.call(200, "POST", "/_test/tokens", {{"token", "t"}, {"user", "u"}, {"seconds", 5}});
  CHECK(cluster.call(200, "POST", "/_test/compact")["compacted"] == cluster.server.revision());
  cluster.token = "t";
  cluster.call(401, "POST", "/_test/compact");
  CHECK(cluster.send("GET", "/apis").status == 200);
  cluster.token = "admin";
  cluster.call(200, "DELETE", "/_test/tokens/t");
  cluster.token = "t";
  cluster.call(401, "GET", "/apis");
  CHECK_FALSE(fault_kind("nonsense"));
}

}  // namespace unit::fault_test
