// The schema of Mappings and the decoder judge alike. A schema that refused what the decoder takes
// would break objects that work; one that took what it could know to be wrong would leave it to a
// status that nobody looks at.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kube/decode/decode.hpp"
#include "kube/decode/parse.hpp"
#include "kube/source/manifest_file.hpp"
#include "os/read_file.hpp"
#include "support/catch.hpp"
#include "support/crd_schema.hpp"
#include "unit/cmd/install/crd.hpp"

namespace unit::crd_decode_test {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::mapping;
using test::parsed;
using test::schema_of;

bool decodes(const json& object) {
  kube::Document document;
  bool whole = false;
  const auto error = kube::parse_json(object.dump(), document, [&](const kube::Document& parsed) {
    const auto objects = kube::decode(*parsed.root(), {});
    whole = objects.size() == 1 && objects[0].object != nullptr;
  });
  REQUIRE_FALSE(error);
  return whole;
}

enum class Says {
  yes,
  no,
  decoder_no,  // the schema cannot tell
};

struct Row {
  const char* field;  // of spec
  json value;
  Says says;
};

void check_rows(const std::vector<Row>& rows) {
  const json schema = schema_of("Mapping");
  for (const Row& row : rows) {
    json object = mapping();
    object["spec"][row.field] = row.value;
    INFO(row.field << ": " << row.value);
    const crd::Checked checked = crd::check(schema, object);
    INFO("schema: " << json(checked.violations));
    CHECK(checked.violations.empty() == (row.says != Says::no));
    CHECK(decodes(object) == (row.says == Says::yes));
    // Defaults and dropped fields change no meaning.
    CHECK(decodes(checked.value) == (row.says == Says::yes));
  }
}

}  // namespace

TEST_CASE("schema and decoder judge addresses alike") {
  std::vector<Row> rows = {
      {"addresses", json::array(), Says::no},
      {"addresses", nullptr, Says::no},
      {"addresses", "203.0.113.10", Says::no},
      {"addresses", json::array({"203.0.113.10", "203.0.113.10"}), Says::yes},
      {"addresses", json::array({"203.0.113.10", nullptr}), Says::no},
      {"addresses", json::array({7}), Says::no},
      {"addresses", json::array({json::array({"203.0.113.1"})}), Says::no},
  };
  for (const char* const good : {"10.237.94.10",
                                 "172.17.0.1",
                                 "203.0.113.10/32",
                                 "2001:DB8::10/128",
                                 "2001:db8::",
                                 "1:2:3:4:5:6:7:8",
                                 "1:2:3:4:5:6:7::",
                                 "::2:3:4:5:6:7:8",
                                 "1::3:4:5:6:7:8",
                                 "64:ff9b::1",
                                 "::1:0",
                                 "64:ff9b::192.0.2.1",
                                 "1:2:3:4:5:6:192.0.2.1",
                                 "::2:3:4:5:6:192.0.2.1",
                                 "::ffff:1",
                                 "::ffff:0:203.0.113.1",
                                 "ff::1",
                                 "fec0::1",
                                 "255.255.255.254",
                                 "223.255.255.1",
                                 "240.0.0.1"}) {
    rows.push_back({"addresses", json::array({good}), Says::yes});
  }
  for (const char* const bad : {"",
                                "203.0.113.300",
                                "203.0.113.0/24",
                                "127.0.0.1",
                                "::",
                                "ff02::1",
                                "fe80::1",
                                "::ffff:203.0.113.1",
                                "0.0.0.0",
                                "255.255.255.255",
                                "1.2.3",
                                "1.2.3.4.5",
                                "01.2.3.4",
                                "1.2.3.4/",
                                "1.2.3.4/33",
                                "1.2.3.4 ",
                                " 1.2.3.4",
                                "1.2.3.4\n",
                                "web",
                                "2001:db8::/64",
                                "1:2:3:4:5:6:7",
                                "1:2:3:4:5:6:7:8:9",
                                "1::2::3",
                                ":1:2:3:4:5:6:7",
                                "1:2:3:4:5:6:7:",
                                "1:::2",
                                "12345::",
                                "g::1",
                                "1:2:3:4:5:6:7::8",
                                "::1:2:3:4:5:6:192.0.2.1",
                                "192.0.2.1::1",
                                "::1",
                                "0:0:0:0:0:0:0:1",
                                "0::0",
                                "::0001",
                                "FE80::1",
                                "febf::1",
                                "FF0E::1",
                                "::FFFF:cb00:7101",
                                "0:0:0:0:0:ffff:203.0.113.1",
                                "224.0.0.1",
                                "239.1.2.3",
                                "0.1.2.3",
                                "127.1.2.3",
                                "::1/128",
                                "::/128",
                                "255.255.255.255/32",
                                "1.2.3.4-1.2.3.5"}) {
    rows.push_back({"addresses", json::array({bad}), Says::no});
  }
  // Written in a way that nobody uses.
  rows.push_back({"addresses", json::array({"::0.0.0.1"}), Says::decoder_no});
  rows.push_back({"addresses", json::array({"0:0:0:0:0:ffff::"}), Says::decoder_no});
  check_rows(rows);
}

