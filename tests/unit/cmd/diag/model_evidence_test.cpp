// Evidence of a network model as a document, and objects as evidence.
#include "cmd/diag/model/evidence_document.hpp"
#include "cmd/diag/model/object_reader.hpp"
#include "core/error.hpp"
#include "kube/decode/parse.hpp"
#include "support/catch.hpp"

namespace unit::diag_model_evidence_test {

namespace model = core::cluster_model;
using cmd::parse_model_evidence;

namespace {

std::string model_refusal(const std::string& text) {
  try {
    static_cast<void>(parse_model_evidence(text));
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::usage);
    return error.what();
  }
  return "";
}

model::Evidence read(const std::string& yaml, const std::string& cluster = "") {
  model::Evidence evidence;
  cmd::ModelObjectReader reader(evidence, cluster);
  kube::Document document;
  for (const kube::Cut& cut : kube::cut_yaml(yaml)) {
    REQUIRE_FALSE(kube::parse_yaml(cut, document));
    if (const auto root = document.root()) reader.take(*root);
  }
  reader.finish();
  return evidence;
}

}  // namespace

TEST_CASE("model evidence: a document says all that was seen") {
  model::Evidence evidence;
  evidence.host = "node-1";
  evidence.where = model::Evidence::Where::gateway;
  evidence.cluster = "context shop";
  evidence.closed = {core::Family::ipv6};
  evidence.pods = 7;
  evidence.services = 3;
  evidence.nodes = {
      {"node-1", {*core::Address::parse("fd00::1")}, {*core::Prefix::parse("10.1.0.0/24")}}};
  evidence.ranges = {{*core::Prefix::parse("fd00:1::/64"), "east", "--other-pods"}};
  evidence.gateways = {{model::Form::egress_gateway, "pona", true, "why", 2, {"Egress a/b"}},
                       {model::Form::node_port, "", {}, "", 0, {}}};
  evidence.settings = {{model::Setting::What::native, core::Family::ipv4, "a", "b"},
                       {model::Setting::What::masquerades, {}, "", ""}};
  model::Walk walk;
  walk.kind = model::Walk::Kind::to_vip;
  walk.end = model::Walk::End::tunnelled;
  walk.source = *core::Address::parse("10.1.0.2");
  walk.steps = {{"a", "b", "c"}};
  walk.lost = 1;
  evidence.walks = {walk};
  evidence.reaches = {{model::Reach::How::none, *core::Prefix::parse("10.2.0.0/16"), "", "text"}};
  evidence.gaps = {{"what", "why", "command"}};
  CHECK(parse_model_evidence(cmd::to_json(evidence)) == evidence);
  CHECK(parse_model_evidence(cmd::to_json(model::Evidence())) == model::Evidence());
}

TEST_CASE("model evidence: what is no such document is refused, and says why") {
  CHECK(model_refusal("").find("no JSON object") != std::string::npos);
  CHECK(model_refusal("{").find("no JSON object") != std::string::npos);
  CHECK(model_refusal("[]").find("no JSON object") != std::string::npos);
  CHECK(model_refusal("{}").find("no \"schema\"") != std::string::npos);
  CHECK(model_refusal(R"({"schema": 7})").find("no \"schema\"") != std::string::npos);
  CHECK(model_refusal(R"({"schema": "pona.diag.model.evidence/v2"})").find("take a pona that") !=
        std::string::npos);
  CHECK_FALSE(model_refusal(std::string(100000, '[')).empty());
}

TEST_CASE("model evidence: an entry that makes no sense costs itself, and is told") {
  const model::Evidence evidence = parse_model_evidence(R"({
    "schema": "pona.diag.model.evidence/v1", "host": 7, "cluster": "c", "pods": -1,
    "podRanges": [{"range": "10.1.0.0/16"}, {"range": "ten"}, 3, null],
    "walks": [{"kind": "to the moon"}], "gateways": "none", "closed": ["ip", "ipx"],
    "new": {"a": [1]}})");
  CHECK(evidence.cluster == "c");
  REQUIRE(evidence.ranges.size() == 1);
  CHECK(evidence.closed == std::vector{core::Family::ipv4});
  CHECK(evidence.walks.empty());
  REQUIRE(evidence.gaps.size() == 1);
  CHECK(evidence.gaps.front().what == "8 entries of the evidence");
}

