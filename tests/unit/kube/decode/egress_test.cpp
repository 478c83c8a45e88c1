// The objects of the egress side: Egress, Pod, client lists. What becomes of them, and what their
// authors are told.
#include <algorithm>
#include <string>
#include <vector>

#include "kube/decode/decode.hpp"
#include "kube/decode/parse.hpp"
#include "support/catch.hpp"

namespace unit::egress_test {

using namespace core;

namespace {

constexpr kube::Kinds agent_kinds = {Kind::egress, Kind::pod, Kind::service, Kind::endpoint_slice,
                                     Kind::egress_clients};

kube::Decoded decode(const std::string& yaml, kube::Kinds kinds = agent_kinds) {
  kube::Document document;
  const auto cuts = kube::cut_yaml(yaml);
  REQUIRE(cuts.size() == 1);
  const auto error = kube::parse_yaml(cuts.front(), document);
  INFO(yaml);
  REQUIRE_FALSE(error);
  kube::DecodeOptions options;
  options.kinds = kinds;
  auto decoded = kube::decode(*document.root(), options);
  REQUIRE(decoded.size() == 1);
  return decoded.front();
}

template <typename Type>
Type decoded(const std::string& yaml) {
  const auto whole = decode(yaml);
  for (const auto& finding : whole.findings) UNSCOPED_INFO(kube::to_string(finding, whole.id));
  REQUIRE(whole.object);
  CHECK(whole.id == ObjectId{kind_of(*whole.object), name_of(*whole.object)});
  return std::get<Type>(*whole.object);
}

std::vector<std::string> findings(const std::string& yaml) {
  std::vector<std::string> texts;
  const auto whole = decode(yaml);
  for (const auto& finding : whole.findings) {
    texts.push_back((finding.fatal ? "" : "warning: ") + kube::to_string(finding, std::nullopt));
  }
  const bool fatal = std::any_of(whole.findings.begin(), whole.findings.end(),
                                 [](const auto& f) { return f.fatal; });
  CHECK((whole.object == nullptr) == fatal);
  return texts;
}

std::string egress(const std::string& spec, const std::string& name = "nat",
                   const std::string& version = "v1") {
  return "apiVersion: pona.cybozu.com/" + version +
         "\nkind: Egress\nmetadata: {namespace: internet, name: \"" + name + "\"}\nspec: " + spec +
         "\n";
}

std::string pod(const std::string& metadata, const std::string& rest = "") {
  return "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web-0, uid: u-1" + metadata +
         "}\n" + rest;
}

std::vector<Prefix> prefixes(const std::vector<const char*>& texts) {
  std::vector<Prefix> result;
  for (const char* const text : texts) result.push_back(Prefix::parse(text).value());
  return result;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("an Egress with nothing but destinations has the defaults") {
  for (const char* const version : {"v1", "v1beta1"}) {
    const auto read = decoded<Egress>(egress("{destinations: [0.0.0.0/0]}", "nat", version));
    Egress expected;
    expected.name = {"internet", "nat"};
    expected.destinations = prefixes({"0.0.0.0/0"});
    CHECK(read == expected);
    CHECK(read.mode == Egress::Mode::direct);
    CHECK(read.encapsulation == Egress::Encapsulation::fou);
    CHECK(read.on_unavailable == Egress::OnUnavailable::drop);
    CHECK(read.drain_seconds == 30);
  }
}

TEST_CASE("an Egress is read with all that clients and NAT pods must know") {
  const auto read = decoded<Egress>(R"(apiVersion: pona.cybozu.com/v1
kind: Egress
metadata:
  namespace: egress
  name: egress
  deletionTimestamp: "2026-01-02T03:04:05Z"
spec:
  destinations: [fd04::/64, 172.20.0.0/16, 192.0.2.7]
  excludedDestinations: [172.20.9.0/24]
  mode: Service
  encapsulation: VXLAN
  onUnavailable: Bypass
  drainSeconds: 0
  replicas: 3
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 2, maxSurge: 0}}
  template:
    metadata: {annotations: {ann1: foo}, labels: {label1: bar}}
    spec: {containers: [{name: egress, resources: {limits: {memory: 400Mi}}}]}
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 43200}}
  podDisruptionBudget: {maxUnavailable: 1}
)");
  CHECK(read.name == ObjectName{"egress", "egress"});
  CHECK(read.destinations == prefixes({"172.20.0.0/16", "192.0.2.7/32", "fd04::/64"}));
  CHECK(read.excluded == prefixes({"172.20.9.0/24"}));
  CHECK(read.mode == Egress::Mode::service);
  CHECK(read.encapsulation == Egress::Encapsulation::vxlan);
  CHECK(read.on_unavailable == Egress::OnUnavailable::bypass);
  CHECK(read.drain_seconds == 0);
  CHECK(read.deleting);
}

