// Edits of manifest files: what was asked for happens, and every other byte stays.
#include "kube/mapping/store.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "core/error.hpp"
#include "kube/mapping/text.hpp"
#include "kube/source/manifest_file.hpp"
#include "os/read_file.hpp"
#include "support/catch.hpp"

namespace unit::store_test {

namespace {

namespace fs = std::filesystem;

class Store {
 public:
  Store() {
    std::string name = (fs::temp_directory_path() / "pona-store-XXXXXX").string();
    root_ = mkdtemp(name.data());
    store_ = kube::open_manifest_store({root_, {}, {}});
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  kube::MappingStore& store() { return *store_; }
  [[nodiscard]] fs::path path(const std::string& name) const { return root_ / name; }
  void write(const std::string& name, const std::string& text) {
    fs::create_directories(path(name).parent_path());
    std::ofstream(path(name)) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    return os::read_file(path(name));
  }
  core::Mapping get(const std::string& ns, const std::string& name) {
    for (const auto& stored : store_->list("").mappings) {
      if (stored.mapping.name == core::ObjectName{ns, name}) return stored.mapping;
    }
    FAIL("no mapping " << name);
    return {};
  }
  // Changes the stored Mapping shop/web.
  std::string change(const std::function<void(core::Mapping&)>& edit) {
    core::Mapping mapping = get("shop", "web");
    edit(mapping);
    return store_->put(mapping, nullptr, false).what;
  }
  [[nodiscard]] std::string error_of(const std::function<void()>& action) const {
    try {
      action();
    } catch (const core::Error& error) {
      std::string text = error.what();
      if (text.starts_with(root_.string())) text.erase(0, root_.string().size() + 1);
      return text;
    }
    return "no error";
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root_), fs::directory_iterator()));
  }

 private:
  fs::path root_;
  std::unique_ptr<kube::MappingStore> store_;
};

core::Mapping web() {
  core::Mapping mapping;
  mapping.name = {"shop", "web"};
  mapping.addresses = {core::Address::parse("203.0.113.10").value()};
  mapping.service = "web";
  mapping.ports = {{{443, 443}, 8443, core::Protocol::tcp}};
  return mapping;
}

constexpr auto head =
    "# The shop's front door.\n"
    "apiVersion: smartnat.aureacentral.com/v1alpha1 # constant\n"
    "kind: Mapping\n"
    "metadata:\n"
    "  labels: {team: \"shop\"}   # kept\n"
    "  name: web\n"
    "  namespace: shop\n"
    "spec:\n"
    "    # Agreed with the provider.\n"
    "    addresses:   # of uplink 1\n"
    "    - \"203.0.113.10\"\n"
    "\n"
    "    # The office.\n"
    "    allowedSources:\n"
    "      # Monday to Friday\n"
    "      - 198.51.100.0/24\n"
    "    serviceName: 'web'\n"
    "    ports: [{port: 443,\n"
    "             servicePort: 8443}]  # TLS\n";

constexpr auto service =
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:   {ports: []}\n";

