#include <csignal>
#include <functional>
#include <optional>

#include "cmd/lab/edge/changes.hpp"
#include "cmd/lab/edge/lab.hpp"
#include "cmd/lab/edge/manifests.hpp"
#include "cmd/lab/edge/network.hpp"
#include "cmd/lab/network.hpp"
#include "cmd/lab/tally.hpp"

namespace cmd {
namespace {

using std::to_string;

std::string name_in(const std::string& greeting) { return greeting.substr(0, greeting.find(' ')); }

OpenStreams open_on_both_families(Lab& lab, StepReport& report, std::size_t each) {
  OpenStreams open;
  for (const std::string_view host : {external4, external6}) {
    for (std::size_t i = 0; i < each && open.errors.size() < 3; ++i) {
      open.open(from_client(lab), {address(host), echo_port}, name_in);
    }
  }
  const std::size_t wanted = 2 * each;
  const Tally tally = tally_of(open);
  report.seen.push_back(to_string(open.streams.size()) + " connections open: " + to_string(tally));
  report.expect(open.streams.size() == wanted && tally.answers.size() == pods.size(),
                to_string(wanted) + " connections over all pods", to_string(tally));
  return open;
}

// Until a row of requests says what is wanted of it; how long that took.
std::optional<Clock::duration> until_pods(Lab& lab, const std::function<bool(const Tally&)>& as) {
  constexpr int row = 40;
  const auto begin = Clock::now();
  auto end = begin;
  const bool happened = lab.waiting.until(begin + lab_patience, [&] {
    end = Clock::now();
    const Tally tally = get_many(from_client(lab), {address(external4), web_port}, row);
    return tally.errors.empty() && as(tally);
  });
  return happened ? std::optional(end - begin) : std::nullopt;
}

}  // namespace

void drain(Lab& lab, StepReport& report) {
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

  const auto checked = open.check("still there?", lab_patience);
  report.seen.push_back("open connections that still work: " + to_string(checked.alive) + " of " +
                        to_string(open.streams.size()) + ", those on pod3 too");
  report.expect(checked.alive == open.streams.size(), "every open connection working",
                to_string(tally_of(open)));

  write_manifests(lab.home.manifests(), endpoint_manifests({"pod1", "pod2", "pod3"}));
  const auto back =
      until_pods(lab, [](const Tally& tally) { return tally.answers.contains("pod3"); });
  report.expect(back.has_value(), "pod3 in use again when it is back", "it is not");
}

namespace {

struct Effect {
  bool happened = false;
  Clock::duration after_start{};
  Clock::duration after_end{};  // zero where it happened before the command ended
  std::string output;
};

// Runs `pona mapping` and watches for what it is to bring about.
Effect run_mapping(Lab& lab, std::vector<std::string> arguments,
                   const std::function<bool()>& happened) {
  const std::string process = "mapping";
  arguments.insert(arguments.begin(), "mapping");
  arguments.insert(arguments.end(), {"--manifests", lab.home.manifests()});
  const auto begin = Clock::now();
  lab.home.start(process, "appliance", std::move(arguments));
  std::optional<Clock::time_point> ended;
  Effect effect;
  effect.happened = lab.waiting.until(begin + lab_patience, [&] {
    if (!ended && !lab.home.running(process)) ended = Clock::now();
    return happened();
  });
  const auto now = Clock::now();
  effect.after_start = now - begin;
  if (ended) effect.after_end = now - *ended;
  // It may still be about to say or to write something.
  lab.waiting.until(now + lab_patience, [&] { return !lab.home.running(process); });
  lab.home.end(process, SIGTERM);
  effect.output = lab.home.log_tail(process);
  return effect;
}

void expect_at_once(StepReport& report, const std::string& what, const Effect& effect) {
  const std::string times = milliseconds(effect.after_end) + " after the command ended (" +
                            milliseconds(effect.after_start) + " after it was started)";
  // How soon is told and not judged: the machine may be busy.
  report.expect(effect.happened, what + " after the command ended",
                "it is not; the command said:\n" + effect.output);
  if (effect.happened) report.seen.push_back(what + " " + times);
}

}  // namespace

void add_mapping(Lab& lab, StepReport& report) {
  const Peer to{address(external4), added_port};
  Origin prober = from_client(lab);
  prober.timeout = Milliseconds(100);
  const auto served = [&] { return Stream(prober, to).connected(); };
  report.expect(!served(), "nobody at " + to_string(to) + " before", "a connection");

  const Effect added = run_mapping(lab,
                                   {"add", "late", "--address", std::string(external4), "--port",
                                    to_string(added_port) + ":80/tcp", "--service", "shop/web"},
                                   served);
  expect_at_once(report, to_string(to) + " served", added);
  constexpr int requests = 30;
  expect_spread(report, to_string(requests) + " requests to it",
                get_many(from_client(lab), to, requests), requests);
  const Effect removed = run_mapping(lab, {"rm", "shop/late"}, [&] { return !served(); });
  expect_at_once(report, to_string(to) + " closed by pona mapping rm", removed);
}

void take_over(Lab& lab, StepReport& report) {
  OpenStreams open = open_on_both_families(lab, report, 20);
  const Pair pair = appliances(lab.home);

  lab.home.end(pair.active, SIGKILL);
  cut_off(lab.home, pair.active);
  report.seen.push_back(pair.active + ": pona edge killed, all cables pulled");
  take_addresses(lab.home, pair.other);
  const auto checked = open.check("still there?", lab_patience);
  report.seen.push_back(pair.other + " has the addresses; open connections that still work: " +
                        to_string(checked.alive) + " of " + to_string(open.streams.size()) +
                        ", the last after " + milliseconds(checked.slowest));
  report.expect(checked.alive == open.streams.size(), "every open connection working",
                to_string(tally_of(open)));

  constexpr int requests = 60;
  expect_spread(report, to_string(requests) + " new requests",
                get_many(from_client(lab), {address(external4), web_port}, requests), requests);
}

}  // namespace cmd
