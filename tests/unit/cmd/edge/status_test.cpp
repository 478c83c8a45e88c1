#include "cmd/edge/status.hpp"

#include <sstream>

#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::status_test {

namespace {

cmd::EdgeStatus example() {
  cmd::PortStatus port;
  port.address = "203.0.113.10";
  port.protocol = "tcp";
  port.ports = "443";
  port.service = "shop/web";
  port.connections = 12;
  port.traffic = cmd::PortTraffic{{100, 1536}, {200, 3 << 20}};
  port.refused_source = 1;
  port.refused_connections = 2;
  port.refused_rate = 3;
  port.endpoints = {{"10.1.0.2:8080", 56.25, false, 7},
                    {"10.1.0.3:8080", 43.75, false, 5},
                    {"10.1.0.4:8080", 0, true, 9}};
  cmd::EdgeStatus status;
  status.mappings = {
      {"Mapping", "shop", "web", "active", {}, {port}},
      {"Mapping", "shop", "zoo", "rejected", {"Service shop/zoo does not exist"}, {}}};
  status.interfaces = {{"eth1", "203.0.113.1", ""}};
  status.rejections = {{"Mapping shop/zoo", "Service shop/zoo does not exist"}};
  status.problems = {{"/m/a.yaml:3", "spec.ports is \"x\"\nnot a list"}};
  status.warnings = {"net.ipv4.ip_forward is 0"};
  status.objects = {{"Mapping", 2}, {"Service", 1}};
  status.ignored = 4;
  status.conntrack_entries = 5;
  status.conntrack_limit = 1000;
  return status;
}

cmd::ProcessStatus process() {
  cmd::ProcessStatus result;
  result.pid = 42;
  result.version = "1.2.3";
  result.commit = "abc";
  result.started = 1700000000;
  result.last_sync = 1700000100;
  result.healthy = true;
  result.ready = true;
  result.statistics.syncs.add(0.0004);
  result.statistics.syncs.add(0.03);
  result.statistics.syncs.add(99);
  result.statistics.changes = 17;
  result.statistics.errors["sync"] = 2;
  return result;
}

bool has_line(const std::string& text, const std::string& line) {
  return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

}  // namespace

TEST_CASE("status as text") {
  cmd::EdgeStatus status = example();
  CHECK(cmd::to_text(status) ==
        "Mappings  2: 1 active, 1 rejected\n"
        "Ports     1 on 1 address: 1 in effect\n"
        "Problems  1 object not fully in effect, 1 in manifests, 1 warning\n"
        "\n"
        "OBJECT\n"
        "Mapping shop/zoo  Service shop/zoo does not exist\n"
        "\n"
        "PROBLEM\n"
        "/m/a.yaml:3  spec.ports is \"x\" not a list\n"
        "\n"
        "WARNING\n"
        "net.ipv4.ip_forward is 0\n"
        "\n"
        "MAPPING   STATE     ADDRESS       PORT     SERVICE   ENDPOINTS               CONNECTIONS  "
        "REFUSED  RECEIVED  SENT\n"
        "shop/web  active    203.0.113.10  443/tcp  shop/web  10.1.0.2:8080 56.2%     12           "
        "6        1.5 KiB   3.0 MiB\n"
        "                                                     10.1.0.3:8080 43.8%\n"
        "                                                     10.1.0.4:8080 draining\n"
        "shop/zoo  rejected  -\n"
        "\n"
        "EXTERNAL INTERFACE  IPV4 GATEWAY  IPV6 GATEWAY\n"
        "eth1                203.0.113.1   -\n"
        "\n"
        "Connections tracked by this host: 5 of 1000\n");
  status.process = process();
  status.process->healthy = false;
  status.process->troubles = {"add route: busy"};
  CHECK(cmd::to_text(status).starts_with(
      "pona edge 1.2.3, process 42, since 2023-11-14T22:13:20Z, not healthy, in line at "
      "2023-11-14T22:15:00Z\n  add route: busy\n\nMappings  2: "));
  status.process->troubles.clear();
  status.process->stale_since = 1700000000;
  CHECK(cmd::to_text(status).find("\n  stale: the objects are those saved at 2023-11-14T22:13:20Z, "
                                  "the API server has not been read since the start\n") !=
        std::string::npos);
  CHECK(cmd::to_text(cmd::EdgeStatus()) == "No mappings.\n");
}

TEST_CASE("5: without accounting of traffic no column and no series pretends that there was none") {
  cmd::EdgeStatus status = example();
  status.mappings[0].ports[0].traffic.reset();
  CHECK(cmd::to_text(status).find("RECEIVED") == std::string::npos);
  CHECK(cmd::to_metrics(status, cmd::MetricsScope::ports).find("_bytes_total{") ==
        std::string::npos);
  const std::string json = cmd::to_json(status);
  CHECK(json.find("\"received\": null") != std::string::npos);
  CHECK_FALSE(cmd::parse_status(json).mappings[0].ports[0].traffic.has_value());
}

TEST_CASE("status survives JSON") {
  cmd::EdgeStatus status = example();
  const std::string alone = cmd::to_json(status);
  CHECK(cmd::to_json(cmd::parse_status(alone)) == alone);
  CHECK_FALSE(cmd::parse_status(alone).process.has_value());
  status.process = process();
  status.process->stale_since = 1690000000;
  const std::string json = cmd::to_json(status);
  CHECK(json.find("\"staleSince\": 1690000000") != std::string::npos);
  const cmd::EdgeStatus read = cmd::parse_status(json);
  CHECK(cmd::to_json(read) == json);
  CHECK(cmd::to_text(read) == cmd::to_text(status));
}

TEST_CASE("an answer that is no status is an error, one of another version is not") {
  CHECK_THROWS_AS(cmd::parse_status("<html>"), core::Error);
  CHECK_THROWS_AS(cmd::parse_status(R"({"mappings": 3})"), core::Error);
  CHECK(cmd::parse_status(R"({"mappings": [{"name": "a"}], "later": 1})").mappings.at(0).name ==
        "a");
}

TEST_CASE("file names that are no UTF-8 do not break the JSON") {
  cmd::EdgeStatus status;
  status.problems = {{"\xff.yaml:1", "bad"}};
  CHECK(cmd::parse_status(cmd::to_json(status)).problems.at(0).second == "bad");
}

TEST_CASE("metrics are in Prometheus' format") {
  cmd::EdgeStatus status = example();
  status.process = process();
  status.mappings[0].ports[0].address = "a\"b\\c\nd";
  const std::string text = cmd::to_metrics(status);
  const std::string labels = R"({kind="Mapping",namespace="shop",mapping="web")";
  CHECK(has_line(text, "pona_edge_mapping_connections_total" + labels + "} 12"));
  CHECK(has_line(text, "pona_edge_mapping_packets_total" + labels + R"(,direction="in"} 100)"));
  CHECK(has_line(text, "pona_edge_mapping_bytes_total" + labels + R"(,direction="out"} 3145728)"));
  CHECK(has_line(text, "pona_edge_mapping_refused_total" + labels + R"(,reason="source"} 1)"));
  CHECK(has_line(text, "pona_edge_mapping_refused_total" + labels + R"(,reason="connections"} 2)"));
  CHECK(has_line(text, "pona_edge_mapping_refused_total" + labels + R"(,reason="rate"} 3)"));
  CHECK(text.find(R"(reason="endpoints")") == std::string::npos);
  CHECK(has_line(text, R"(pona_edge_mappings{state="active"} 1)"));
  CHECK(has_line(text, R"(pona_edge_mappings{state="rejected"} 1)"));
  CHECK(has_line(text, R"(pona_edge_objects{kind="Mapping"} 2)"));
  CHECK(has_line(text, "pona_edge_rejections 1"));
  CHECK(has_line(text, "pona_edge_objects_stale 0"));
  status.process->stale_since = 1700000000;
  CHECK(has_line(cmd::to_metrics(status), "pona_edge_objects_stale 1"));
  CHECK(has_line(text, "pona_edge_problems 1"));
  CHECK(has_line(text, "pona_edge_conntrack_limit 1000"));
  CHECK(has_line(text, R"(pona_edge_build_info{version="1.2.3",commit="abc"} 1)"));
  CHECK(has_line(text, R"(pona_edge_sync_duration_seconds_bucket{le="0.001"} 1)"));
  CHECK(has_line(text, R"(pona_edge_sync_duration_seconds_bucket{le="0.05"} 2)"));
  CHECK(has_line(text, R"(pona_edge_sync_duration_seconds_bucket{le="10"} 2)"));
  CHECK(has_line(text, R"(pona_edge_sync_duration_seconds_bucket{le="+Inf"} 3)"));
  CHECK(has_line(text, "pona_edge_sync_duration_seconds_sum 99.0304"));
  CHECK(has_line(text, "pona_edge_sync_duration_seconds_count 3"));
  CHECK(has_line(text, R"(pona_edge_errors_total{stage="sync"} 2)"));
  CHECK(has_line(text, R"(pona_edge_errors_total{stage="sweep"} 0)"));
}

TEST_CASE("1.22: a scrape has series of ports and of endpoints for who asks for them") {
  cmd::EdgeStatus status = example();
  status.mappings[0].ports[0].address = "a\"b\\c\nd";
  const std::string mappings = cmd::to_metrics(status);
  CHECK(mappings.find("port=") == std::string::npos);
  CHECK(mappings.find("endpoint=") == std::string::npos);
  const std::string ports = cmd::to_metrics(status, cmd::MetricsScope::ports);
  const std::string labels =
      R"({kind="Mapping",namespace="shop",mapping="web",address="a\"b\\c\nd",port="443",protocol="tcp")";
  CHECK(
      has_line(ports, "pona_edge_mapping_port_packets_total" + labels + R"(,direction="in"} 100)"));
  CHECK(has_line(ports,
                 "pona_edge_mapping_port_bytes_total" + labels + R"(,direction="out"} 3145728)"));
  CHECK(has_line(ports, "pona_edge_mapping_port_connections_total" + labels + "} 12"));
  CHECK(has_line(ports, "pona_edge_mapping_port_refused_total" + labels + R"(,reason="rate"} 3)"));
  CHECK(has_line(ports,
                 "pona_edge_mapping_port_refused_total" + labels + R"(,reason="endpoints"} 0)"));
  CHECK(has_line(ports, "pona_edge_mapping_port_endpoints" + labels + "} 2"));
  CHECK(has_line(
      cmd::to_metrics(status, cmd::MetricsScope::endpoints),
      R"(pona_edge_endpoint_connections_total{endpoint="10.1.0.4:8080",protocol="tcp"} 9)"));
}

