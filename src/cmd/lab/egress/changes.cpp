#include "cmd/lab/egress/changes.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <optional>

#include "cmd/lab/egress/lab.hpp"
#include "cmd/lab/network.hpp"
#include "cmd/lab/packet_counter.hpp"

namespace cmd {
namespace {

using std::to_string;

constexpr std::array<std::string_view, 2> asking = {"client1", "client3"};

// New connections of the client, one after the other, until one arrives as it is wanted.
bool until_arrives(Lab& lab, std::string_view client, const core::Address& host,
                   const std::function<bool(const Arrival&)>& as_wanted, Arrival& last) {
  return lab.waiting.until(Clock::now() + lab_patience, [&] {
    last = arrival(lab, client, host, Milliseconds(500));
    return as_wanted(last);
  });
}

std::vector<core::Address> own_addresses() {
  std::vector<core::Address> own;
  for (const std::string_view client : asking) {
    own.push_back(address(egress_pod(client).ipv4));
    own.push_back(address(egress_pod(client).ipv6));
  }
  return own;
}

void expect_no_leak(StepReport& report, PacketWatch& watch) {
  const std::size_t leaked = watch.from(own_addresses());
  const std::string packets = to_string(leaked) + " packets";
  report.seen.push_back("outside, with an own address of client1 or client3: " + packets);
  report.expect(leaked == 0, "no packet with the own address of a client", packets);
}

void kill(Lab& lab, const EgressPod& nat) {
  lab.home.end(std::string(nat.name), SIGKILL);
  remove_pod(lab.home, nat);
}

// Until the NAT pods that were started in the place of others are in use, and all is as it was.
void await_new(Lab& lab, StepReport& report) {
  const auto begin = Clock::now();
  bool well = true;
  for (const std::string_view client : asking) {
    well = await_ways(lab, report, client, both_up) && well;
  }
  if (!well) return;
  report.seen.push_back("NAT pods are started anew, and in use " +
                        milliseconds(Clock::now() - begin) + " later");
  for (const std::string_view client : asking) {
    for (const std::string_view host : {outside4, outside6}) {
      const Arrival arrived = arrival(lab, client, address(host));
      report.expect(arrived.by_nat_pod(), "a NAT pod's address again", arrived.text);
    }
  }
}

}  // namespace

void annotate(Lab& lab, StepReport& report) {
  const std::string client = "client2";
  for (const bool asks : {true, false}) {
    const auto as_wanted = [&](const Arrival& arrived) {
      return asks ? arrived.by_nat_pod() : arrived.who == client;
    };
    write_manifests(lab.home.manifests(), client_manifest(egress_pod(client), asks));
    const auto begin = Clock::now();
    for (const std::string_view host : {outside4, outside6}) {
      Arrival last;
      const bool so = until_arrives(lab, client, address(host), as_wanted, last);
      report.seen.push_back(std::string(asks ? "with" : "without") + " the annotation: " + client +
                            " -> " + std::string(host) + ": arrives " + last.text + ", " +
                            milliseconds(Clock::now() - begin) + " later");
      report.expect(so, asks ? "a NAT pod's address" : "its own address", last.text);
    }
  }
}

void drain_nat_pod(Lab& lab, StepReport& report) {
  const std::string client = "client2";  // one of whose connections nothing is remembered
  if (!ask_anew(lab, report, client)) return;
  OpenStreams open;
  std::string way;
  for (const core::Address& host : outside_hosts()) {
    open.open(from(lab, client), {host, server_echo}, who_arrived);
    way = client + " -> " + to_string(host);
    if (!open.streams.empty() && open.streams.back().who == "nat1") break;
  }
  OpenStreams carried = open.take("nat1");
  open.streams.clear();
  report.expect(carried.streams.size() == 1, "a connection through nat1",
                to_string(tally_of(open)));

  lab.home.send("nat1", SIGTERM);
  write_manifests(lab.home.manifests(), gateway_manifests(NatState::terminating, NatState::ready));
  const auto noticed = await_ways(lab, report, client, {{"nat1", "draining"}, {"nat2", "up"}});
  if (noticed) {
    report.seen.push_back("nat1 is told to stop, and avoided " + milliseconds(*noticed) + " later");
  }
  const Tally tally = arrivals(lab, client);
  const int wanted = static_cast<int>(outside_hosts().size());
  // One whose hash falls into the part of the open connection goes with it.
  const int strays = wanted / 6;
  const auto other = tally.answers.find("nat2");
  report.seen.push_back(to_string(tally.asked) + " new connections of " + client + ": " +
                        to_string(tally));
  report.expect(
      tally.errors.empty() && other != tally.answers.end() && other->second >= wanted - strays,
      "new connections by nat2, but for a few that share a hash with the open one",
      to_string(tally));
  const auto checked = carried.check("still there?", lab_patience);
  const bool runs = lab.home.running("nat1");
  report.seen.push_back("the open connection " + way + " through nat1 " +
                        std::string(checked.alive == 1 ? "goes on" : "is broken"));
  report.expect(checked.alive == 1 && runs, "the open connection working, and nat1 for it",
                to_string(tally_of(carried)) + (runs ? "" : ", nat1 has ended"));

  carried.streams.clear();
  const auto closed = Clock::now();
  const bool ended =
      lab.waiting.until(closed + lab_patience, [&] { return !lab.home.running("nat1"); });
  report.expect(ended, "nat1 ended after its last connection", "it runs");
  if (ended) {
    report.seen.push_back("nat1 ended by itself " + milliseconds(Clock::now() - closed) +
                          " after the end of that connection");
  }
  lab.home.end("nat1", SIGKILL);
  set_asking(lab, report, client, false);
  start_nat(lab, egress_pod("nat1"));
  write_manifests(lab.home.manifests(), gateway_manifests(NatState::ready, NatState::ready));
  await_new(lab, report);
}

namespace {

// New connections of both clients to all hosts outside, one after the other, until as many as there
// are hosts have arrived by `nat` without an exception between them; when the last exception was.
// No single connection tells: some were for this NAT pod before.
std::optional<Clock::time_point> until_all_by(Lab& lab, std::string_view nat) {
  const std::vector<core::Address> hosts = outside_hosts();
  const auto begin = Clock::now();
  auto last_other = begin;
  std::size_t in_a_row = 0;
  for (std::size_t i = 0; in_a_row < hosts.size(); i = (i + 1) % hosts.size()) {
    if (Clock::now() > begin + lab_patience) return std::nullopt;
    const bool so = std::ranges::all_of(asking, [&](std::string_view client) {
      return arrival(lab, client, hosts[i], Milliseconds(500)).who == nat;
    });
    in_a_row = so ? in_a_row + 1 : 0;
    if (!so) last_other = Clock::now();
  }
  return last_other;
}

}  // namespace

void kill_nat_pod(Lab& lab, StepReport& report) {
  OpenStreams open;
  for (const std::string_view client : asking) {
    if (!ask_anew(lab, report, client)) return;
    for (const core::Address& host : outside_hosts()) {
      open.open(from(lab, std::string(client)), {host, server_echo}, who_arrived);
    }
  }
  const std::string shares = to_string(tally_of(open));
  report.seen.push_back(to_string(open.streams.size()) + " connections open: " + shares);
  OpenStreams lost = open.take("nat1");
  report.expect(open.errors.empty() && !lost.streams.empty() && !open.streams.empty(),
                "connections of both clients through both NAT pods", shares);

  PacketWatch watch(lab.home.at("outside"));
  kill(lab, egress_pod("nat1"));
  const auto begin = Clock::now();
  const auto last_other = until_all_by(lab, "nat2");
  report.expect(last_other.has_value(), "nat2 taking over", "it does not");
  if (last_other) {
    report.seen.push_back("nat1 is killed; from " + milliseconds(*last_other - begin) +
                          " later on every new connection leaves by nat2");
  }
  for (const std::string_view client : asking) {
    const Tally tally = arrivals(lab, client);
    report.seen.push_back(to_string(tally.asked) + " new connections of " + std::string(client) +
                          ": " + to_string(tally));
    report.expect(
        tally.errors.empty() && tally.answers.size() == 1 && tally.answers.contains("nat2"),
        "all new connections through nat2", to_string(tally));
  }
  const auto checked = open.check("still there?", lab_patience);
  report.seen.push_back("open connections through nat2 that still work: " +
                        to_string(checked.alive) + " of " + to_string(open.streams.size()));
  report.expect(checked.alive == open.streams.size(), "every connection through nat2 working",
                to_string(tally_of(open)));
  lost.check("still there?", lab_patience);
  const std::size_t hang = static_cast<std::size_t>(std::ranges::count(lost.errors, "no answer"));
  const std::string told =
      to_string(lost.errors.size() - hang) + " of " + to_string(lost.streams.size());
  report.seen.push_back("open connections through nat1 that are told of their end: " + told);
  report.expect(lost.errors.size() - hang == lost.streams.size(), "each of them reset", told);
  expect_no_leak(report, watch);

  add_pod(lab.home, egress_pod("nat1"));
  start_nat(lab, egress_pod("nat1"));
  await_new(lab, report);
}

namespace {

// Every way out that a client could try.
struct Attempts {
  int made = 0;
  std::vector<std::string> got_through;
  bool refused = true;  // the last ones: at once, instead of waiting for an answer