TEST_CASE("what is wrong with an Egress names the field") {
  CHECK(findings(egress("{destinations: [10.0.0.0/33, 172.20.0.0/16]}")) ==
        Texts{"spec.destinations[0]: \"10.0.0.0/33\" is not a network like 203.0.113.0/24 or "
              "2001:db8::/32"});
  CHECK(findings(egress("{destinations: [10.0.0.0/8], excludedDestinations: [office, null]}")) ==
        Texts{"spec.excludedDestinations[0]: \"office\" is not a network like 203.0.113.0/24 or "
              "2001:db8::/32",
              "spec.excludedDestinations[1]: is empty, wanted is a network"});
  CHECK(findings(egress("{}")) == Texts{"spec.destinations: at least one network is needed"});
  CHECK(findings(egress("{destinations: []}")) ==
        Texts{"spec.destinations: at least one network is needed"});
  CHECK(findings(egress("{destinations: 10.0.0.0/8}")) ==
        Texts{"spec.destinations: \"10.0.0.0/8\" is a text, wanted is a list"});
  CHECK(findings(egress("{destinations: [10.0.0.0/8], mode: direct, encapsulation: GRE, "
                        "onUnavailable: drop, drainSeconds: 86401}")) ==
        Texts{"spec.mode: \"direct\" is not supported: Direct and Service are",
              "spec.encapsulation: \"GRE\" is not supported: FoU and VXLAN are",
              "spec.onUnavailable: \"drop\" is not supported: Drop and Bypass are",
              "spec.drainSeconds: 86401 is not in the range 0 to 86400"});
  for (const char* const name : {"a.b", "1nat"}) {
    CHECK(findings(egress("{destinations: [10.0.0.0/8]}", name)) ==
          Texts{"metadata.name: \"" + std::string(name) +
                "\" cannot be the name of a Service too: at most 63 lower-case letters, digits and "
                "\"-\", the first a letter"});
  }
  CHECK(findings(egress("{destinations: [10.0.0.0/8]}", "nat", "v2")) ==
        Texts{"apiVersion: \"pona.cybozu.com/v2\" is not read: write pona.cybozu.com/v1"});
}

TEST_CASE("what an Egress's author should know does not cost the Egress") {
  const std::string spec =
      "{destinations: [10.1.2.3/8, 10.0.0.0/8, 224.0.0.0/4, \"fe80::/64\", \"::/0\"], replica: 2}";
  CHECK(
      findings(egress(spec)) ==
      Texts{"warning: spec.replica: unknown field, it has no effect; did you mean replicas?",
            "warning: spec.destinations[0]: \"10.1.2.3/8\" is taken as 10.0.0.0/8: the bits behind "
            "the prefix length are not part of a network",
            "warning: spec.destinations[1]: 10.0.0.0/8 is given twice",
            "warning: spec.destinations[2]: \"224.0.0.0/4\" has no effect: 224.0.0.0 is a "
            "multicast address",
            "warning: spec.destinations[3]: \"fe80::/64\" has no effect: fe80:: is a link-local "
            "address, it has no meaning without an interface"});
  CHECK(decoded<Egress>(egress(spec)).destinations == prefixes({"10.0.0.0/8", "::/0"}));
  CHECK(findings(egress("{destinations: [127.0.0.0/8]}")).back() ==
        "spec.destinations: none of them can be reached through an Egress");
}

