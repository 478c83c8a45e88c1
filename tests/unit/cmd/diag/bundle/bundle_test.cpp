// Bundles as bytes: what is written is read back, and anybody's bytes are an error that says why.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/diag/bundle/archive.hpp"
#include "cmd/diag/bundle/json_fields.hpp"
#include "cmd/diag/bundle/read_bundle.hpp"
#include "cmd/diag/bundle/redact_json.hpp"
#include "cmd/diag/bundle/without_secrets.hpp"
#include "core/error.hpp"
#include "core/packet/record/fields_of.hpp"
#include "core/packet/record/record.hpp"
#include "os/tar.hpp"
#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::bundle_test {

using namespace walk_rig;
using Catch::Contains;
using cmd::read_bundle;

namespace {

const auto everything = [](std::string_view) { return true; };

// Files by name, with a manifest of `sums` (true checksums) unless one is among them.
std::string packed(const std::map<std::string, std::string>& files) {
  nlohmann::json list = nlohmann::json::array();
  cmd::ArchiveWriter writer(0);
  for (const auto& [name, text] : files) {
    writer.add(name, text);
    list.push_back({{"name", name}, {"sha256", cmd::sha256_hex(text)}});
  }
  const nlohmann::json manifest = {{"schema", "pona.diag.bundle/v1"},
                                   {"host", "h"},
                                   {"made", "2024-05-01T12:00:00Z"},
                                   {"here", 0},
                                   {"files", list}};
  writer.add("manifest.json", manifest.dump());
  return std::move(writer).finish();
}

std::string lines_of(HeldNetwork& network) {
  std::string text;
  write_lines(network, [&](std::string_view kind, const auto& value) {
    cmd::append_line(text, kind, value);
  });
  return text;
}

}  // namespace

TEST_CASE("bundle: a namespace is the same when it is read back") {
  FakeHost host(0);
  host.ip("link add eth0 type veth").ip("address add 10.0.0.1/24 dev eth0");
  host.ip("route add default via 10.0.0.2 dev eth0").ip("rule add fwmark 1/3 lookup 7");
  host.ip("neigh add 10.0.0.2 dev eth0 lladdr 02:00:00:00:00:07");
  host.set("net/ipv4/conf/eth0/rp_filter", 2).set("net/ipv4/ip_forward", 1).listen(6, 80);
  host.fou = {{5555, 4}};
  host.fill = {7, 9};
  Connection connection;
  connection.original = {6, address("10.0.0.1"), address("10.0.0.2"), 1, 2};
  connection.reply = reversed(connection.original);
  connection.in_kernel = true;
  host.tracked = {connection};
  host.unread = {
      {Hook::forward, Opaque{"legacy", Opaque::Opinion::unknown, "", core::Family::ipv6}}};
  const ChainId id = chain(host, Hook::forward, -5, Type::filter, true);
  XtMatch match{"conntrack", 3, XtConntrack()};
  std::get<XtConntrack>(match.what).original_source = {
      address("10.0.0.0"), address("255.0.0.0"), {1, 2}};
  Dynset dynset;
  dynset.set = "s";
  dynset.expressions = {Limit{5, 60, 2, false, true}};
  rule(host, id,
       {Verdict{Verdict::Code::jump, "x"}, Compare{Compare::Op::lt, 4, {1, 2}}, match, dynset,
        Hash{true, 0, 0, 5, 0U, 0, 4}, Range{false, 0, {1}, {2}}},
       9, "a comment");
  host.rules.add_set({id.family, id.table, "s"}, {set_interval, 7, 4, 0, 0, {4, 2}, 0});
  host.rules.add_element({id.family, id.table, "s"},
                         packet_rig::between(address_bytes("10.0.0.0"), address_bytes("10.0.0.9")));
  host.rules.add_object({id.family, id.table, "q"}, 2, Quota{1, 2, true});

  const std::string text = lines_of(host);
  HeldNetwork other;
  std::size_t items = 1000;
  cmd::read_lines(text, "file", items, [&](std::string_view kind, Fields& fields) {
    CHECK(read_line(other, kind, fields));
  });
  CHECK(lines_of(other) == text);
  CHECK(other.interfaces == host.interfaces);
  CHECK(other.tables.routes == host.tables.routes);
  CHECK(other.tables.rules == host.tables.rules);
  CHECK(other.tracked == host.tracked);
  CHECK(other.sysctls == host.sysctls);
  CHECK(other.listeners == host.listeners);
  CHECK(*other.rules.rules(id) == *host.rules.rules(id));
  CHECK(other.rules.base_chains() == host.rules.base_chains());
  CHECK(other.neighbours == host.neighbours);
}

TEST_CASE("bundle: names, paths and pods are found in it") {
  const auto bundle = read_bundle(packed(
      {{"world.jsonl",
        "{\"place\":{\"name\":\"this host\"}}\n"
        "{\"place\":{\"name\":\"pod shop/web\",\"path\":\"/run/netns/cni-1\",\"podNamespace\":"
        "\"shop\",\"pod\":\"web\"}}\n{\"newer\":{}}\n{\"cable\":{\"otherPlace\":99}}\n"},
       {"netns/1/network.jsonl",
        "{\"link\":{\"index\":1,\"name\":\"lo\"}}\n{\"newer\":{\"a\":1}}\n"},
       {"../../etc/passwd", "x"}}));
  CHECK(bundle->place("") == 0);
  CHECK(bundle->place("cni-1") == 1);
  CHECK(bundle->pod({"shop", "web"}) == 1);
  CHECK(bundle->world->peers.empty());
  CHECK(bundle->world->places[1].network->interfaces.size() == 1);
  CHECK_THROWS_WITH(bundle->pod({"shop", "other"}), Contains("pod/shop/web"));
  CHECK_THROWS_WITH(bundle->place("red"), Contains("this host, pod shop/web"));
}

