// A packet that is sent elsewhere, known by its cookie: what this host sees of it.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cmd/diag/tracing.hpp"
#include "cmd/diag/waiting.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/judge_live.hpp"
#include "net/probe/live_trace.hpp"
#include "os/random.hpp"

namespace cmd {
namespace {

// A table of nftables and a socket each.
constexpr std::size_t most_watched = 64;

// Where it comes into view.
const packet::Captured* first_sight(const std::vector<packet::Observation>& observations) {
  const packet::Captured* first = nullptr;
  for (const packet::Observation& observation : observations) {
    const auto* const seen = std::get_if<packet::Captured>(&observation);
    if (seen == nullptr || seen->relation != packet::Relation::request) continue;
    if (first == nullptr || seen->time < first->time) first = seen;
  }
  return first;
}

packet::Attachment entrance(const packet::Captured& seen) {
  return {seen.place, seen.interface.index};
}

}  // namespace

// By which way it comes is not known before: all namespaces are watched.
packet::Trace Tracing::observed() {
  question_.place = live_.add(Places::open(options_.netns));
  const auto add = [this](const std::string& path) {
    try {
      if (live_.size() < most_watched) live_.add(net::Namespace::open(path));
    } catch (const core::Error&) {
      // It is gone.
    }
  };
  for (const std::string& path : places_.paths()) add(path);
  const auto candidates = live_.candidates();
  for (const auto& candidate : candidates) add(candidate.path);

  std::vector<net::probe::Place> places;
  for (std::size_t place = 0; place < live_.size(); ++place) {
    places.push_back({place, world_.name(place), &live_.where(place)});
  }
  net::probe::LiveTrace::Options options;
  options.cookie = cookie_;
  options.tunnels = tunnels();
  options.name = static_cast<std::uint32_t>(os::unguessable());
  if (options_.stop_on_input) options.stop_fd = STDIN_FILENO;
  net::probe::LiveTrace armed(places, options);
  print_line(std::cerr, "pona diag: " + std::string(waiting_words));
  std::cerr << std::flush;

  const auto judge = [](const std::vector<packet::Observation>& seen) {
    using Judgement = net::probe::LiveTrace::Judgement;
    const packet::Captured* const first = first_sight(seen);
    if (first == nullptr) return Judgement::wait;
    const auto patience = packet::patience_of(seen, entrance(*first), first->packet.source, true);
    return patience == packet::Patience::enough        ? Judgement::enough
           : patience == packet::Patience::wait_longer ? Judgement::wait_longer
                                                       : Judgement::wait;
  };
  const auto start = std::chrono::steady_clock::now();
  const auto observations = armed.watch(patience(), judge, {});
  const packet::Captured* const first = first_sight(observations);
  if (first == nullptr) {
    packet::Trace trace = laid_out({});
    trace.cookie = cookie_;
    trace.probe.protocol = cookie_.protocol;
    trace.live_note = "the packet did not come by here";
    return trace;
  }
  question_.place = first->place;
  question_.probe = first->packet;
  question_.real = true;
  std::optional<core::Address> client;
  packet::Attachment home{first->place, 0};
  if (first->direction != packet::Captured::Direction::out) {
    home = entrance(*first);
    question_.from_wire = home;
    client = first->packet.source;
  }
  promise_of_objects();
  ask();
  for (const packet::Answer& answer : answers_) {
    if (packet::agreement(answer, observations) > packet::agreement(*shown_, observations)) {
      shown_ = &answer;
    }
  }
  packet::Trace trace = judged(*shown_);
  trace.live_ms = milliseconds_since(start);
  trace.cookie = cookie_;
  trace.live_note.clear();
  for (const std::string& missing : armed.left_out()) {
    trace.assumptions.push_back({"live", missing});
  }
  const packet::Witness seen = packet::witness(trace, observations, home, client);
  packet::judge_live(trace, *shown_, promise_, seen, world_);
  if (trace.live_note.empty()) trace.live_note = summary(trace, seen);
  return trace;
}

}  // namespace cmd
