// Which network model follows from which evidence, and what each gateway does to a sender's
// address.
#include <algorithm>
#include <string>

#include "core/cluster_model/report.hpp"
#include "support/catch.hpp"

namespace unit::cluster_model_judge_test {

using namespace core::cluster_model;
using Kind = Walk::Kind;
using End = Walk::End;
using How = Reach::How;
using Where = Evidence::Where;
using What = Setting::What;

namespace {

core::Address address(const char* text) { return *core::Address::parse(text); }
core::Prefix prefix(const char* text) { return *core::Prefix::parse(text); }

Evidence cluster() {
  Evidence evidence;
  evidence.cluster = "context shop";
  evidence.services = 1;
  evidence.ranges.push_back({prefix("10.244.0.0/16"), "", "spec.podCIDRs of 2 nodes"});
  return evidence;
}

Evidence node() {
  Evidence evidence = cluster();
  evidence.host = "node-1";
  evidence.where = Where::node;
  return evidence;
}

Walk walk(Kind kind, End end, const char* to = "10.240.0.9", const char* from = "10.244.1.2") {
  Walk one;
  one.kind = kind;
  one.end = end;
  one.host = "node-1";
  one.source = address(from);
  one.destination = address(to);
  one.seen = end == End::translated ? address("10.240.0.1") : one.source;
  one.steps = {{"node-1 cni0", "in", ""},
               {"node-1 postrouting", "the source becomes 10.240.0.1", "nft ip nat POST #1"}};
  if (end == End::translated) one.lost = 2;
  return one;
}

Gateway gateway(Form form, std::optional<bool> keeps = {}) {
  return {form, "", keeps, "", 1, {"Service shop/web, port 30080/tcp"}};
}

Verdict verdict(const Evidence& evidence) {
  const Report report = judge(evidence);
  REQUIRE(report.verdicts.size() == 1);
  return report.verdicts.front();
}

bool is(const Evidence& evidence, Model model, Confidence confidence) {
  const Verdict one = verdict(evidence);
  INFO(to_string(one.model) << ", " << to_string(one.confidence) << ": " << one.why);
  CHECK(to_string(one.model) == to_string(model));
  CHECK(to_string(one.confidence) == to_string(confidence));
  return one.model == model && one.confidence == confidence;
}

std::string text(const Evidence& evidence) {
  std::string all;
  for (const std::string& line : to_lines(judge(evidence), evidence, 100)) all += line + "\n";
  return all;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("cluster model: nothing seen is nothing known, and what to run is said") {
  CHECK(is({}, Model::unknown, Confidence::none));
  CHECK(is(cluster(), Model::unknown, Confidence::none));
  // A gateway is found in clusters of each model.
  Evidence evidence = cluster();
  evidence.gateways.push_back(gateway(Form::node_port, false));
  CHECK(is(evidence, Model::unknown, Confidence::none));
  const Report report = judge(evidence);
  CHECK(report.costs.empty());
  REQUIRE(report.unknown.size() == 2);
  for (const Gap& gap : report.unknown) CHECK_FALSE(gap.command.empty());
  CHECK(holds(text(evidence), "run   sudo pona diag model"));
}

TEST_CASE("cluster model: flat is what leaves with its own address and is reached by it") {
  Evidence evidence = node();
  evidence.walks.push_back(walk(Kind::pod_to_network, End::kept));
  CHECK(is(evidence, Model::flat, Confidence::medium));
  CHECK(holds(verdict(evidence).against, "not seen"));
  // What goes further away may be translated all the same.
  evidence.walks.push_back(walk(Kind::pod_to_internet, End::translated, "198.51.100.77"));
  CHECK(is(evidence, Model::flat, Confidence::medium));
  evidence.settings.push_back({What::announces, {}, "CiliumBGPAdvertisement pods", "announced"});
  CHECK(is(evidence, Model::flat, Confidence::medium));
}

TEST_CASE("cluster model: a route outside makes it sure, and without one something is wrong") {
  Evidence evidence = cluster();
  evidence.host = "router";
  evidence.where = Where::outside;
  evidence.walks.push_back(walk(Kind::pod_to_network, End::kept));
  evidence.reaches.push_back({How::route, prefix("10.244.0.0/16"), "", "10.244.0.0/16 via …"});
  CHECK(is(evidence, Model::flat, Confidence::high));
  evidence.reaches.front().how = How::none;
  CHECK(is(evidence, Model::unknown, Confidence::none));
  // Who has only a default route cannot tell.
  evidence.reaches.front().how = How::by_default;
  CHECK(is(evidence, Model::flat, Confidence::medium));
  evidence.walks.clear();
  CHECK(is(evidence, Model::unknown, Confidence::none));
}

TEST_CASE("cluster model: routes of a node, or of a gateway, say nothing about others") {
  Evidence evidence = node();
  evidence.reaches.push_back({How::route, prefix("10.244.2.0/24"), "", "10.244.2.0/24 via …"});
  CHECK(is(evidence, Model::unknown, Confidence::none));
  evidence.where = Where::gateway;
  CHECK(is(evidence, Model::unknown, Confidence::none));
  evidence.gateways.push_back(gateway(Form::edge_nat));
  CHECK(is(evidence, Model::island, Confidence::low));
}

TEST_CASE("cluster model: an island's pods leave translated") {
  Evidence evidence = node();
  evidence.walks.push_back(walk(Kind::pod_to_network, End::translated));
  CHECK(is(evidence, Model::island, Confidence::high));
  CHECK(holds(verdict(evidence).why, "10.240.0.1"));
  // A configuration alone is worth less, and one that says otherwise is told.
  evidence.walks.clear();
  evidence.settings.push_back({What::masquerades, {}, "IPPool default", "natOutgoing: true"});
  CHECK(is(evidence, Model::island, Confidence::medium));
  evidence.walks.push_back(walk(Kind::pod_to_network, End::kept));
  CHECK(is(evidence, Model::flat, Confidence::medium));
  CHECK(holds(verdict(evidence).against, "natOutgoing: true"));
}

TEST_CASE("cluster model: settings of one family say nothing of the other one") {
  Evidence evidence = cluster();
  evidence.settings.push_back(
      {What::masquerades, core::Family::ipv6, "IPPool six", "natOutgoing: true"});
  CHECK(is(evidence, Model::unknown, Confidence::none));
  // Two that contradict each other: nobody knows which counts.
  evidence.settings = {{What::masquerades, {}, "IPPool one", "natOutgoing: true"},
                       {What::keeps, {}, "IPPool two", "natOutgoing is not set"}};
  CHECK(is(evidence, Model::unknown, Confidence::none));
  evidence.settings = {{What::overlay, {}, "IPPool one", "vxlanMode: Always"}};
  CHECK(is(evidence, Model::island, Confidence::low));
  evidence.settings = {{What::native, {}, "DaemonSet kube-system/aws-node", "of the VPC"}};
  CHECK(is(evidence, Model::flat, Confidence::medium));
}

TEST_CASE("cluster model: isolated is without a way out and without gateways, if these are known") {
  Evidence evidence = node();
  evidence.walks.push_back(walk(Kind::pod_to_network, End::refused));
  CHECK(is(evidence, Model::isolated, Confidence::high));
  evidence.walks.push_back(walk(Kind::pod_to_internet, End::translated, "198.51.100.77"));
  CHECK(is(evidence, Model::island, Confidence::high));
  evidence.walks.pop_back();
  evidence.services = 0;  // not all objects were given: each cluster has a Service
  CHECK(is(evidence, Model::isolated, Confidence::low));
  evidence.services = 1;
  evidence.gateways.push_back(gateway(Form::egress_gateway));
  CHECK(is(evidence, Model::island, Confidence::medium));

  Evidence closed = node();
  closed.walks.push_back(walk(Kind::pod_to_network, End::kept));
  closed.closed.push_back(core::Family::ipv4);
  CHECK(is(closed, Model::isolated, Confidence::high));
  closed.gateways.push_back(gateway(Form::vip, true));
  CHECK(is(closed, Model::flat, Confidence::medium));
}

TEST_CASE("cluster model: islands that reach each other untranslated are an archipelago") {
  Evidence evidence = node();
  evidence.walks.push_back(walk(Kind::pod_to_network, End::translated));
  evidence.ranges.push_back({prefix("10.245.0.0/16"), "east", "--other-pods"});
  CHECK(is(evidence, Model::island, Confidence::high));
  evidence.walks.push_back(walk(Kind::pod_to_cluster, End::kept, "10.245.0.2"));
  CHECK(is(evidence, Model::archipelago, Confidence::low));  // by the default route
  evidence.reaches.push_back(
      {How::tunnel, prefix("10.245.0.0/16"), "east", "10.245.0.0/16 dev wg0"});
  CHECK(is(evidence, Model::archipelago, Confidence::high));
  evidence.walks.back().end = End::tunnelled;
  CHECK(is(evidence, Model::archipelago, Confidence::high));
  evidence.walks.back() = walk(Kind::pod_to_cluster, End::translated, "10.245.0.2");
  CHECK(is(evidence, Model::island, Confidence::high));
  // Of a flat network, all clusters are a part.
  evidence.walks = {walk(Kind::pod_to_network, End::kept),
                    walk(Kind::pod_to_cluster, End::kept, "10.245.0.2")};
  CHECK(is(evidence, Model::flat, Confidence::medium));
}

TEST_CASE("cluster model: ranges that overlap speak for islands") {
  Evidence evidence = node();
  evidence.ranges.push_back({prefix("10.244.128.0/17"), "east", "--other-pods"});
  CHECK(is(evidence, Model::island, Confidence::low));
  CHECK(holds(verdict(evidence).why, "10.244.128.0/17 of east"));
  evidence.walks.push_back(walk(Kind::pod_to_network, End::translated));
  CHECK(is(evidence, Model::island, Confidence::high));
  // Whoever has such an address is a pod of this cluster.
  evidence.walks.push_back(walk(Kind::pod_to_cluster, End::kept, "10.244.128.2"));
  CHECK(is(evidence, Model::island, Confidence::high));
  evidence.walks.front() = walk(Kind::pod_to_network, End::kept);
  CHECK(is(evidence, Model::flat, Confidence::low));
  CHECK(holds(verdict(evidence).against, "overlap"));
}

TEST_CASE("cluster model: the two families may differ, and are told apart then") {
  Evidence evidence = node();
  evidence.ranges.push_back({prefix("fd00:10::/48"), "", "spec.podCIDRs of 2 nodes"});
  evidence.walks.push_back(walk(Kind::pod_to_network, End::translated));
  evidence.walks.push_back(walk(Kind::pod_to_network, End::kept, "fd00:1::9", "fd00:10::2"));
  const Report report = judge(evidence);
  REQUIRE(report.verdicts.size() == 2);
  CHECK(report.verdicts[0].model == Model::island);
  CHECK(report.verdicts[1].model == Model::flat);
  CHECK(report.verdicts[1].family == core::Family::ipv6);
  CHECK(holds(text(evidence), "(IPv6)"));
}

TEST_CASE("cluster model: each form of gateway says where the sender's address is lost") {
  struct Case {
    Form form;
    std::optional<bool> keeps;
    Passage::Sender sender;
    std::size_t lost;
  };
  for (const Case& one :
       std::initializer_list<Case>{{Form::node_port, false, Passage::Sender::lost, 2},
                                   {Form::node_port, true, Passage::Sender::kept, 0},
                                   {Form::vip, false, Passage::Sender::lost, 3},
                                   {Form::vip, true, Passage::Sender::kept, 0},
                                   {Form::proxy, true, Passage::Sender::lost, 2},
                                   {Form::edge_nat, {}, Passage::Sender::open, 0},
                                   {Form::edge_nat, false, Passage::Sender::lost, 2},
                                   {Form::masquerade, {}, Passage::Sender::lost, 2},
                                   {Form::egress_gateway, {}, Passage::Sender::lost, 3}}) {
    Evidence evidence = cluster();
    evidence.gateways.push_back(gateway(one.form, one.keeps));
    const Report report = judge(evidence);
    REQUIRE(report.passages.size() == 1);
    const Passage& passage = report.passages.front();
    INFO(to_string(one.form) << ": " << passage.said);
    CHECK(passage.sender == one.sender);
    CHECK(passage.lost == one.lost);
    CHECK(passage.steps.size() >= 3);
    CHECK(holds(text(evidence), leads_out(one.form) ? "WAYS OUT" : "WAYS IN"));
    CHECK(holds(text(evidence), "<== lost here") == (one.lost != 0));
  }
}

TEST_CASE("cluster model: what the rules of a host do counts more than what objects say") {
  Evidence evidence = node();
  evidence.gateways.push_back(gateway(Form::node_port, true));
  Walk seen = walk(Kind::to_node_port, End::translated, "10.240.0.1", "198.51.100.77");
  seen.target = "Service shop/web";
  evidence.walks.push_back(seen);
  const Passage passage = judge(evidence).passages.front();
  CHECK(passage.sender == Passage::Sender::lost);
  CHECK(holds(passage.seen, "nft ip nat POST #1"));
  // Of another Service it says nothing.
  evidence.walks.front().target = "Service shop/we";
  CHECK(judge(evidence).passages.front().sender == Passage::Sender::kept);
}

TEST_CASE("cluster model: masquerading is found by a packet, or else by a configuration") {
  Evidence evidence = node();
  evidence.settings.push_back({What::masquerades, {}, "IPPool default", "natOutgoing: true"});
  REQUIRE(judge(evidence).passages.size() == 1);
  CHECK(judge(evidence).passages.front().gateway.form == Form::masquerade);
  evidence.walks.push_back(walk(Kind::pod_to_network, End::kept));
  CHECK(judge(evidence).passages.empty());
  evidence.walks.front() = walk(Kind::pod_to_network, End::translated);
  REQUIRE(judge(evidence).passages.size() == 1);
  CHECK(holds(judge(evidence).passages.front().seen, "step 2 of 2"));
}

TEST_CASE("cluster model: each model but an unknown one has its costs, with what is here") {
  Evidence evidence = node();
  evidence.walks.push_back(walk(Kind::pod_to_network, End::translated));
  evidence.gateways = {gateway(Form::node_port, false), gateway(Form::edge_nat)};
  const Report report = judge(evidence);
  REQUIRE(report.costs.size() == 5);
  const bool counted = std::ranges::any_of(report.costs, [](const Cost& cost) {
    return holds(cost.here, "1 of 2 ways in lose the client's address (node port); of 1");
  });
  CHECK(counted);
  for (const Cost& cost : report.costs) CHECK_FALSE(cost.pona.empty());
}

TEST_CASE("cluster model: what is to be read keeps within its width, and is harmless") {
  Evidence evidence = node();
  evidence.host = "node-1\x1b[31m";
  evidence.walks.push_back(walk(Kind::pod_to_network, End::translated));
  for (int i = 0; i < 40; ++i) {
    evidence.gateways.push_back(gateway(Form::node_port, i % 2 == 0));
    evidence.settings.push_back({What::keeps, {}, "IPPool " + std::to_string(i), "text"});
  }
  for (const std::string& line : to_lines(judge(evidence), evidence, 80)) {
    CHECK(line.find('\x1b') == std::string::npos);
    if (!holds(line, "   run   ")) CHECK(line.size() <= 80);
  }
}

TEST_CASE("cluster model: each word is explained, in any case") {
  for (const std::string_view name : topic_names()) {
    REQUIRE(find_topic(name) != nullptr);
    CHECK(find_topic(name)->text.ends_with('.'));
    for (const std::string& line : to_lines(*find_topic(name), 80)) CHECK(line.size() <= 80);
  }
  CHECK(find_topic("Edge NAT") == find_topic("edge-nat"));
  CHECK(find_topic("") == nullptr);
  CHECK(find_topic("islands") == nullptr);
}

}  // namespace unit::cluster_model_judge_test