TEST_CASE("bundle: what is damaged is an error that says where") {
  const std::string world = "{\"place\":{\"name\":\"this host\"}}\n";
  const std::string good = packed({{"world.jsonl", world}});
  CHECK_NOTHROW(read_bundle(good));
  CHECK_THROWS_AS(read_bundle(""), core::Error);
  CHECK_THROWS_WITH(read_bundle("no gzip"), Contains("no gzip file"));
  for (std::size_t size = 0; size < good.size(); size += 7) {
    CHECK_THROWS_AS(read_bundle(std::string_view(good).substr(0, size)), core::Error);
  }
  CHECK_THROWS_WITH(read_bundle(packed({{"world.jsonl", world + "nonsense\n"}})),
                    Contains("world.jsonl, line 2"));
  CHECK_THROWS_WITH(
      read_bundle(packed(
          {{"netns/0/network.jsonl", "{\"link\":{\"mtu\":\"many\"}}\n"}, {"world.jsonl", world}})),
      Contains("mtu"));
  cmd::ArchiveWriter writer(0);
  writer.add("world.jsonl", world);
  writer.add("manifest.json",
             R"({"schema":"pona.diag.bundle/v1","files":[{"name":"world.jsonl","sha256":"00"}]})");
  CHECK_THROWS_WITH(read_bundle(std::move(writer).finish()), Contains("world.jsonl"));
}

TEST_CASE("bundle: an archive has limits") {
  cmd::ArchiveLimits limits;
  limits.file = 1000;
  limits.all = 100'000;
  limits.files = 3;
  const auto read = [&](const std::map<std::string, std::string>& files) {
    return cmd::read_archive(packed(files), everything, limits);
  };
  CHECK(read({{"a", "1"}}).at("a") == "1");
  CHECK_THROWS_WITH(read({{"a", std::string(1001, 'x')}}), Contains("a in it is too big"));
  CHECK_THROWS_WITH(read({{"a", ""}, {"b", ""}, {"c", ""}}), Contains("too many files"));
  cmd::ArchiveWriter bomb(0);
  limits.file = limits.kept = 1 << 30;
  bomb.add("zeros", std::string(1 << 20, '\0'));
  CHECK_THROWS_WITH(cmd::read_archive(std::move(bomb).finish(), everything, limits),
                    Contains("more comes out"));
}

TEST_CASE("tar: a header is what it was") {
  const std::string block = os::tar_header("netns/1/nft.txt", 12345, 1714564800);
  REQUIRE(block.size() == 512);
  const auto entry = os::read_tar_header(block);
  REQUIRE(entry);
  CHECK(entry->name == "netns/1/nft.txt");
  CHECK(entry->size == 12345);
  CHECK(entry->plain);
  for (const std::size_t at : {std::size_t{0}, std::size_t{124}, std::size_t{150}}) {
    std::string wrong = block;
    wrong[at] ^= 1;
    CHECK_FALSE(os::read_tar_header(wrong));
  }
  CHECK(os::read_tar_header(std::string(512, '\0'))->end);
  CHECK(os::tar_padding(512) == 0);
  CHECK(os::tar_padding(1) == 511);
}

TEST_CASE("bundle: JSON of others is without secrets, and redacted by its keys") {
  const auto json = cmd::without_secrets(nlohmann::ordered_json::parse(
      R"({"plugins":[{"type":"calico","k8sAuthToken":"abc","policy":{"api_key":"x"},"mtu":1}]})"));
  CHECK(json["plugins"][0]["k8sAuthToken"] == "(left out)");
  CHECK(json["plugins"][0]["policy"]["api_key"] == "(left out)");
  CHECK(json["plugins"][0]["type"] == "calico");
  CHECK(json["plugins"][0]["mtu"] == 1);
  Redaction redaction([](std::string_view) {
    Redaction::Digest digest;
    digest.fill(0xff);
    return digest;
  });
  const std::string other = cmd::redact_json(
      R"({"kind":"Mapping","namespace":"shop","name":"web","labels":{"app":"payroll"},)"
      R"("unserved":["203.0.113.5:443/tcp"],"reasons":["pod payroll is late"],"x":"payroll",)"
      R"("payroll-1":2,"egress":"shop/net"})",
      redaction);
  CHECK(other.find("payroll") == std::string::npos);
  CHECK(other.find("shop") == std::string::npos);
  CHECK(other.find("203.0.113.5") == std::string::npos);
  CHECK(other.find(":443/tcp") != std::string::npos);
  CHECK(other.find(R"("kind":"Mapping")") != std::string::npos);
  CHECK(other.find(R"("egress":"space-1/object-)") != std::string::npos);
}

}  // namespace unit::bundle_test
