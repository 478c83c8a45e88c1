#include "cmd/diag/trace.hpp"

#include <unistd.h>
#include <climits>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <optional>
#include <utility>

#include "cmd/diag/places.hpp"
#include "cmd/diag/print_trace.hpp"
#include "cmd/diag/promise.hpp"
#include "cmd/diag/question.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judge.hpp"
#include "core/packet/diagnosis/judge_live.hpp"
#include "core/packet/diagnosis/model.hpp"
#include "core/packet/diagnosis/stitch.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "net/netlink/netlink.hpp"
#include "net/probe/inject.hpp"
#include "net/probe/live_trace.hpp"
#include "net/view/live_world.hpp"
#include "os/random.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;
using Clock = std::chrono::steady_clock;

// More ways than these are not shown one by one.
constexpr std::size_t most_ways = 64;

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Tracing {
 public:
  explicit Tracing(const TraceOptions& options)
      : options_(options),
        words_(parse_trace_words(options.words, options.protocol == packet::tcp ||
                                                    options.protocol == packet::udp ||
                                                    options.protocol == packet::sctp)),
        places_(options.agent_sandboxes),
        world_([this](const net::view::NamespaceId& id) { return places_.label(id); }) {}

  int run() {
    begin();
    promise_of_objects();
    ask();
    std::vector<packet::Trace> traces;
    if (options_.live) {
      traces.push_back(live());
    } else {
      traces.push_back(judged(answers_.front()));
    }
    if (options_.all_endpoints) {
      for (const packet::Answer& answer : answers_) {
        if (&answer != shown_) traces.push_back(judged(answer));
      }
    }
    print(traces);
    int status = 0;
    for (const packet::Trace& trace : traces) {
      status = std::max(status, packet::exit_status(trace.result));
    }
    return status;
  }

 private:
  // Where it begins, and as what.
  void begin() {
    packet::Packet& probe = question_.probe;
    probe.family = words_.destination.family();
    probe.protocol = options_.protocol;
    probe.destination = words_.destination;
    probe.destination_port = words_.port;
    probe.ttl = static_cast<std::uint8_t>(options_.ttl);
    probe.source = core::Address(std::span(unspecified_.data(), words_.destination.size()));
    const std::uint64_t chance = os::unguessable();
    if (probe.has_ports())
      probe.source_port = options_.source_port != 0
                              ? options_.source_port
                              : static_cast<std::uint16_t>(32768 + (chance >> 16) % 28000);
    if (options_.protocol == packet::tcp) {
      probe.tcp_flags = packet::syn;
      probe.mss = probe.family == core::Family::ipv4 ? 1460 : 1440;
    } else if (options_.protocol == packet::icmp && probe.family == core::Family::ipv6) {
      probe.protocol = packet::icmpv6;
      probe.icmp_type = 128;
    } else if (options_.protocol == packet::icmp) {
      probe.icmp_type = 8;
    }
    if (probe.icmp_type != 0) probe.icmp_sequence = 1;
    const std::uint64_t more = os::unguessable();
    cookie_.protocol = options_.protocol;
    cookie_.sequence = static_cast<std::uint32_t>(more) | 1U;
    cookie_.id = static_cast<std::uint16_t>(more >> 32 | 1U);
    for (std::size_t i = 0; i < cookie_.payload.size(); ++i) {
      cookie_.payload[i] = static_cast<std::uint8_t>(chance >> (8 * i) | 1U);
    }
    if (options_.protocol == packet::udp) cookie_.port = probe.source_port;
    packet::put_cookie(probe, cookie_);
    question_.mark = options_.mark;
    question_.evaluated = options_.evaluated;

    if (words_.source.pod) {
      const Sandbox& pod = places_.pod(*words_.source.pod);
      question_.place = world_.add(net::Namespace::open(pod.netns));
      for (const core::Address& address : pod.addresses) {
        if (address.family() == probe.family) probe.source = address;
      }
      return;
    }
    question_.place = world_.add(Places::open(options_.netns));
    if (!words_.source.address) return;
    probe.source = *words_.source.address;
    packet::Network& network = world_.network(question_.place);
    if (network.link_with(probe.source) == nullptr) question_.from_wire = wire(network);
  }

  // By which link a client that is not here would come in.
  packet::Attachment wire(packet::Network& network) {
    if (!options_.in.empty()) {
      for (const packet::Link& link : network.links()) {
        if (link.device.name == options_.in) return {question_.place, link.device.index};
      }
      throw core::Error(core::Error::Kind::usage, "there is no interface " + options_.in);
    }
    // Where the mapped address is, clients come; else as this host would answer.
    const packet::Link* owner = network.link_with(question_.probe.destination);
    if (owner != nullptr && !owner->loopback) return {question_.place, owner->device.index};
    packet::RouteQuery back;
    back.destination = question_.probe.source;
    const packet::RouteAnswer answer = network.route(back);
    if (answer.error != 0 || answer.device == 0) {
      throw core::Error(core::Error::Kind::usage, "it is not clear by which interface " +
                                                      to_string(question_.probe.source) +
                                                      " would come in: name it with --in");
    }
    return {question_.place, answer.device};
  }

  void promise_of_objects() {
    const packet::Packet& probe = question_.probe;
    if (words_.source.pod) {
      auto promise =
          egress_promise(options_.agent_socket, *words_.source.pod, probe.destination, complaint_);
      if (promise) promise_ = std::move(*promise);
      return;
    }
    auto promise = edge_promise(options_.edge_socket, probe.destination, probe.protocol,
                                probe.destination_port, complaint_);
    if (promise && (question_.from_wire || !promise->object.empty()))
      promise_ = std::move(*promise);
  }

  // The model, with each way that load balancing may choose where that is of interest.
  void ask() {
    const auto start = Clock::now();
    std::vector<std::size_t> script;
    for (;;) {
      packet::Choices choices(script);
      answers_.push_back(packet::ask_model(world_, question_, choices));
      const auto next = choices.next(packet::Fork::Kind::balancing, most_ways);
      if ((!options_.all_endpoints && !options_.live) || !next || answers_.size() >= most_ways)
        break;
      script = *next;
    }
    model_ms_ = milliseconds_since(start);
    shown_ = &answers_.front();
  }

  packet::Trace judged(const packet::Answer& answer) {
    packet::Trace trace = laid_out(answer);
    trace.live_note = "no packet was sent" + std::string(options_.live ? "" : " (--no-live)");
    packet::judge(trace, question_, answer, promise_, world_);
    return trace;
  }

  packet::Trace laid_out(const packet::Answer& answer) {
    packet::Trace trace;
    trace.model_ms = model_ms_;
    trace.host = host_name();
    trace.probe = question_.probe;
    if (!answer.request.steps.empty()) {
      trace.probe.source = answer.request.steps.front().packet.source;
    }
    trace.kind = promise_.kind == packet::Promise::Kind::edge     ? "edge"
                 : promise_.kind == packet::Promise::Kind::egress ? "egress"
                                                                  : "path";
    trace.object = promise_.object;
    for (std::size_t place = 0; place < world_.size(); ++place) {
      trace.places.push_back(world_.name(place));
    }
    trace.steps = answer.request.steps;
    trace.request_end = answer.request.end;
    if (answer.reply) {
      trace.steps.insert(trace.steps.end(), answer.reply->steps.begin(), answer.reply->steps.end());
      trace.reply_end = answer.reply->end;
    }
    trace.assumptions = answer.assumptions;
    trace.forks = answer.forks;
    return trace;
  }

  // One real packet, and the model that fits it best.
  packet::Trace live() {
    std::vector<net::probe::Place> places;
    for (std::size_t place = 0; place < world_.size(); ++place) {
      places.push_back({world_.name(place), &world_.where(place)});
    }
    net::probe::LiveTrace::Options options;
    options.cookie = cookie_;
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
    if (options_.timeout.count() > 0) window.usual = window.longest = options_.timeout;
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
    const auto start = Clock::now();
    const auto observations = armed->run([&] { refusal = inject(); }, judge, window);
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

  static std::string summary(const packet::Trace& trace, const packet::Witness& seen) {
    std::size_t witnessed = 0;
    for (const packet::Step& step : trace.steps) {
      witnessed += static_cast<std::size_t>(step.captured || step.traced);
    }
    std::string text = "a real packet was seen at " + std::to_string(witnessed) + " of " +
                       std::to_string(trace.steps.size()) + " steps";
    if (seen.answer && seen.after) {
      std::array<char, 32> after{};
      std::snprintf(after.data(), after.size(), "%.2f", *seen.after);
      text += ", its answer came after " + std::string(after.data()) + " ms";
    } else {
      text += "; no answer came back";
    }
    return text;
  }

  // What the kernel answered, where it did not take it.
  std::string inject() {
    packet::Packet probe = question_.probe;
    if (!answers_.front().request.steps.empty()) {
      probe.source = answers_.front().request.steps.front().packet.source;
    }
    const net::Namespace& where = world_.where(question_.place);
    try {
      if (question_.from_wire) {
        const packet::Link* const link =
            world_.network(question_.place).link(question_.from_wire->link);
        net::probe::receive_at(where, link->device.name, probe);
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

  std::vector<net::probe::Tunnel> tunnels() {
    using Kind = net::probe::Tunnel::Kind;
    std::vector<net::probe::Tunnel> result;
    const auto add = [&](Kind kind, std::uint16_t port) {
      const net::probe::Tunnel tunnel{kind, port};
      if (port != 0 && std::ranges::find(result, tunnel) == result.end()) result.push_back(tunnel);
    };
    for (std::size_t place = 0; place < world_.size(); ++place) {
      packet::Network& network = world_.network(place);
      for (const packet::Link& link : network.links()) {
        if (!link.tunnel) continue;
        if (link.tunnel->kind == packet::TunnelLink::Kind::vxlan)
          add(Kind::vxlan, link.tunnel->port);
        if (link.tunnel->kind == packet::TunnelLink::Kind::vxlan_gpe) {
          add(Kind::vxlan_gpe, link.tunnel->port);
        }
        if (link.tunnel->kind == packet::TunnelLink::Kind::fou) add(Kind::fou, link.tunnel->port);
      }
      for (const packet::Network::FouPort& port : network.fou_ports()) add(Kind::fou, port.port);
    }
    return result;
  }

  void print(const std::vector<packet::Trace>& traces) {
    packet::TextOptions text;
    text.reply = options_.reply;
    text.evaluated = options_.evaluated;
    print_traces(traces, options_.format, text);
    if (!complaint_.empty() && options_.format == "text") {
      print_line(std::cerr, "pona diag: objects are not known: " + complaint_);
    }
  }

  const TraceOptions& options_;
  static constexpr std::array<std::uint8_t, 16> unspecified_{};
  TraceWords words_;
  Places places_;
  net::view::LiveWorld world_;
  packet::Question question_;
  packet::Promise promise_;
  std::string complaint_;
  packet::Cookie cookie_;
  std::vector<packet::Answer> answers_;
  const packet::Answer* shown_ = nullptr;  // the one that a real packet took, else the first
  double model_ms_ = 0;
};

}  // namespace

int trace(const TraceOptions& options) { return Tracing(options).run(); }

}  // namespace cmd
