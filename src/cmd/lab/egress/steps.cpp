#include "cmd/lab/egress/changes.hpp"
#include "cmd/lab/egress/lab.hpp"
#include "cmd/lab/network.hpp"

namespace cmd {
namespace {

using std::to_string;

std::string line(std::string_view client, std::string_view host, const std::string& outcome) {
  return std::string(client) + " -> " + std::string(host) + ": " + outcome;
}

void source(Lab& lab, StepReport& report) {
  for (const char* client : {"client1", "client3"}) {
    for (const std::string_view host : {outside4, outside6}) {
      const Arrival tcp = arrival(lab, client, address(host));
      report.seen.push_back(line(client, host, "arrives " + tcp.text));
      report.expect(tcp.by_nat_pod(), "the address of a NAT pod", tcp.text);
      const Answer udp = ask_udp(from(lab, client), {address(host), server_echo}, "marco");
      const std::string who = who_arrived(udp.text.substr(0, udp.text.rfind(':')));
      report.expect(udp.ok() && who.starts_with("nat"), "the same of UDP", udp.text + udp.error);
    }
  }
  report.seen.emplace_back("UDP arrives likewise");
}

void spread(Lab& lab, StepReport& report) {
  for (const char* client : {"client1", "client3"}) {
    if (!ask_anew(lab, report, client)) return;
    const Tally tally = arrivals(lab, client);
    const std::string shares = to_string(tally);
    report.seen.push_back(std::string(client) + " -> " + to_string(outside_hosts().size()) +
                          " addresses outside: " + shares);
    report.expect(tally.errors.empty(), "an answer to each", shares);
    report.expect(tally.answers.size() == 2 && tally.answers.contains("nat1") &&
                      tally.answers.contains("nat2"),
                  "connections by both NAT pods, and by nobody else", shares);
  }
}

void own(Lab& lab, StepReport& report) {
  for (const std::string_view host : {outside4, outside6}) {
    const Arrival arrived = arrival(lab, "client2", address(host));
    report.seen.push_back(line("client2", host, "arrives " + arrived.text));
    report.expect(arrived.who == "client2", "its own address", arrived.text);
  }
}

// The whole internet is the Egress's destination, and the cluster is no part of it.
void private_traffic(Lab& lab, StepReport& report) {
  const EgressPod& to = egress_pod("client3");
  for (const std::string_view host : {to.ipv4, to.ipv6}) {
    const Answer answer = http_get(from(lab, "client1"), {address(host), server_http}, "/");
    report.seen.push_back(line("client1", host, answer.text + answer.error));
    report.expect(who_arrived(answer.text) == "client1", "a pod that sees client1's own address",
                  answer.text + answer.error);
  }
}

std::vector<LabStep> steps() {
  const std::string nat1_again =
      "pona lab exec nat1 -- pona nat --manifests {lab}/manifests --egress internet/egress "
      "--address 10.64.1.21,fd00:64:1::21 --listen 127.0.0.1";
  return {
      {"source",
       "pods that use an Egress arrive outside with a NAT pod's address",
       {"pona lab get http://203.0.113.9/", "pona lab get --from client3 'http://[2001:db8:f::9]/'",
        "pona egress list --socket {lab}/node1.sock"},
       source},
      {"spread",
       "their connections are spread over the NAT pods",
       {"for i in $(seq 20 35); do pona lab get http://203.0.113.$i/; done | sort | uniq -c"},
       spread},
      {"own",
       "a pod that uses none leaves with its own address",
       {"pona lab get --from client2 http://203.0.113.9/"},
       own},
      {"private",
       "private traffic is left alone, to a pod of the other node",
       {"pona lab get http://10.64.2.11/"},
       private_traffic},
      {"annotate",
       "a running pod is annotated, and later no longer",
       {"sed -i 's/# annotations/annotations/' {lab}/manifests/pod-client2.yaml",
        "pona lab get --from client2 http://203.0.113.9/",
        "sed -i 's/annotations/# annotations/' {lab}/manifests/pod-client2.yaml"},
       annotate},
      {"drain",
       "a NAT pod is told to stop: open connections go on through it, new ones avoid it",
       {"kill $(cut -d' ' -f1 {lab}/processes/nat1)", "pona egress list --socket {lab}/node1.sock",
        nat1_again},
       drain_nat_pod},
      {"failover",
       "a NAT pod dies: the other takes over, before the cluster knows",
       {"kill -9 $(cut -d' ' -f1 {lab}/processes/nat1)",
        "pona egress list --socket {lab}/node1.sock", nat1_again},
       kill_nat_pod},
      {"closed",
       "all NAT pods are dead: nothing leaves any other way",
       {"pona lab exec client1 -- ip route show table 117"},
       kill_all_nat_pods},
  };
}

constexpr std::string_view picture = R"(
   client1 10.64.1.11 ---+
   client2 10.64.1.12 ---+--- node1 ---+
   nat1    10.64.1.21 ---+             |                outside
                                       +--- router ---- 203.0.113.9
   client3 10.64.2.11 ---+             |                2001:db8:f::9
   nat2    10.64.2.21 ---+--- node2 ---+

   client1 and client3 use the Egress internet/egress, client2 does not.
)";

}  // namespace

const LabKind& egress_lab() {
  static const LabKind kind = {
      "egress",
      picture,
      set_up_egress_lab,
      steps(),
      {"pona lab shell client1", "pona lab exec nat1 -- nft list ruleset"}};
  return kind;
}

}  // namespace cmd
