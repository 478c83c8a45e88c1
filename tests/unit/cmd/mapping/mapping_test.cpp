#include "cmd/mapping/options.hpp"

#include <string>
#include <vector>

#include "cmd/mapping/conflict.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::mapping_test {

namespace {

core::Mapping mapping(const std::string& name, const std::vector<std::string>& ports,
                      const std::string& address = "203.0.113.10") {
  core::Mapping mapping;
  mapping.name = cmd::parse_name(name);
  mapping.service = "web";
  cmd::MappingOptions options;
  options.addresses = {address};
  options.ports = ports;
  cmd::apply(options, mapping);
  return mapping;
}

}  // namespace

TEST_CASE("ports are said as PORT[-END][:SERVICE-PORT][/PROTOCOL]") {
  const auto [text, printed] = GENERATE(table<std::string, std::string>({
      {"443", "443/tcp"},
      {"443/UDP", "443/udp"},
      {"443:8443", "443:8443/tcp"},
      {"443:443/sctp", "443/sctp"},
      {"5000-5010", "5000-5010/tcp"},
      {"5000-5010:6000/udp", "5000-5010:6000-6010/udp"},
      {"5000-5010:6000-6010/udp", "5000-5010:6000-6010/udp"},
  }));
  CHECK(cmd::to_string(cmd::parse_mapping_port(text)) == printed);
}

TEST_CASE("what is no port is a usage error") {
  const auto* const text = GENERATE("", "0", "http", "443:", ":443", "443/", "443/icmp", "443:0",
                                    "10-9", "1-3:5-6", "1-3:5-8", "443:8443:1", "443/tcp/udp");
  INFO(text);
  try {
    cmd::parse_mapping_port(text);
    FAIL("accepted");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::usage);
  }
}

TEST_CASE("names are NAME or NAMESPACE/NAME") {
  CHECK(cmd::parse_name("web") == core::ObjectName{"", "web"});
  CHECK(cmd::parse_name("shop/web") == core::ObjectName{"shop", "web"});
  for (const auto* const bad : {"", "/", "/web", "shop/", "a/b/c"}) {
    CHECK_THROWS_AS(cmd::parse_name(bad), core::Error);
  }
}

TEST_CASE("only what is given is changed") {
  core::Mapping web = mapping("shop/web", {"443"});
  web.allowed_sources = {core::Prefix::parse("10.0.0.0/8").value()};
  web.affinity = core::Affinity::none;
  const core::Mapping before = web;
  cmd::MappingOptions options;
  CHECK_FALSE(options.any());
  cmd::apply(options, web);
  CHECK(web == before);
  options.sources = {""};
  options.affinity = "default";
  options.preserve_client_ip = "false";
  CHECK(options.any());
  cmd::apply(options, web);
  CHECK(web.allowed_sources.empty());
  CHECK_FALSE(web.affinity);
  CHECK(web.preserve_client_ip == false);
  CHECK(web.ports == before.ports);
  options.affinity = "clientip";
  CHECK_THROWS_AS(cmd::apply(options, web), core::Error);
}

TEST_CASE("a conflict names the winner") {
  const std::vector<kube::StoredMapping> stored = {
      {mapping("shop/m", {"443", "5000-5010/udp"}), "m.yaml:1"}};
  CHECK_FALSE(cmd::find_conflict(mapping("shop/z", {"443/udp", "80"}), stored));
  CHECK_FALSE(cmd::find_conflict(mapping("shop/z", {"443"}, "203.0.113.11"), stored));
  CHECK_FALSE(cmd::find_conflict(mapping("shop/m", {"443"}), stored));
  CHECK(cmd::find_conflict(mapping("shop/z", {"5010-5020/udp"}), stored) ==
        "203.0.113.10:5010-5020/udp belongs to shop/m (m.yaml:1), which wins: take another address "
        "or port, or remove that one");
  // Who has it keeps it, whatever the names: manifests have no age.
  CHECK(cmd::find_conflict(mapping("other/a", {"443"}), stored) ==
        "203.0.113.10:443/tcp belongs to shop/m (m.yaml:1), which wins: take another address or "
        "port, or remove that one");
  std::vector<kube::StoredMapping> aged = stored;
  aged.front().mapping.created = 100;
  CHECK(cmd::find_conflict(mapping("other/a", {"443"}), aged) ==
        "203.0.113.10:443/tcp is in use by shop/m (m.yaml:1); other/a would win and take it away: "
        "use another address or port, or remove that one first");
}

}  // namespace unit::mapping_test