TEST_CASE("model objects: nodes and pods give ranges, those of configurations hold others") {
  const std::string nodes = R"(
apiVersion: v1
kind: NodeList
items:
- {metadata: {name: a}, spec: {podCIDRs: [10.244.1.0/24, "fd00:1::/64"]}, status: {addresses: [{address: 10.240.0.1}]}}
- {metadata: {name: b}, spec: {podCIDR: 10.244.2.0/24}}
- {metadata: {name: c}, spec: {podCIDRs: [nonsense, 0.0.0.0/0]}}
)";
  model::Evidence evidence = read(nodes);
  CHECK(evidence.nodes.size() == 3);
  CHECK(evidence.ranges.size() == 3);
  evidence = read(nodes + R"(
---
{apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.244.0.0/16, natOutgoing: true, vxlanMode: Always}}
---
{apiVersion: v1, kind: Pod, metadata: {name: x}, status: {podIPs: [{ip: 10.244.1.9}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: y}, status: {podIPs: [{ip: 10.9.1.9}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: z}, spec: {hostNetwork: true}, status: {podIPs: [{ip: 10.240.0.1}]}}
)");
  REQUIRE(evidence.ranges.size() == 3);
  CHECK(evidence.ranges[0].source == "IPPool p");
  CHECK(to_string(evidence.ranges[2].range) == "10.9.1.0/24");
  CHECK(evidence.pods == 2);
  CHECK(evidence.settings.size() == 2);
  // Of another cluster, nothing but its ranges counts.
  evidence = read(nodes, "east");
  CHECK(evidence.nodes.empty());
  REQUIRE(evidence.ranges.size() == 3);
  CHECK(evidence.ranges[0].cluster == "east");
}

TEST_CASE("model objects: each way in and out is a gateway of its form") {
  const model::Evidence evidence = read(R"(
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}, spec: {type: ClusterIP}}
- {apiVersion: v1, kind: Service, metadata: {name: a, namespace: s}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}}
- {apiVersion: v1, kind: Service, metadata: {name: b, namespace: s}, spec: {type: NodePort, externalTrafficPolicy: Local, ports: [{port: 80, nodePort: 30081, protocol: UDP}]}}
- {apiVersion: v1, kind: Service, metadata: {name: c, namespace: s}, spec: {type: LoadBalancer, ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{ip: 203.0.113.9, ipMode: Proxy}]}}}
- {apiVersion: v1, kind: Service, metadata: {name: d, namespace: s}, spec: {type: LoadBalancer, loadBalancerClass: pona.dev/edge, ports: [{port: 80}]}}
- {apiVersion: v1, kind: Service, metadata: {name: e, namespace: s}, spec: {type: ClusterIP, externalIPs: [203.0.113.8], ports: [{port: 80}]}}
- {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: s}, spec: {ingressClassName: nginx}}
- {apiVersion: smartnat.aureacentral.com/v1alpha1, kind: Mapping, metadata: {name: m, namespace: s}, spec: {addresses: [203.0.113.5], preserveClientIP: true, ports: [{port: 443}]}}
- {apiVersion: pona.cybozu.com/v1, kind: Egress, metadata: {name: out, namespace: s}}
- {apiVersion: coil.cybozu.com/v2, kind: Egress, metadata: {name: old, namespace: s}}
- {apiVersion: example.com/v1, kind: Egress, metadata: {name: other, namespace: s}}
- 7
- {kind: [Service], metadata: 3}
- {apiVersion: v1, kind: Service, metadata: {name: [odd]}, spec: [NodePort]}
)");
  const auto count = [&](model::Form form, const std::string& by) {
    std::uint64_t number = 0;
    for (const model::Gateway& one : evidence.gateways) {
      if (one.form == form && one.by == by) number += one.count;
    }
    return number;
  };
  CHECK(count(model::Form::node_port, "") == 2);
  CHECK(count(model::Form::proxy, "") == 1);
  CHECK(count(model::Form::proxy, "class nginx") == 1);
  CHECK(count(model::Form::vip, "externalIPs") == 1);
  CHECK(count(model::Form::edge_nat, "pona") == 2);
  CHECK(count(model::Form::egress_gateway, "pona") == 1);
  CHECK(count(model::Form::egress_gateway, "Coil") == 1);
  CHECK(evidence.gateways.size() == 9);
  CHECK(evidence.services == 7);
  CHECK(evidence.gateways[1].objects == std::vector<std::string>{"Service s/b, port 30081/udp"});
  CHECK(evidence.gateways[1].keeps_source == true);
}

TEST_CASE("model objects: configurations of network plugins, hostile ones too") {
  model::Evidence evidence = read(R"(
{apiVersion: v1, kind: ConfigMap, metadata: {name: cilium-config, namespace: kube-system}, data: {enable-ipv4-masquerade: "true", routing-mode: tunnel, cluster-pool-ipv4-cidr: "10.0.0.0/9,10.128.0.0/9 nonsense"}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: kube-flannel-cfg, namespace: kube-flannel}, data: {net-conf.json: '{"Network": "10.7.0.0/16", "Backend": {"Type": "vxlan"}}'}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: ip-masq-agent, namespace: kube-system}, data: {config: "nonMasqueradeCIDRs: [10.0.0.0/8]"}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: kube-proxy, namespace: kube-system}, data: {config.conf: "{[broken"}}
---
{apiVersion: cilium.io/v2alpha1, kind: CiliumBGPAdvertisement, metadata: {name: b}, spec: {advertisements: [{advertisementType: PodCIDR}]}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: aws-node, namespace: kube-system}}
)");
  CHECK(evidence.ranges.size() == 3);
  CHECK(evidence.settings.size() == 7);
}

}  // namespace unit::diag_model_evidence_test