TEST_CASE("a pod is read with the Egresses that its annotations name") {
  const auto read = decoded<Pod>(pod(R"(, deletionTimestamp: "2026-01-02T03:04:05Z", annotations: {
      egress.pona.cybozu.com/internet: "nat, other ,third", egress.pona.cybozu.com/dmz: one,
      example.com/else: x})",
                                     R"(
spec: {nodeName: node-1, containers: []}
status: {phase: Running, podIP: 10.1.0.9, podIPs: [{ip: 10.1.0.9}, {ip: "fd01::9"}]}
)"));
  Pod expected;
  expected.name = {"shop", "web-0"};
  expected.uid = "u-1";
  expected.node = "node-1";
  expected.addresses = {*Address::parse("10.1.0.9"), *Address::parse("fd01::9")};
  expected.egresses = {
      {"dmz", "one"}, {"internet", "nat"}, {"internet", "other"}, {"internet", "third"}};
  expected.terminating = true;
  CHECK(read == expected);
}

TEST_CASE("pitfall 22: a bad annotation costs what it names and never the pod") {
  const auto read = decoded<Pod>(pod(R"(, annotations: {
      egress.pona.cybozu.com/internet: " nat,,Nat_1, nat,b.c,ok",
      egress.pona.cybozu.com/Up: nat, egress.pona.cybozu.com/: nat,
      egress.pona.cybozu.com/a: "", egress.pona.cybozu.com/b: " ", egress.pona.cybozu.com/c: 7,
      egress.pona.cybozu.com/d: [x], egress.pona.cybozu.com/e: null})"));
  CHECK(read.egresses == std::vector<ObjectName>{{"internet", "nat"}, {"internet", "ok"}});
  const std::string at = "annotation egress.pona.cybozu.com/";
  const std::string rule =
      " is not an Egress's name: at most 63 lower-case letters, digits and \"-\", the first a "
      "letter";
  CHECK(read.faults == Texts{at + ": \"\" is not a namespace", at + "Up: \"Up\" is not a namespace",
                             at + "a: names no Egress", at + "b: names no Egress",
                             at + "c: must be a text with names of Egresses",
                             at + "d: must be a text with names of Egresses",
                             at + "e: must be a text with names of Egresses",
                             at + "internet: \"Nat_1\"" + rule, at + "internet: \"b.c\"" + rule,
                             at + "internet: \"nat\" is given twice",
                             at + "internet: a name is empty, there is a comma too many"});
  CHECK(decode(pod(", annotations: {egress.pona.cybozu.com/a: 7}")).findings.empty());
}

TEST_CASE("what a pod's state means for its egress is read") {
  CHECK(decoded<Pod>(pod("", "spec: {hostNetwork: true}\n")).host_network);
  CHECK(decoded<Pod>(pod("", "status: {phase: Succeeded}\n")).finished);
  CHECK(decoded<Pod>(pod("", "status: {phase: Failed}\n")).finished);
  CHECK_FALSE(decoded<Pod>(pod("", "status: {phase: Running}\n")).finished);
  CHECK(decoded<Pod>(pod("")).addresses.empty());
  CHECK(decoded<Pod>(pod("", "status: {podIP: \"\"}\n")).addresses.empty());
  CHECK(decoded<Pod>(pod("", "status: {podIP: 10.1.0.9}\n")).addresses ==
        std::vector{*Address::parse("10.1.0.9")});
}