TEST_CASE("1.22: a scrape has as many series as there are Mappings, not ports") {
  cmd::EdgeStatus status;
  cmd::MappingStatus mapping{"Mapping", "shop", "web", "active", {}, {}};
  mapping.ports.resize(10000);
  status.mappings.push_back(mapping);
  const std::string one = cmd::to_metrics(status);
  CHECK(std::ranges::count(one, '\n') < 60);
}

TEST_CASE("every metric is explained once, before its samples, and samples stand together") {
  cmd::EdgeStatus status = example();
  status.process = process();
  std::istringstream lines(cmd::to_metrics(status));
  std::map<std::string, int> explained;
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark;
    std::string kind;
    std::string name;
    if (line.starts_with("# ")) {
      words >> mark >> kind >> name;
      if (kind == "HELP") CHECK(++explained[name] == 1);
      if (kind == "TYPE") CHECK(name == current);
      current = name;
      continue;
    }
    INFO(line);
    CHECK(line.starts_with(current));
  }
  CHECK(explained.size() > 20);
}

TEST_CASE("4.7: source ports that are nearly used up are in metrics and JSON") {
  cmd::EdgeStatus status;
  status.source_ports = {{"10.1.0.2:8080", "tcp", "10.1.0.1", 60000, 64512}};
  const std::string text = cmd::to_metrics(status);
  const std::string labels = R"({endpoint="10.1.0.2:8080",protocol="tcp",source="10.1.0.1"})";
  CHECK(has_line(text, "pona_edge_source_ports_used" + labels + " 60000"));
  CHECK(has_line(text, "pona_edge_source_ports_limit" + labels + " 64512"));
  const auto read = cmd::parse_status(cmd::to_json(status)).source_ports;
  REQUIRE(read.size() == 1);
  CHECK(read[0].endpoint == "10.1.0.2:8080");
  CHECK(read[0].protocol == "tcp");
  CHECK(read[0].source == "10.1.0.1");
  CHECK(read[0].used == 60000);
  CHECK(read[0].limit == 64512);
}

}  // namespace unit::status_test