TEST_CASE("schema and decoder judge sources alike") {
  std::vector<Row> rows = {
      {"allowedSources", json::array(), Says::yes},
      {"allowedSources", nullptr, Says::yes},
      {"allowedSources", json::array({"10.0.0.0/16", "10.0.0.0/16"}), Says::yes},
      {"allowedSources", json::array({nullptr}), Says::no},
      {"allowedSources", json::array({10}), Says::no},
      {"allowedSources", "10.0.0.0/8", Says::no},
  };
  for (const char* const good :
       {"10.0.0.0/16", "192.168.1.0/24", "0.0.0.0/0", "::/0", "192.0.2.1", "198.51.100.77/24",
        "2001:db8:1::/48", "2001:db8::1/128", "10.0.0.0/9", "::ffff:10.0.0.0/104"}) {
    rows.push_back({"allowedSources", json::array({good}), Says::yes});
  }
  for (const char* const bad :
       {"10.0.0.0/33", "office", "", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "2001:db8::/129",
        "2001:db8::/200", "10.0.0/8", "1::2::/64", "1:2:3:4:5:6:7::8/64"}) {
    rows.push_back({"allowedSources", json::array({bad}), Says::no});
  }
  check_rows(rows);
}

TEST_CASE("schema and decoder judge ports alike") {
  std::vector<Row> rows;
  for (const char* const good :
       {R"([{"port": 1, "servicePort": 65535}])",
        R"([{"port": 65535, "servicePort": null, "protocol": null, "endPort": null}])",
        R"([{"port": 90, "endPort": 90}])",
        R"([{"port": 91, "endPort": 93, "servicePort": 65533}])",
        R"([{"port": 1, "endPort": 65535}])",
        R"([{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "Udp"},
            {"port": 80, "protocol": "sctp"}])",
        R"([{"port": 10, "endPort": 20}, {"port": 21}, {"port": 9}])",
        R"([{"port": 10, "endPort": 20}, {"port": 15, "protocol": "UDP"}])",
        R"([{"port": 80, "targetPort": 8080}])"}) {  // unknown: a warning
    rows.push_back({"ports", parsed(good), Says::yes});
  }
  for (const char* const bad : {"[]",
                                "null",
                                R"({"port": 80})",
                                "[85]",
                                "[null]",
                                R"([{"port": "80"}])",
                                R"([{"port": 0}])",
                                R"([{"port": 65536}])",
                                R"([{"port": -1}])",
                                R"([{"port": 80.5}])",
                                R"([{"port": null}])",
                                R"([{"servicePort": 80}])",
                                R"([{"port": 81, "servicePort": 0}])",
                                R"([{"port": 81, "servicePort": 70000}])",
                                R"([{"port": 81, "endPort": 0}])",
                                R"([{"port": 81, "endPort": "82"}])",
                                R"([{"port": 81, "endPort": 65536}])",
                                R"([{"port": 90, "endPort": 89}])",
                                R"([{"port": 91, "endPort": 95, "servicePort": 65533}])",
                                R"([{"port": 80, "protocol": "icmp"}])",
                                R"([{"port": 80, "protocol": ""}])",
                                R"([{"port": 80, "protocol": 6}])",
                                R"([{"port": 80}, {"port": 80, "servicePort": 81}])",
                                R"([{"port": 80}, {"port": 80, "protocol": "TCP"}])",
                                R"([{"port": 10, "endPort": 20}, {"port": 11}])",
                                R"([{"port": 20}, {"port": 10, "endPort": 20}])",
                                R"([{"port": 10, "endPort": 20}, {"port": 15, "endPort": 25}])"}) {
    rows.push_back({"ports", parsed(bad), Says::no});
  }
  check_rows(rows);
}

