#include <algorithm>
#include <csignal>
#include <map>
#include <set>

#include "cmd/lab_edge.hpp"
#include "cmd/lab_manifests.hpp"
#include "cmd/lab_topology.hpp"
#include "cmd/lab_traffic.hpp"
#include "net/link.hpp"

namespace cmd {
namespace {

using std::to_string;

// Who answered how often.
struct Tally {
  std::map<std::string, int> answers;
  int asked = 0;
  std::vector<std::string> errors;

  void add(const Answer& answer) {
    ++asked;
    if (answer.ok()) {
      ++answers[answer.text];
    } else {
      errors.push_back(answer.error);
    }
  }
  // Where nothing works, a few attempts tell as much as many.
  [[nodiscard]] bool hopeless() const { return errors.size() >= 3; }
};

std::string to_string(const Tally& tally) {
  std::string text;
  for (const auto& [who, times] : tally.answers) {
    text += (text.empty() ? "" : ", ") + who + ' ' + to_string(times);
  }
  if (tally.errors.empty()) return text;
  return text + (text.empty() ? "" : ", ") + to_string(tally.errors.size()) + " failed (" +
         tally.errors.front() + ")";
}

Origin from_client(EdgeLab& lab, std::string_view source = {}) {
  Origin origin{lab.home.at("client"), lab.waiting, {}, Milliseconds(1000)};
  if (!source.empty()) origin.source = address(source);
  return origin;
}

Tally get_many(const Origin& origin, const Peer& to, int times) {
  Tally tally;
  while (tally.asked < times && !tally.hopeless()) tally.add(http_get(origin, to, "/name"));
  return tally;
}

std::string milliseconds(Clock::duration time) {
  return to_string(std::chrono::duration_cast<Milliseconds>(time).count()) + " ms";
}

void expect_spread(StepReport& report, const std::string& what, const Tally& tally, int asked) {
  report.seen.push_back(what + ": " + to_string(tally));
  report.expect(tally.errors.empty() && tally.asked == asked,
                "an answer to each of " + to_string(asked) + " requests", to_string(tally));
  report.expect(tally.answers.size() == pods.size(), "answers of all three pods", to_string(tally));
}

void spread(EdgeLab& lab, StepReport& report) {
  constexpr int requests = 60;
  for (const std::string_view host : {external4, first_external4}) {
    const Peer to{address(host), web_port};
    expect_spread(report, to_string(requests) + " requests to " + to_string(to),
                  get_many(from_client(lab), to, requests), requests);
  }
}

std::uint64_t sent(EdgeLab& lab, const std::string& link) {
  return net::Links(lab.home.at(appliances(lab.home).active)).get(link).sent_packets;
}

void source_address(EdgeLab& lab, StepReport& report) {
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

void affinity(EdgeLab& lab, StepReport& report) {
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

void allow(EdgeLab& lab, StepReport& report) {
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

void udp(EdgeLab& lab, StepReport& report) {
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

void ipv6(EdgeLab& lab, StepReport& report) {
  constexpr int requests = 60;
  const Peer to{address(external6), web_port};
  expect_spread(report, to_string(requests) + " requests to " + to_string(to),
                get_many(from_client(lab), to, requests), requests);
}

// Connections that stay open, and the pod that each has.
struct OpenStreams {
  std::vector<Stream> streams;
  std::map<std::string, int> by_pod;
  std::vector<std::string> errors;

  // One line there and back on each; how many of them did it, and how long the last one took.
  struct Check {
    std::size_t alive = 0;
    Clock::duration slowest{};
  };
  Check check(const std::string& line, Milliseconds patience) {
    Check result;
    const auto begin = Clock::now();
    for (Stream& stream : streams) stream.send(line + '\n');
    for (Stream& stream : streams) {
      const Answer answer = stream.line(begin + patience);
      if (answer.text == line) {
        ++result.alive;
        result.slowest = Clock::now() - begin;
      } else {
        errors.push_back(answer.error);
      }
    }
    return result;
  }
};

std::string to_string(const OpenStreams& open) {
  Tally tally;
  tally.answers = open.by_pod;
  tally.errors = open.errors;
  return to_string(tally);
}

void open_streams(EdgeLab& lab, OpenStreams& open, std::string_view host, int count) {
  for (int i = 0; i < count && open.errors.size() < 3; ++i) {
    Stream stream(from_client(lab), {address(host), echo_port});
    const Answer greeting = stream.line();
    if (greeting.ok()) {
      ++open.by_pod[greeting.text.substr(0, greeting.text.find(' '))];
      open.streams.push_back(std::move(stream));
    } else {
      open.errors.push_back(greeting.error);
    }
  }
}

OpenStreams open_on_both_families(EdgeLab& lab, StepReport& report, int each) {
  OpenStreams open;
  for (const std::string_view host : {external4, external6}) open_streams(lab, open, host, each);
  const auto wanted = static_cast<std::size_t>(2 * each);
  report.seen.push_back(to_string(open.streams.size()) + " connections open: " + to_string(open));
  report.expect(open.streams.size() == wanted && open.by_pod.size() == pods.size(),
                to_string(wanted) + " connections over all pods", to_string(open));
  return open;
}

// Until a row of requests says what is wanted of it; how long that took.
std::optional<Clock::duration> until_pods(EdgeLab& lab,
                                          const std::function<bool(const Tally&)>& as) {
  constexpr int row = 40;
  const auto begin = Clock::now();
  auto end = begin;
  const bool happened = lab.waiting.until(begin + std::chrono::seconds(2), [&] {
    end = Clock::now();
    const Tally tally = get_many(from_client(lab), {address(external4), web_port}, row);
    return tally.errors.empty() && as(tally);
  });
  return happened ? std::optional(end - begin) : std::nullopt;
}

void drain(EdgeLab& lab, StepReport& report) {
  OpenStreams open = open_on_both_families(lab, report, 20);

  write_manifests(lab.home.manifests(), endpoint_manifests({"pod1", "pod2"}));
  const auto gone =
      until_pods(lab, [](const Tally& tally) { return !tally.answers.contains("pod3"); });
  report.expect(gone.has_value(), "pod3 out of use when it has left", "requests still reach it");
  const Tally after = get_many(from_client(lab), {address(external4), web_port}, 60);
  report.seen.push_back("pod3 left its EndpointSlice and is out of use " +
                        (gone ? milliseconds(*gone) + " later" : "never") +
                        "; 60 new requests: " + to_string(after));
  report.expect(after.errors.empty() && !after.answers.contains("pod3"),
                "new requests served, by the pods that are left", to_string(after));

  const auto checked = open.check("still there?", Milliseconds(2000));
  report.seen.push_back("open connections that still work: " + to_string(checked.alive) + " of " +
                        to_string(open.streams.size()) + ", those on pod3 too");
  report.expect(checked.alive == open.streams.size(), "every open connection working",
                to_string(open));

  write_manifests(lab.home.manifests(), endpoint_manifests({"pod1", "pod2", "pod3"}));
  const auto back =
      until_pods(lab, [](const Tally& tally) { return tally.answers.contains("pod3"); });
  report.expect(back.has_value(), "pod3 in use again when it is back", "it is not");
}

void add_mapping(EdgeLab& lab, StepReport& report) {
  const Peer to{address(external4), added_port};
  Origin prober = from_client(lab);
  prober.timeout = Milliseconds(10);
  const auto served = [&] { return Stream(prober, to).connected(); };
  report.expect(!served(), "nobody at " + to_string(to) + " before", "a connection");

  const std::string process = "mapping-add";
  const auto begin = Clock::now();
  lab.home.start(process, "appliance",
                 {"mapping", "add", "late", "--manifests", lab.home.manifests(), "--address",
                  std::string(external4), "--port", to_string(added_port) + ":80/tcp", "--service",
                  "shop/web"});
  std::optional<Clock::time_point> ended;
  const bool live = lab.waiting.until(begin + std::chrono::seconds(3), [&] {
    if (!ended && !lab.home.running(process)) ended = Clock::now();
    return served();
  });
  const auto now = Clock::now();
  lab.home.end(process, SIGTERM);
  const auto after = ended ? now - *ended : Clock::duration::zero();
  report.seen.push_back("first connection to " + to_string(to) + " " + milliseconds(now - begin) +
                        " after the command was started, " + milliseconds(after) +
                        " after it ended");
  report.expect(live && after < Milliseconds(100), "served at most 100 ms after the command ended",
                live ? milliseconds(after) : "not served; it said:\n" + lab.home.log_tail(process));
  const Tally tally = get_many(from_client(lab), to, 30);
  expect_spread(report, "30 requests", tally, 30);
  std::filesystem::remove(lab.home.manifests() / "late.yaml");
}

void take_over(EdgeLab& lab, StepReport& report) {
  OpenStreams open = open_on_both_families(lab, report, 20);
  const Pair pair = appliances(lab.home);

  lab.home.end(pair.active, SIGKILL);
  cut_off(lab.home, pair.active);
  report.seen.push_back(pair.active + ": pona edge killed, all cables pulled");
  take_addresses(lab.home, pair.other);
  const auto checked = open.check("still there?", Milliseconds(4000));
  report.seen.push_back(pair.other + " has the addresses; open connections that still work: " +
                        to_string(checked.alive) + " of " + to_string(open.streams.size()) +
                        ", the last after " + milliseconds(checked.slowest));
  report.expect(checked.alive == open.streams.size(), "every open connection working",
                to_string(open));

  constexpr int requests = 60;
  expect_spread(report, to_string(requests) + " new requests",
                get_many(from_client(lab), {address(external4), web_port}, requests), requests);
}

const std::vector<EdgeStep>& steps() {
  static const std::vector<EdgeStep> all = {
      {"spread",
       "requests from outside are spread over the pods",
       {"pona lab get -n 60 http://203.0.113.10/name | sort | uniq -c"},
       spread},
      {"source",
       "pods see the client's own address, and replies leave by the interface of the request",
       {"pona lab get http://203.0.113.10/",
        "pona lab exec appliance -- pona edge status --socket {socket}"},
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
       {"$EDITOR {manifests}/endpoints-ipv4.yaml"},
       drain},
      {"add",
       "a Mapping added by pona mapping add while everything runs is live at once",
       {"pona mapping add late --manifests {manifests} --address 203.0.113.10 "
        "--port 8088:80/tcp --service shop/web",
        "pona lab get http://203.0.113.10:8088/"},
       add_mapping},
      {"takeover",
       "a second appliance takes the addresses over, and open connections live on",
       {"pona lab takeover"},
       take_over},
  };
  return all;
}

}  // namespace

std::span<const EdgeStep> edge_steps() { return steps(); }

}  // namespace cmd
