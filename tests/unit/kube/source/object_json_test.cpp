#include "kube/source/object_json.hpp"

#include <random>

#include "kube/decode/decode.hpp"
#include "kube/decode/parse.hpp"
#include "support/catch.hpp"
#include "support/random_objects.hpp"

namespace unit::object_json_test {

using namespace core;

namespace {

std::string json(const Object& object) {
  std::string text;
  kube::append_json(text, object);
  return text;
}

Object read_back(const std::string& text) {
  kube::Document document;
  std::vector<kube::Decoded> decoded;
  const auto error = kube::parse_json(text, document, [&](const kube::Document& parsed) {
    decoded = kube::decode(*parsed.root(), kube::read_back_options(50));
  });
  INFO(text);
  REQUIRE_FALSE(error);
  REQUIRE(decoded.size() == 1);
  for (const auto& finding : decoded[0].findings) FAIL(kube::to_string(finding, decoded[0].id));
  REQUIRE(decoded[0].object);
  return *decoded[0].object;
}

}  // namespace

TEST_CASE("an object written as JSON is read back as it was") {
  std::mt19937 chance(7);
  for (int i = 0; i < 3000; ++i) {
    const Object object = support::random_object(chance);
    const std::string text = json(object);
    INFO(text);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(read_back(text) == object);
  }
}

TEST_CASE("a port's name may be any text") {
  Service service;
  service.name = {"shop", "web"};
  service.ports = {{"a\"b\\c\n\x01 \xc3\xa4", 80, Protocol::tcp, 0}};
  CHECK(read_back(json(service)) == Object(service));
}

TEST_CASE("objects are written in the words of the API") {
  Service service;
  service.name = {"shop", "web"};
  service.cluster_ips = {*Address::parse("10.96.0.1")};
  service.ports = {{"http", 80, Protocol::tcp, 8080}};
  CHECK(json(service) ==
        R"({"apiVersion":"v1","kind":"Service","metadata":{"namespace":"shop","name":"web"},)"
        R"("spec":{"type":"ClusterIP","clusterIPs":["10.96.0.1"],)"
        R"("ports":[{"name":"http","protocol":"tcp","port":80,"targetPort":8080}]}})");
}

}  // namespace unit::object_json_test