  void again(Lab& lab) {
    refused = true;
    for (const std::string_view client : asking) {
      for (const std::string_view host : {outside4, outside6}) {
        Origin origin = from(lab, std::string(client));
        origin.timeout = Milliseconds(50);
        const Peer web{address(host), server_http};
        note(http_get(origin, web, "/"));
        note(ask_udp(origin, {address(host), server_echo}, "marco"));
      }
    }
  }

 private:
  void note(const Answer& answer) {
    ++made;
    if (answer.ok()) got_through.push_back(answer.text);
    refused = refused && !answer.ok() && answer.error != "no answer";
  }
};

}  // namespace

void kill_all_nat_pods(Lab& lab, StepReport& report) {
  PacketWatch watch(lab.home.at("outside"));
  for (const EgressPod& nat : nat_pods) kill(lab, nat);

  Attempts attempts;
  const Ways dead = {{"nat1", "dead"}, {"nat2", "dead"}};
  const auto begin = Clock::now();
  const bool noticed = lab.waiting.until(begin + lab_patience, [&] {
    attempts.again(lab);
    watch.counts();
    return std::ranges::all_of(
        asking, [&](std::string_view client) { return ways_of(lab, client) == dead; });
  });
  report.expect(noticed, "both NAT pods dead for both agents", "they are not");
  attempts.again(lab);
  report.seen.push_back("both NAT pods are killed: of " + to_string(attempts.made) +
                        " attempts of client1 and client3 in " +
                        milliseconds(Clock::now() - begin) + " " +
                        to_string(attempts.got_through.size()) + " got through");

  write_manifests(lab.home.manifests(), gateway_manifests(NatState::absent, NatState::absent));
  const auto removed = Clock::now();
  const bool refused = lab.waiting.until(removed + lab_patience, [&] {
    attempts.again(lab);
    watch.counts();
    return attempts.refused || !attempts.got_through.empty();
  });
  const Answer answer = http_get(from(lab, "client1"), {address(outside4), server_http}, "/");
  report.seen.push_back("the cluster knows, and client1 gets: " + answer.text + answer.error);
  report.expect(refused && !answer.ok(), "attempts that fail at once", answer.text + answer.error);
  report.expect(attempts.got_through.empty(), "no attempt that gets through",
                attempts.got_through.empty() ? "" : attempts.got_through.front());

  // That packets which leave are seen, and that the way is there.
  const Arrival control = arrival(lab, "client2", address(outside4));
  const core::Address own[] = {address(egress_pod("client2").ipv4)};
  report.expect(control.who == "client2" && watch.from(own) > 0,
                "client2, which uses no Egress, arriving as ever", control.text);
  report.seen.push_back("client2, which uses no Egress, arrives " + control.text + ": " +
                        to_string(watch.from(own)) + " packets");
  expect_no_leak(report, watch);

  for (const EgressPod& nat : nat_pods) {
    add_pod(lab.home, nat);
    start_nat(lab, nat);
  }
  write_manifests(lab.home.manifests(), gateway_manifests(NatState::ready, NatState::ready));
  await_new(lab, report);
}

}  // namespace cmd
