// One real packet, sent or awaited, and what it adds to the model.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cmd/diag/tracing.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/judge_live.hpp"
#include "net/netlink/netlink.hpp"
#include "net/probe/inject.hpp"
#include "net/probe/live_trace.hpp"
#include "os/random.hpp"

namespace cmd {

// One real packet, and the model that fits it best.
packet::Trace Tracing::live() {
  std::vector<net::probe::Place> places;
  for (const std::size_t place : places_to_watch()) {
    places.push_back({place, world_.name(place), &live_.where(place)});
  }
  if (options_.protocol == packet::udp) know_answers();
  net::probe::LiveTrace::Options options;
  options.cookie = cookie_;
  if (options_.watch) options.flows = flows();
  options.tunnels = tunnels();
  options.name = static_cast<std::uint32_t>(os::unguessable());
  std::optional<net::probe::LiveTrace> armed;
  try {
    armed.emplace(places, options);
  } catch (const core::Error& error) {
    packet::Trace trace = judged(answers_.front());
    trace.live_note = "no packet was sent: " + std::string(error.what());
    return trace;
  }
  const packet::Attachment home =
      question_.from_wire.value_or(packet::Attachment{question_.place, 0});
  const auto client = question_.from_wire ? std::optional(question_.probe.source) : std::nullopt;
  const bool silent = std::ranges::any_of(answers_, [](const packet::Answer& answer) {
    return answer.request.cause == packet::Cause::neighbour_silent ||
           (answer.reply && answer.reply->cause == packet::Cause::neighbour_silent);
  });
  net::probe::LiveTrace::Window window;
  if (options_.timeout > 0) window.usual = window.longest = timeout();
  const auto judge = [&](const std::vector<packet::Observation>& seen) {
    switch (packet::patience_of(seen, home, client, silent)) {
      case packet::Patience::enough:
        return net::probe::LiveTrace::Judgement::enough;
      case packet::Patience::wait_longer:
        return net::probe::LiveTrace::Judgement::wait_longer;
      case packet::Patience::wait:
        break;
    }
    return net::probe::LiveTrace::Judgement::wait;
  };
  std::string refusal;
  const auto start = std::chrono::steady_clock::now();
  const auto observations = options_.watch ? armed->watch(patience(), judge, window)
                                           : armed->run([&] { refusal = inject(); }, judge, window);
  if (options_.watch && observations.empty()) {
    packet::Trace trace = judged(answers_.front());
    trace.live_note = "no packet of this flow came";
    trace.result = packet::Trace::Result::inconclusive;
    return trace;
  }
  if (options_.watch) become(observations);
  const double took = milliseconds_since(start);
  for (const packet::Answer& answer : answers_) {
    if (packet::agreement(answer, observations) > packet::agreement(*shown_, observations)) {
      shown_ = &answer;
    }
  }
  packet::Trace trace = judged(*shown_);
  trace.live_ms = took;
  trace.cookie = cookie_;
  trace.live_note = refusal;
  for (const std::string& missing : armed->left_out()) {
    trace.assumptions.push_back({"live", missing});
  }
  if (!refusal.empty() && observations.empty()) return trace;
  const packet::Witness seen = packet::witness(trace, observations, home, client);
  packet::judge_live(trace, *shown_, promise_, seen, world_);
  if (trace.live_note.empty()) trace.live_note = summary(trace, seen);
  return trace;
}

// Those of the model's ways; the others that were found, too, where that is no multitude, as the
// packet may take another way than the model's.
std::vector<std::size_t> Tracing::places_to_watch() {
  constexpr std::size_t few = 16;
  std::set<std::size_t> chosen = {question_.place};
  for (const packet::Answer& answer : answers_) {
    for (const packet::Step& step : answer.request.steps) chosen.insert(step.place);
    if (!answer.reply) continue;
    for (const packet::Step& step : answer.reply->steps) chosen.insert(step.place);
  }
  if (live_.size() <= few) {
    for (std::size_t place = 0; place < live_.size(); ++place) chosen.insert(place);
  }
  // A packet that is awaited is looked for in the first one.
  std::vector<std::size_t> result = {question_.place};
  for (const std::size_t place : chosen) {
    if (place != question_.place) result.push_back(place);
  }
  return result;
}

// Who answers a datagram may say what it likes: it is told by where it goes.
void Tracing::know_answers() {
  const packet::Packet& sent = answers_.front().request.steps.front().packet;
  const auto last = sent.source.bytes().last(4);
  cookie_.port = sent.source_port;
  cookie_.address = 0;
  for (const std::uint8_t byte : last) cookie_.address = cookie_.address << 8 | byte;
}

std::chrono::milliseconds Tracing::timeout() const {
  return std::chrono::milliseconds(static_cast<std::int64_t>(options_.timeout * 1000));
}

std::chrono::milliseconds Tracing::patience() const {
  constexpr std::chrono::seconds usual{30};
  return options_.timeout > 0 ? timeout() : usual;
}

// The flow as it looks before and behind its translations, as the model has it.
std::vector<net::probe::WatchedFlow> Tracing::flows() {
  std::vector<net::probe::WatchedFlow> result;
  for (const packet::Step& step : answers_.front().request.steps) {
    if (step.encapsulation > 0 || step.packet.protocol != question_.probe.protocol) continue;
    net::probe::WatchedFlow flow;
    flow.protocol = step.packet.protocol;
    flow.destination = step.packet.destination;
    flow.port = step.packet.destination_port;
    if (result.empty() && (words_.source.address || words_.source.pod)) {
      flow.source = step.packet.source;
    }
    const bool known = std::ranges::any_of(result, [&](const net::probe::WatchedFlow& one) {
      return one.destination == flow.destination && one.port == flow.port;
    });
    if (!known && result.size() < net::probe::most_flows) result.push_back(flow);
  }
  return result;
}

// The packet that came takes the probe's place, and the model is asked anew about it.
void Tracing::become(const std::vector<packet::Observation>& observations) {
  for (const packet::Observation& observation : observations) {
    const auto* const seen = std::get_if<packet::Captured>(&observation);
    if (seen == nullptr || seen->relation != packet::Relation::request ||
        seen->place != question_.place) {
      continue;
    }
    question_.probe = seen->inside ? *seen->inside : seen->packet;
    cookie_.sequence = question_.probe.sequence;
    cookie_.id = question_.probe.id;
    cookie_.payload = {};
    for (std::size_t i = 0; i < cookie_.payload.size() && i < question_.probe.payload.size(); ++i) {
      cookie_.payload[i] = question_.probe.payload[i];
    }
    if (question_.probe.protocol == packet::sctp) {
      for (std::size_t i = 4; i < cookie_.payload.size(); ++i) {
        cookie_.sequence = cookie_.sequence << 8 | cookie_.payload[i];  // the initiate tag
      }
    }
    question_.real = true;
    answers_.clear();
    ask();
    return;
  }
}

std::string Tracing::summary(const packet::Trace& trace, const packet::Witness& seen) {
  std::size_t witnessed = 0;
  for (const packet::Step& step : trace.steps) {
    witnessed += static_cast<std::size_t>(step.captured || step.traced);
  }
  std::string text = "a real packet was seen at " + std::to_string(witnessed) + " of " +
                     std::to_string(trace.steps.size()) + " steps";
  if (seen.answer && !seen.after) {
    text += ", and its answer came back";
  } else if (seen.answer) {
    std::array<char, 32> after{};
    std::snprintf(after.data(), after.size(), "%.2f", *seen.after);
    text += ", its answer came after " + std::string(after.data()) + " ms";
  } else {
    text += "; no answer came back";
  }
  return text;
}

// A packet of a client that is not there.
void Tracing::simulate(const packet::Packet& probe) {
  const packet::Attachment& at = *question_.from_wire;
  const packet::Link* const link = world_.network(at.place).link(at.link);
  try {
    net::probe::receive_at(live_.where(at.place), link->device.name, probe);
  } catch (const core::Error& error) {
    // Whoever holds the other end of a virtual link sends what comes in by it.
    const auto far = world_.peer(at);
    const packet::Link* const end = far ? world_.network(far->place).link(far->link) : nullptr;
    if (end != nullptr && end->up) {
      net::probe::send_frame(live_.where(far->place), end->device.name, link->mac, probe);
      return;
    }
    throw core::Error(error.kind(),
                      std::string(error.what()) +
                          " (a kernel from 4.12 on and CAP_BPF can). Trace from the client itself, "
                          "or let one connect while the same command waits with --watch");
  }
}

// What the kernel answered, where it did not take it.
std::string Tracing::inject() {
  packet::Packet probe = question_.probe;
  if (!answers_.front().request.steps.empty()) {
    probe.source = answers_.front().request.steps.front().packet.source;
  }
  const net::Namespace& where = live_.where(question_.place);
  try {
    if (question_.from_wire) {
      simulate(probe);
      return "";
    }
    net::probe::Sender sender;
    if (options_.mark != 0) sender.mark = options_.mark;
    int refused = 0;
    net::probe::send_from(where, probe, sender, &refused);
    if (refused != 0) return "the kernel did not let it out: " + net::error_text(refused);
    return "";
  } catch (const core::Error& error) {
    return std::string("no packet was sent: ") + error.what();
  }
}

std::vector<net::probe::Tunnel> Tracing::tunnels() {
  using Kind = net::probe::Tunnel::Kind;
  std::vector<net::probe::Tunnel> result;
  const auto add = [&](Kind kind, std::uint16_t port) {
    const net::probe::Tunnel tunnel{kind, port};
    if (port != 0 && std::ranges::find(result, tunnel) == result.end()) result.push_back(tunnel);
  };
  for (std::size_t place = 0; place < live_.size(); ++place) {
    packet::Network& network = world_.network(place);
    for (const packet::Link& link : network.links()) {
      if (!link.tunnel) continue;
      if (link.tunnel->kind == packet::TunnelLink::Kind::vxlan) add(Kind::vxlan, link.tunnel->port);
      if (link.tunnel->kind == packet::TunnelLink::Kind::vxlan_gpe) {
        add(Kind::vxlan_gpe, link.tunnel->port);
      }
      if (link.tunnel->kind == packet::TunnelLink::Kind::fou) add(Kind::fou, link.tunnel->port);
    }
    for (const packet::Network::FouPort& port : network.fou_ports()) add(Kind::fou, port.port);
  }
  return result;
}

}  // namespace cmd