void allow(core::Mapping& mapping) {
  mapping.allowed_sources = {core::Prefix::parse("10.0.0.0/8").value()};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE_METHOD(Store, "what is written is read back equal") {
  core::Mapping mapping = web();
  mapping.created = 1706741999;
  mapping.addresses.push_back(core::Address::parse("2001:db8::10").value());
  mapping.allowed_sources = {core::Prefix::parse("::/0").value()};
  mapping.ports.push_back({{5000, 5010}, 6000, core::Protocol::udp});
  mapping.ports.push_back({{7, 7}, 7, core::Protocol::sctp});
  mapping.affinity = core::Affinity::client_ip;
  mapping.preserve_client_ip = false;
  mapping.max_connections_per_source = 10;
  mapping.new_connections_per_second = 20;
  mapping.service = "0123";
  mapping.name = {"no", "on"};
  CHECK(kube::validated(mapping, {}) == mapping);
  store().put(mapping, nullptr, false);
  CHECK(get("no", "on") == mapping);
  write("x.json", kube::mapping_json(mapping));
  fs::remove(path("no_on.yaml"));
  CHECK(get("no", "on") == mapping);
  write("x.json", kube::mapping_list_json(std::vector{mapping, web()}));
  CHECK(get("no", "on") == mapping);
  CHECK(get("shop", "web") == web());
}

TEST_CASE_METHOD(Store, "a new Mapping gets a file of its own") {
  CHECK(store().put(web(), nullptr, true).what == "created in " + path("shop_web.yaml").string());
  CHECK(files() == 0);
  store().put(web(), nullptr, false);
  CHECK(read("shop_web.yaml") == kube::mapping_yaml(web()));
  struct stat status {};
  REQUIRE(stat(path("shop_web.yaml").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
  CHECK(files() == 1);
}

TEST_CASE_METHOD(Store, "or is appended to the file that is named") {
  write("all/shop.yaml", "# mine\n" + std::string(service) + "# the end");
  // A store holds its lock as long as it lives.
  kube::open_manifest_store({path(""), "all/shop.yaml", {}})->put(web(), nullptr, false);
  CHECK(read("all/shop.yaml") ==
        "# mine\n" + std::string(service) + "# the end\n---\n" + kube::mapping_yaml(web()));
  for (const auto* const bad : {"x.json", "x", ".x.yaml", "../x.yaml", ".d/x.yaml"}) {
    const auto other = kube::open_manifest_store({path(""), bad, {}});
    core::Mapping mapping = web();
    mapping.name.name = "other";
    CHECK_THROWS_AS(other->put(mapping, nullptr, false), core::Error);
  }
}

TEST_CASE_METHOD(Store, "a change replaces the field's lines and leaves every other byte") {
  const std::string before = std::string(service) + "---\n" + head + "--- # next\n" + service;
  write("all.yaml", replaced(before, "--- # next\n" + std::string(service), "--- # next\n"));
  REQUIRE(chmod(path("all.yaml").c_str(), 0600) == 0);
  const std::string file = read("all.yaml");
  SECTION("in the middle") {
    CHECK(change(allow) == "changed in " + path("all.yaml").string() + ":7");
    CHECK(read("all.yaml") == replaced(file,
                                       "    allowedSources:\n      # Monday to Friday\n"
                                       "      - 198.51.100.0/24\n",
                                       "    allowedSources:\n    - \"10.0.0.0/8\"\n"));
  }
  SECTION("to an empty list") {
    change([](core::Mapping& mapping) { mapping.allowed_sources.clear(); });
    CHECK(read("all.yaml") == replaced(file,
                                       "    allowedSources:\n      # Monday to Friday\n"
                                       "      - 198.51.100.0/24\n",
                                       "    allowedSources: []\n"));
  }
  SECTION("a new field at the end") {
    change([](core::Mapping& mapping) { mapping.affinity = core::Affinity::none; });
    CHECK(read("all.yaml") ==
          replaced(file, "8443}]  # TLS\n", "8443}]  # TLS\n    sessionAffinity: None\n"));
  }
  SECTION("of a value over several lines") {
    change([](core::Mapping& mapping) { mapping.ports[0].service_port = 443; });
    CHECK(read("all.yaml") ==
          replaced(file, "    ports: [{port: 443,\n             servicePort: 8443}]  # TLS\n",
                   "    ports:\n    - port: 443\n      servicePort: 443\n      protocol: tcp\n"));
  }
  SECTION("of nothing") {
    CHECK(change([](core::Mapping&) {}).starts_with("unchanged"));
    CHECK(read("all.yaml") == file);
  }
  struct stat status {};
  REQUIRE(stat(path("all.yaml").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE_METHOD(Store, "a field that was added goes again without a trace") {
  write("web.yaml", head);
  change([](core::Mapping& mapping) { mapping.max_connections_per_source = 7; });
  CHECK(read("web.yaml") == std::string(head) + "    maxConnectionsPerSource: 7\n");
  change([](core::Mapping& mapping) { mapping.max_connections_per_source = 0; });
  CHECK(read("web.yaml") == head);
}

TEST_CASE_METHOD(Store, "a file without a last line break can be edited") {
  const std::string file = kube::mapping_yaml(web());
  write("web.yaml", file.substr(0, file.size() - 1));
  change([](core::Mapping& mapping) { mapping.preserve_client_ip = true; });
  CHECK(read("web.yaml") == file + "  preserveClientIP: true\n");
}

TEST_CASE_METHOD(Store, "Windows' line ends survive") {
  std::string file = kube::mapping_yaml(web());
  for (std::size_t at = 0; (at = file.find('\n', at)) != std::string::npos; at += 2) {
    file.replace(at, 1, "\r\n");
  }
  write("web.yaml", file);
  change(allow);
  CHECK(get("shop", "web").allowed_sources.size() == 1);
  CHECK(read("web.yaml").starts_with(file.substr(0, file.find("  allowedSources"))));
}

TEST_CASE_METHOD(Store, "a link is followed, not replaced") {
  write("real/web", kube::mapping_yaml(web()));
  fs::create_symlink("real/web", path("web.yaml"));
  change(allow);
  CHECK(fs::is_symlink(path("web.yaml")));
  CHECK(read("real/web").find("10.0.0.0/8") != std::string::npos);
}

TEST_CASE_METHOD(Store, "what cannot be edited by lines is left alone") {
  write("web.yaml", replaced(kube::mapping_yaml(web()), "spec:\n", "spec: &s\n"));
  CHECK(change(allow).starts_with("changed"));
  write("web.yaml",
        "{apiVersion: smartnat.aureacentral.com/v1alpha1, kind: Mapping, metadata: {name: web, "
        "namespace: shop},\n"
        " spec: {addresses: [203.0.113.10], serviceName: web, ports: [{port: 443}]}}\n");
  const std::string file = read("web.yaml");
  CHECK(error_of([&] { change(allow); }).starts_with("web.yaml:1: written in a way that cannot"));
  // An alias elsewhere hangs on the field.
  const std::string anchored =
      "apiVersion: smartnat.aureacentral.com/v1alpha1\nkind: MappingList\nitems:\n"
      "- metadata: {name: web, namespace: shop}\n"
      "  spec:\n"
      "    addresses: [203.0.113.10]\n"
      "    allowedSources: &office [198.51.100.0/24]\n"
      "    serviceName: web\n"
      "    ports: [{port: 443}]\n"
      "- metadata: {name: api, namespace: shop}\n"
      "  spec:\n"
      "    addresses: [203.0.113.11]\n"
      "    allowedSources: *office\n"
      "    serviceName: web\n"
      "    ports: [{port: 443}]\n";
  write("web.yaml", anchored);
  CHECK(error_of([&] { change(allow); }).starts_with("web.yaml: cannot be edited safely"));
  CHECK(read("web.yaml") == anchored);
  CHECK(error_of([&] {
          store().remove({"shop", "web"}, false);
        }).starts_with("web.yaml: cannot be edited safely"));
  CHECK(read("web.yaml") == anchored);
}

TEST_CASE_METHOD(Store, "an invalid Mapping is not written") {
  core::Mapping mapping = web();
  mapping.addresses = {core::Address::parse("127.0.0.1").value()};
  CHECK(error_of([&] { store().put(mapping, nullptr, false); }) ==
        "Mapping shop/web: spec.addresses[0]: \"127.0.0.1\" is a loopback address, nothing outside "
        "can reach it");
  CHECK(files() == 0);
}

TEST_CASE_METHOD(Store, "removing takes the document, and the file with the last one") {
  write("all.yaml", "# licence\n---\n" + std::string(head) + "---\n" + service + "# end\n");
  store().remove({"shop", "web"}, true);
  CHECK(files() == 1);
  CHECK(store().remove({"shop", "web"}, false).what ==
        "removed from " + path("all.yaml").string() + ":4");
  CHECK(read("all.yaml") == "# licence\n---\n" + std::string(service) + "# end\n");
  store().put(web(), nullptr, false);
  CHECK(store().remove({"shop", "web"}, false).what ==
        "removed, and " + path("shop_web.yaml").string() + " deleted: it held nothing else");
  CHECK(files() == 1);
  CHECK(error_of([&] {
          store().remove({"shop", "web"}, false);
        }).starts_with("there is no Mapping shop/web in "));
}

TEST_CASE_METHOD(Store, "a broken neighbour is neither touched nor lost") {
  const std::string broken = "---\nkind: [\n";
  write("all.yaml", head + broken);
  change(allow);
  CHECK(read("all.yaml").ends_with("# TLS\n" + broken));
  store().remove({"shop", "web"}, false);
  CHECK(read("all.yaml") == broken);
}

TEST_CASE_METHOD(Store, "items of a YAML list are edited and removed") {
  const std::string web_item =
      "- apiVersion: smartnat.aureacentral.com/v1alpha1\n"
      "  kind: Mapping\n"
      "  metadata: {name: web, namespace: shop}\n"
      "  spec:\n"
      "    addresses: [203.0.113.10]\n"
      "    serviceName: web\n"
      "    ports: [{port: 443}]\n";
  const std::string service_item =
      "# between\n"
      "- apiVersion: v1\n"
      "  kind: Service\n"
      "  metadata: {name: web, namespace: shop}\n"
      "  spec: {}\n";
  const std::string list = "apiVersion: v1\nkind: List\nitems:\n";
  write("list.yaml", list + web_item + service_item);
  change(allow);
  CHECK(read("list.yaml") ==
        list + web_item + "    allowedSources:\n    - \"10.0.0.0/8\"\n" + service_item);
  store().remove({"shop", "web"}, false);
  CHECK(read("list.yaml") == list + service_item);
  write("list.yaml", list + web_item);
  store().remove({"shop", "web"}, false);
  CHECK(files() == 0);
}

TEST_CASE_METHOD(Store, "JSON is edited as JSON") {
  const std::string file =
      "{\n    \"kind\": \"MappingList\",\n"
      "    \"apiVersion\": \"smartnat.aureacentral.com/v1alpha1\",\n    \"items\": [\n"
      "        {\n            \"metadata\": {\n                \"name\": \"web\",\n"
      "                \"namespace\": \"shop\",\n                \"labels\": {}\n            },\n"
      "            \"spec\": {\n                \"addresses\": [\n"
      "                    \"203.0.113.10\"\n                ],\n"
      "                \"serviceName\": \"web\",\n                \"ports\": [\n"
      "                    {\n                        \"port\": 443\n                    }\n"
      "                ]\n            }\n        },\n"
      "        {\n            \"metadata\": {\n                \"name\": \"bad\"\n            }\n"
      "        }\n    ]\n}\n";
  write("x.json", file);
  change([](core::Mapping& mapping) { mapping.preserve_client_ip = true; });
  CHECK(read("x.json") ==
        replaced(file, "                ]\n            }\n        },\n",
                 "                ],\n                \"preserveClientIP\": true\n"
                 "            }\n        },\n"));
  store().remove({"shop", "web"}, false);
  CHECK(read("x.json").find("\"bad\"") != std::string::npos);
  CHECK(read("x.json").find("\"web\"") == std::string::npos);
  write("x.json", kube::mapping_json(web()) + kube::mapping_json(web()));
  CHECK(error_of([&] { change(allow); }).starts_with("x.json:1: written in a way that cannot"));
}

TEST_CASE_METHOD(Store, "the list tells what was left out") {
  write("a.yaml", std::string(head) + "---\n" + service);
  write("b.yaml", replaced(head, "port: 443", "port: 0"));
  write("c.yaml", replaced(replaced(head, "port: 443", "port: 0"), "name: web", "name: bad"));
  const kube::StoredObjects objects = store().list("");
  REQUIRE(objects.mappings.size() == 1);
  CHECK(objects.mappings[0].where == path("a.yaml").string() + ":2");
  CHECK(store().has_service({"shop", "web"}) == true);
  CHECK(store().has_service({"shop", "api"}) == false);
  CHECK(objects.problems.size() == 2);
  CHECK(objects.left_out == std::set<core::ObjectName>{{"shop", "bad"}});
}

}  // namespace unit::store_test