TEST_CASE("what is wrong is said by the rule that knows") {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"({"ports": [{"port": 90, "endPort": 89}]})",
       "spec.ports[0]: endPort must not be below port"},
      {R"({"ports": [{"port": 91, "endPort": 95, "servicePort": 65533}]})",
       "spec.ports[0]: the range must not lead beyond port 65535 of the Service"},
      {R"({"ports": [{"port": 80}, {"port": 80}]})",
       "spec.ports: ports of the same protocol must not overlap"},
      {R"({"addresses": ["1:2:3:4:5:6:7::8"]})",
       "spec.addresses[0]: is not an IPv6 address, it has too many groups"},
      {R"({"addresses": ["127.0.0.1"]})",
       "spec.addresses[0]: must be reachable from outside, and so be no loopback, multicast, "
       "broadcast or unspecified address"},
      {R"({"addresses": ["ff02::1"]})",
       "spec.addresses[0]: must be reachable from outside, and so be no loopback, multicast, "
       "link-local or unspecified address"},
      {R"({"addresses": ["::ffff:203.0.113.1"]})",
       "spec.addresses[0]: is an IPv4 address in IPv6 form, write it as IPv4"},
      {R"({"allowedSources": ["1:2:3:4:5:6:7::8"]})",
       "spec.allowedSources[0]: is not an IPv6 network, it has too many groups"},
  };
  const json schema = schema_of("Mapping");
  for (const auto& [fields, message] : rows) {
    json object = mapping();
    object["spec"].update(parsed(fields));
    CHECK(crd::check(schema, object).violations == std::vector<std::string>{message});
  }
}

TEST_CASE("schema and decoder judge the other fields alike") {
  const std::string long_name(63, 'a');
  check_rows({
      {"serviceName", "1-web", Says::yes},
      {"serviceName", long_name, Says::yes},
      {"serviceName", long_name + "a", Says::no},
      {"serviceName", "", Says::no},
      {"serviceName", nullptr, Says::no},
      {"serviceName", 80, Says::no},
      {"serviceName", "Web_1", Says::no},
      {"serviceName", "other/web", Says::no},
      {"serviceName", "a.b", Says::no},
      {"serviceName", "web-", Says::no},
      {"mode", nullptr, Says::yes},
      {"mode", "direct", Says::no},
      {"mode", "", Says::no},
      {"sessionAffinity", nullptr, Says::yes},
      {"sessionAffinity", "None", Says::yes},
      {"sessionAffinity", "ClientIP", Says::yes},
      {"sessionAffinity", "clientip", Says::no},
      {"preserveClientIP", nullptr, Says::yes},
      {"preserveClientIP", false, Says::yes},
      {"preserveClientIP", "true", Says::no},
      {"maxConnectionsPerSource", 0, Says::yes},
      {"maxConnectionsPerSource", 1'000'000'000, Says::yes},
      {"maxConnectionsPerSource", 1'000'000'001, Says::no},
      {"maxConnectionsPerSource", -1, Says::no},
      {"newConnectionsPerSecond", 20, Says::yes},
      {"newConnectionsPerSecond", 4294967296, Says::no},
      {"newConnectionsPerSecond", "20", Says::no},
      {"colour", "red", Says::yes},  // unknown: a warning, and dropped
  });
}

TEST_CASE("schema and decoder judge the manifests of the decoder's tests alike") {
  // What is wrong with these is in metadata, of which schemas do not speak, or is a limit of the
  // edge's own.
  const std::vector<std::string> beyond = {
      "created-bad.yaml",   "metadata-missing.yaml", "name-bad.yaml",       "name-missing.yaml",
      "namespace-bad.yaml", "ports-too-many.yaml",   "version-unknown.yaml"};
  const json schema = schema_of("Mapping");
  std::size_t good = 0;
  std::size_t bad = 0;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(PONA_TEST_DATA) / "manifests")) {
    const fs::path& path = entry.path();
    // What the decoder alone reads, or nobody.
    const std::set<std::string> others = {"syntax", "tabs", "utf-16", "yaml-1.1"};
    if (path.extension() != ".yaml" || others.contains(path.stem())) continue;
    for (const json& object : test::yaml_documents(os::read_file(path))) {
      if (!object.is_object() || object.value("kind", json()) != "Mapping") continue;
      if (std::ranges::find(beyond, path.filename().string()) != beyond.end()) continue;
      INFO(path);
      const crd::Checked checked = crd::check(schema, object);
      INFO("schema: " << json(checked.violations));
      const bool whole = decodes(object);
      CHECK(checked.violations.empty() == whole);
      CHECK(decodes(checked.value) == whole);
      ++(whole ? good : bad);
    }
  }
  CHECK(good >= 4);
  CHECK(bad >= 15);
}

TEST_CASE("defaults say what the decoder takes for granted, and no more") {
  json object = mapping();
  object["spec"].erase("mode");
  const crd::Checked checked = crd::check(schema_of("Mapping"), object);
  object["spec"]["mode"] = "service";
  object["spec"]["ports"][0]["protocol"] = "tcp";
  CHECK(checked.value == object);
  CHECK(checked.violations.empty());
}

}  // namespace unit::crd_decode_test
