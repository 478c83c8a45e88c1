#include <map>
#include <set>

#include "cmd/lab/edge/changes.hpp"
#include "cmd/lab/edge/lab.hpp"
#include "cmd/lab/edge/manifests.hpp"
#include "cmd/lab/edge/network.hpp"
#include "cmd/lab/network.hpp"
#include "cmd/lab/tally.hpp"
#include "net/links.hpp"

namespace cmd {
namespace {

using std::to_string;

void spread(Lab& lab, StepReport& report) {
  constexpr int requests = 60;
  for (const std::string_view host : {external4, first_external4}) {
    const Peer to{address(host), web_port};
    expect_spread(report, to_string(requests) + " requests to " + to_string(to),
                  get_many(from_client(lab), to, requests), requests);
  }
}

std::uint64_t sent(Lab& lab, const std::string& link) {
  return net::Links(lab.home.at(appliances(lab.home).active)).get(link).sent_packets;
}

void source_address(Lab& lab, StepReport& report) {
  constexpr int requests = 20;
  const std::uint64_t default_before = sent(lab, "ext1");
  const std::uint64_t other_before = sent(lab, "ext2");
  for (const auto& [host, client] : {std::pair{external4, client4}, {external6, client6}}) {
    const Answer answer = http_get(from_client(lab), {address(host), web_port}, "/");
    const std::string expected = "sees " + std::string(client);
    report.seen.push_back("to " + std::string(host) + ": " + answer.text + answer.error);
    report.expect(answer.text.ends_with(expected), "a pod " + expected, answer.text + answer.error);
    get_many(from_client(lab), {address(host), web_port}, requests);
  }
  const std::uint64_t by_default = sent(lab, "ext1") - default_before;
  const std::uint64_t by_other = sent(lab, "ext2") - other_before;
  const std::string counts = "ext2 sent " + to_string(by_other) +
                             " packets, ext1 (default route) " + to_string(by_default);
  report.seen.push_back("replies: " + counts);
  // A few packets on ext1 are neighbour discovery.
  report.expect(by_other >= 2 * requests && by_default < requests,
                "replies by ext2 only, where the requests came in", counts);
}

void affinity(Lab& lab, StepReport& report) {
  constexpr int requests = 5;
  std::vector<std::string_view> sources(more_clients4.begin(), more_clients4.end());
  sources.push_back(client4);
  std::map<std::string, std::set<std::string>> clients_of;
  for (const std::string_view source : sources) {
    const Tally tally =
        get_many(from_client(lab, source), {address(external4), sticky_port}, requests);
    report.expect(tally.errors.empty() && tally.answers.size() == 1,
                  "one pod for all requests of " + std::string(source), to_string(tally));
    for (const auto& [pod, times] : tally.answers) clients_of[pod].insert(std::string(source));
    if (tally.hopeless()) return;
  }
  std::string shares;
  for (const auto& [pod, clients] : clients_of) {
    shares += (shares.empty() ? "" : ", ") + pod + " serves " + to_string(clients.size());
  }
  report.seen.push_back(to_string(sources.size()) + " clients, " + to_string(requests) +
                        " requests each: " + shares);
  report.expect(clients_of.size() > 1, "clients on more than one pod", shares);
}

void allow(Lab& lab, StepReport& report) {
  const Peer to{address(external4), office_port};
  Origin stranger = from_client(lab);
  stranger.timeout = Milliseconds(400);
  const Answer refused = http_get(stranger, to, "/");
  report.seen.push_back(std::string(client4) + ": " + refused.text + refused.error);
  report.expect(refused.error == "no answer", "no answer for " + std::string(client4),
                refused.text + refused.error);
  const Answer served = http_get(from_client(lab, office4), to, "/");
  report.seen.push_back(std::string(office4) + ": " + served.text + served.error);
  report.expect(served.ok(), "an answer for " + std::string(office4), served.error);
}

void udp(Lab& lab, StepReport& report) {
  constexpr int questions = 30;
  for (const auto& [host, client] : {std::pair{external4, client4}, {external6, client6}}) {
    const std::string expected = " sees " + std::string(client) + ": marco";
    Tally tally;
    while (tally.asked < questions && !tally.hopeless()) {
      Answer answer = ask_udp(from_client(lab), {address(host), echo_port}, "marco");
      if (answer.ok() && !answer.text.ends_with(expected)) answer.error = answer.text;
      answer.text = answer.text.substr(0, answer.text.find(' '));
      tally.add(answer);
    }
    expect_spread(report, to_string(questions) + " datagrams to " + std::string(host), tally,
                  questions);
  }
}

void ipv6(Lab& lab, StepReport& report) {
  constexpr int requests = 60;
  const Peer to{address(external6), web_port};
  expect_spread(report, to_string(requests) + " requests to " + to_string(to),
                get_many(from_client(lab), to, requests), requests);
}

std::vector<LabStep> steps() {
  return {
      {"spread",
       "requests from outside are spread over the pods",
       {"pona lab get -n 60 http://203.0.113.10/name | sort | uniq -c"},
       spread},
      {"source",
       "pods see the client's own address, and replies leave by the interface of the request",
       {"pona lab get http://203.0.113.10/",
        "pona lab exec appliance -- pona edge status --socket {lab}/appliance.sock"},
       source_address},
      {"affinity",
       "with sessionAffinity: ClientIP a client stays on its pod",
       {"pona lab get -n 5 --source 198.51.100.11 http://203.0.113.10:81/name"},
       affinity},
      {"allow",
       "allowedSources lets one client in and drops another",
       {"pona lab get http://203.0.113.10:8443/",
        "pona lab get --source 198.51.100.20 http://203.0.113.10:8443/"},
       allow},
      {"udp", "UDP works alike", {"pona lab get -n 6 udp://203.0.113.10:7 --text marco"}, udp},
      {"ipv6", "IPv6 works alike", {"pona lab get -n 6 'http://[2001:db8:2::10]/'"}, ipv6},
      {"drain",
       "an endpoint leaves: new requests avoid it at once, open connections go on",
       {"$EDITOR {lab}/manifests/endpoints-ipv4.yaml"},
       drain},
      {"add",
       "a Mapping added by pona mapping add while everything runs is live at once",
       {"pona mapping add late --manifests {lab}/manifests --address 203.0.113.10 "
        "--port 8088:80/tcp --service shop/web",
        "pona lab get http://203.0.113.10:8088/",
        "pona mapping rm shop/late --manifests {lab}/manifests"},
       add_mapping},
      {"takeover",
       "a second appliance takes the addresses over, and open connections live on",
       {"pona lab takeover"},
       take_over},
  };
}

constexpr std::string_view picture = R"(
                               ext1 192.0.2.10     +-----------+
   client ------- router ==========================| appliance |==+==== pod1 10.244.0.11
   198.51.100.10         \\    ext2 203.0.113.10   +-----------+  |
   2001:db8:c::10         \\        2001:db8:2::10                +==== pod2 10.244.0.12
                           \\                      +-----------+  |
                            =======================|  standby  |==+==== pod3 10.244.0.13
                                                   +-----------+
)";

}  // namespace

const LabKind& edge_lab() {
  static const LabKind kind = {
      "edge",
      picture,
      set_up_edge_lab,
      steps(),
      {"pona lab shell client", "pona lab exec appliance -- nft list ruleset"}};
  return kind;
}

}  // namespace cmd
