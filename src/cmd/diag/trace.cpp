#include "cmd/diag/trace.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <set>
#include <utility>

#include "cmd/diag/places.hpp"
#include "cmd/diag/promise.hpp"
#include "cmd/diag/question.hpp"
#include "cmd/diag/trace_json.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/judge.hpp"
#include "core/packet/diagnosis/model.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "net/view/live_world.hpp"
#include "os/random.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;
using Clock = std::chrono::steady_clock;

// More ways than these are not shown one by one.
constexpr std::size_t most_ways = 64;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::size_t terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
      size.ws_col > 40) {
    return size.ws_col;
  }
  return 100;
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
    std::vector<packet::Trace> traces;
    std::vector<std::size_t> script;
    for (;;) {
      packet::Choices choices(script);
      traces.push_back(one(choices));
      const auto next = choices.next(packet::Fork::Kind::balancing, most_ways);
      if (!options_.all_endpoints || !next || traces.size() >= most_ways) break;
      script = *next;
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
    probe.id = static_cast<std::uint16_t>(chance);
    if (probe.has_ports())
      probe.source_port = static_cast<std::uint16_t>(32768 + (chance >> 16) % 28000);
    if (options_.protocol == packet::tcp) {
      probe.tcp_flags = packet::syn;
      probe.sequence = static_cast<std::uint32_t>(chance >> 32);
      probe.mss = probe.family == core::Family::ipv4 ? 1460 : 1440;
    } else if (options_.protocol == packet::icmp && probe.family == core::Family::ipv6) {
      probe.protocol = packet::icmpv6;
      probe.icmp_type = 128;
    } else if (options_.protocol == packet::icmp) {
      probe.icmp_type = 8;
    }
    if (probe.icmp_type != 0) {
      probe.icmp_id = static_cast<std::uint16_t>(chance >> 16);
      probe.icmp_sequence = 1;
    }
    if (probe.protocol != packet::tcp) {
      for (int shift = 0; shift < 64; shift += 8) {
        probe.payload.push_back(static_cast<std::uint8_t>(chance >> shift));
      }
    }
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

  packet::Trace one(packet::Choices& choices) {
    const auto start = Clock::now();
    const packet::Answer answer = packet::ask_model(world_, question_, choices);
    packet::Trace trace;
    trace.model_ms = milliseconds_since(start);
    trace.probe = question_.probe;
    if (!answer.request.steps.empty())
      trace.probe.source = answer.request.steps.front().packet.source;
    trace.kind = promise_.kind == packet::Promise::Kind::edge     ? "edge"
                 : promise_.kind == packet::Promise::Kind::egress ? "egress"
                                                                  : "path";
    trace.object = promise_.object;
    for (std::size_t place = 0; place < world_.size(); ++place)
      trace.places.push_back(world_.name(place));
    trace.steps = answer.request.steps;
    trace.request_end = answer.request.end;
    if (answer.reply) {
      trace.steps.insert(trace.steps.end(), answer.reply->steps.begin(), answer.reply->steps.end());
      trace.reply_end = answer.reply->end;
    }
    trace.assumptions = answer.assumptions;
    trace.forks = answer.forks;
    trace.live_note = options_.live ? "" : "no packet was sent (--no-live)";
    packet::judge(trace, question_, answer, promise_, world_);
    return trace;
  }

  void print(const std::vector<packet::Trace>& traces) {
    if (options_.format == "json" || options_.format == "jsonl") {
      print_lines(std::cout,
                  options_.format == "json" ? traces_json(traces) : traces_jsonl(traces));
      return;
    }
    packet::TextOptions text;
    text.reply = options_.reply;
    text.evaluated = options_.evaluated;
    text.width = terminal_width();
    bool first = true;
    for (const packet::Trace& trace : traces) {
      if (!first) print_line(std::cout, "");
      first = false;
      if (options_.format == "mermaid") {
        print_lines(std::cout, packet::to_mermaid(trace));
      } else if (options_.format == "dot") {
        print_lines(std::cout, packet::to_dot(trace));
      } else {
        for (const std::string& line : packet::to_lines(trace, text)) print_line(std::cout, line);
      }
    }
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
};

}  // namespace

int trace(const TraceOptions& options) { return Tracing(options).run(); }

}  // namespace cmd