TEST_CASE("NAT pods are known by their labels and by what they may do") {
  const std::string security = "{capabilities: {add: [NET_ADMIN, NET_RAW]}}";
  const auto labelled = [&](const std::string& labels, const std::string& may = "") {
    const std::string containers = "containers: [{name: beside}, {name: egress, securityContext: " +
                                   (may.empty() ? security : may) + "}]";
    return decoded<Pod>(pod(", labels: {" + labels + "}", "spec: {" + containers + "}\n"));
  };
  const std::string labels =
      "app.kubernetes.io/name: pona, app.kubernetes.io/component: egress, "
      "app.kubernetes.io/instance: nat";
  CHECK(labelled(labels, "{privileged: true}").nat);
  CHECK(labelled(labels, "{capabilities: {add: [ALL]}}").nat);
  // Labels alone get a tenant's pod nothing.
  CHECK_FALSE(decoded<Pod>(pod(", labels: {" + labels + "}")).nat);
  for (const char* may : {"{}", "null", "{privileged: false}", "{capabilities: {add: [NET_RAW]}}",
                          "{capabilities: {drop: [NET_ADMIN]}}", "{capabilities: {}}"}) {
    CHECK_FALSE(labelled(labels, may).nat);
    CHECK(labelled(labels, may).nat_of.empty());
  }
  const auto nat = labelled(
      "app.kubernetes.io/name: pona, app.kubernetes.io/component: egress, "
      "app.kubernetes.io/instance: nat");
  CHECK(nat.nat);
  CHECK(nat.nat_of == "nat");
  CHECK_FALSE(labelled("app.kubernetes.io/name: pona, app.kubernetes.io/component: egress").nat);
  CHECK_FALSE(labelled("app.kubernetes.io/name: pona, app.kubernetes.io/component: agent, "
                       "app.kubernetes.io/instance: nat")
                  .nat);
}

TEST_CASE("an EndpointSlice of clients is a kind of its own") {
  const std::string list = R"(apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  namespace: internet
  name: nat-clients-x7-v4-0
  labels: {egress.pona.cybozu.com/clients-of: nat, egress.pona.cybozu.com/node: node-1}
addressType: IPv4
ports: []
endpoints:
- addresses: [10.1.0.9]
  nodeName: node-1
  targetRef: {kind: Pod, namespace: shop, name: web-0, uid: u-1}
- addresses: [10.1.0.10]
- addresses: []
  targetRef: {kind: Pod, namespace: shop, name: web-1, uid: u-2}
- addresses: [10.1.0.11]
  targetRef: {kind: Node, name: node-1, uid: u-3}
)";
  const auto read = decoded<EgressClients>(list);
  EgressClients expected;
  expected.name = {"internet", "nat-clients-x7-v4-0"};
  expected.egress = "nat";
  expected.node = "node-1";
  expected.clients = {{*Address::parse("10.1.0.9"), {"shop", "web-0"}, "u-1"}};
  CHECK(read == expected);
  CHECK(findings(list) ==
        Texts{"warning: endpoints[1].targetRef: a pod with namespace, name and uid is needed, this "
              "client is left out",
              "warning: endpoints[2].addresses: an address is needed, this client is left out",
              "warning: endpoints[3].targetRef: a pod with namespace, name and uid is needed, this "
              "client is left out"});
  // Each of the two is ignored by who reads only the other.
  CHECK(decode(list, {Kind::endpoint_slice}).ignored);
  const std::string plain =
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1}\n"
      "addressType: IPv4\n";
  CHECK(decode(plain, {Kind::egress_clients}).ignored);
  CHECK(decode(plain).id == ObjectId{Kind::endpoint_slice, {"default", "web-1"}});
}

TEST_CASE("kinds that a process does not read are ignored, good or bad") {
  CHECK(decode(egress("{destinations: [10.0.0.0/8]}"), kube::edge_kinds).ignored);
  CHECK(decode(egress("{destinations: [x]}"), kube::edge_kinds).findings.empty());
  CHECK(decode(pod(""), kube::edge_kinds).ignored);
  CHECK_FALSE(decode(pod(""), {Kind::pod}).ignored);
}

TEST_CASE("what is served is known by its uid where pona refers to it") {
  kube::Document document;
  std::string uid;
  const auto error = kube::parse_json(
      R"({"apiVersion": "pona.cybozu.com/v1", "kind": "Egress", "metadata": {"namespace": "internet",
          "name": "nat", "uid": "u-7", "resourceVersion": "12", "generation": 3},
          "spec": {"destinations": ["10.0.0.0/8"]}})",
      document, [&](const kube::Document& parsed) {
        kube::DecodeOptions options;
        options.served = true;
        options.kinds = {Kind::egress};
        const auto seen = kube::decode(*parsed.root(), options).at(0).seen;
        REQUIRE(seen);
        uid = seen->uid;
      });
  REQUIRE_FALSE(error);
  CHECK(uid == "u-7");
}

}  // namespace unit::egress_test
