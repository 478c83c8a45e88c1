#include "cmd/edge/pages.hpp"

#include <algorithm>

#include "support/catch.hpp"

namespace unit::edge_pages_test {
namespace {

const cmd::HttpPage& page_of(const std::vector<cmd::HttpPage>& pages, const std::string& path) {
  const auto page = std::ranges::find(pages, path, &cmd::HttpPage::path);
  REQUIRE(page != pages.end());
  return *page;
}

// "200 text"
std::string told(const std::vector<cmd::HttpPage>& pages, const std::string& path) {
  const cmd::HttpAnswer answer = page_of(pages, path).at_once();
  return std::to_string(answer.code) + ' ' + answer.body;
}

}  // namespace

TEST_CASE("the edge's pages tell health, status and metrics") {
  cmd::Latest<cmd::EdgeHealth> latest;
  std::uint64_t made = 0;
  cmd::DiagAnswers diag({});
  const auto whole = [&] {
    cmd::EdgeStatus status;
    status.ignored = ++made;
    status.process = cmd::ProcessStatus();
    return std::make_shared<const cmd::EdgeStatus>(std::move(status));
  };
  const auto part = [](const core::ForwardKey& key) {
    cmd::EdgeStatus status;
    status.counted = false;
    status.mappings.push_back({"Mapping", "shop", "web", "active", {}, {}});
    cmd::PortStatus port;
    port.address = to_string(key.address);
    port.ports = to_string(key.ports);
    port.connections = 7;
    port.endpoints.push_back({"10.1.0.2:8080", 100, false, 7});
    status.mappings.back().ports.push_back(port);
    return status;
  };
  const std::vector<cmd::HttpPage> pages = cmd::edge_pages(latest, whole, part, diag);
  CHECK(told(pages, "/healthz").find("503 not all objects have been read") == 0);
  CHECK(told(pages, "/readyz").find("503") == 0);

  cmd::EdgeHealth health;
  health.synced = true;
  health.last_sync = 1700000000;
  latest.post(health);
  CHECK(told(pages, "/healthz") == "200 ok\n");
  CHECK(told(pages, "/readyz") == "200 ok\n");
  CHECK(told(pages, "/healthcheck") == "200 OK 2023-11-14T22:13:20Z\n");

  health.trouble = "apply: refused";
  latest.post(health);
  CHECK(told(pages, "/healthcheck") == "503 apply: refused\n");
  CHECK(told(pages, "/readyz") == "200 ok\n");

  const cmd::HttpPage& status = page_of(pages, "/status");
  const cmd::HttpAnswer first = status.read()();
  CHECK(first.type == "application/json");
  CHECK(cmd::parse_status(first.body).ignored == 1);
  CHECK(status.shared.count() == 0);

  cmd::HttpAnswer told;
  const auto keep = [&](cmd::HttpAnswer answer) { told = std::move(answer); };
  page_of(pages, "/status?about=").ask("[2001:db8::5]:443/tcp", keep);
  CHECK(told.code == 200);
  const cmd::EdgeStatus about = cmd::parse_status(told.body);
  REQUIRE(about.mappings.size() == 1);
  CHECK(about.mappings[0].ports[0].address == "2001:db8::5");
  CHECK(about.mappings[0].ports[0].endpoints[0].address == "10.1.0.2:8080");
  CHECK(told.body.find("connections") == std::string::npos);  // none was read
  CHECK(told.body.find("refused") == std::string::npos);
  for (const char* const bad : {"", "443", "203.0.113.5", "203.0.113.5:443", "2001:db8::5:443/tcp",
                                "[203.0.113.5]:443/tcp", "203.0.113.5:0-70000/tcp", "x:1/icmp"}) {
    page_of(pages, "/status?about=").ask(bad, keep);
    CHECK(told.code == 400);
  }

  const cmd::HttpPage& metrics = page_of(pages, "/metrics");
  const cmd::HttpAnswer second = metrics.read()();
  CHECK(second.type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(second.body.find("pona_edge_ignored_documents 2\n") != std::string::npos);
  CHECK(metrics.shared == std::chrono::seconds(1));
  CHECK(page_of(pages, "/metrics?scope=ports").read()().body.find("mapping_port_") !=
        std::string::npos);
  CHECK(page_of(pages, "/metrics?scope=endpoints").read()().body.find("endpoint_connections") !=
        std::string::npos);
}

}  // namespace unit::edge_pages_test
