#include "cmd/diag/planned_promise.hpp"

#include <string>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::planned_promise_test {

using core::ObjectName;
using core::packet::Promise;

namespace {

core::Address at(const char* text) { return *core::Address::parse(text); }

constexpr const char* objects = R"(
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata: {name: wide, namespace: internet}
spec: {destinations: [0.0.0.0/0], excludedDestinations: [198.51.100.0/24]}
---
apiVersion: pona.cybozu.com/v1
kind: Egress
metadata: {name: partner, namespace: internet}
spec: {destinations: [203.0.113.0/24]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: wide-1, namespace: internet, labels: {kubernetes.io/service-name: wide}}
addressType: IPv4
ports: [{port: 5555, protocol: UDP}]
endpoints:
- {addresses: [10.1.0.7], conditions: {ready: true}}
- {addresses: [10.1.0.8], conditions: {ready: false, serving: true, terminating: true}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, annotations: {egress.pona.cybozu.com/internet: 'wide,partner'}}
spec: {nodeName: n, containers: [{name: a, image: b}]}
status: {phase: Running, podIPs: [{ip: 10.1.0.3}]}
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: shop}
spec: {nodeName: n, containers: [{name: a, image: b}]}
status: {phase: Running, podIPs: [{ip: 10.1.0.4}]}
)";

}  // namespace

TEST_CASE("manifests say by which Egress a pod's packet leaves", "[planned_promise]") {
  const support::Temporary directory;
  static_cast<void>(directory.write("all.yaml", objects));
  const cmd::PlannedPromise planned(directory.path());
  CHECK(planned.complaint().empty());
  const ObjectName pod{"shop", "web-1"};
  CHECK(planned.addresses(pod) == std::vector{at("10.1.0.3")});
  CHECK(planned.addresses({"shop", "nobody"}).empty());

  const auto wide = planned.egress(pod, at("192.0.2.9"));
  REQUIRE(wide);
  CHECK(wide->kind == Promise::Kind::egress);
  CHECK(wide->object == "Egress internet/wide");
  CHECK(wide->sources == std::vector{at("10.1.0.7"), at("10.1.0.8")});
  CHECK_FALSE(wide->closed);
  CHECK_FALSE(wide->draining);

  // The longest destination wins, and an Egress without NAT pods is closed.
  const auto partner = planned.egress(pod, at("203.0.113.9"));
  REQUIRE(partner);
  CHECK(partner->object == "Egress internet/partner");
  CHECK(partner->closed);

  CHECK_FALSE(planned.egress(pod, at("198.51.100.1")));  // excluded
  CHECK_FALSE(planned.egress(pod, at("10.1.0.4")));      // private: a wide Egress does not take it
  CHECK_FALSE(planned.egress({"shop", "plain"}, at("192.0.2.9")));
  CHECK_FALSE(planned.egress({"shop", "nobody"}, at("192.0.2.9")));
}

TEST_CASE("manifests that cannot be read cost themselves only", "[planned_promise]") {
  const support::Temporary directory;
  static_cast<void>(directory.write("all.yaml", objects));
  static_cast<void>(directory.write("bad.yaml", "kind: ["));
  const cmd::PlannedPromise planned(directory.path());
  CHECK(planned.complaint().find("bad.yaml") != std::string::npos);
  CHECK(planned.egress({"shop", "web-1"}, at("192.0.2.9")));
  CHECK_THROWS_AS(cmd::PlannedPromise(directory.path() / "nothing"), core::Error);
}

}  // namespace unit::planned_promise_test
