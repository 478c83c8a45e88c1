#include "cmd/diag/trace.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <iostream>
#include <utility>

#include "cmd/diag/ask_daemon.hpp"
#include "cmd/diag/print_trace.hpp"
#include "cmd/diag/promise.hpp"
#include "cmd/diag/trace_cluster.hpp"
#include "cmd/diag/tracing.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "core/privilege.hpp"
#include "os/random.hpp"

namespace cmd {
namespace {

// More ways than these are not shown one by one.
constexpr std::size_t most_ways = 64;

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

int Tracing::run() {
  choose_cookie();
  if (observes()) {
    const packet::Trace trace = observed();
    print({trace});
    return packet::exit_status(trace.result);
  }
  begin();
  promise_of_objects();
  ask();
  std::vector<packet::Trace> traces;
  if (options_.live && !bundle_) {
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

void Tracing::choose_cookie() {
  cookie_ = packet::make_cookie(options_.protocol, os::unguessable(), os::unguessable());
  question_.mark = options_.mark;
  question_.evaluated = options_.evaluated;
  if (options_.cookie.empty()) return;
  const auto given = parse_cookie(options_.cookie, options_.protocol);
  if (!given) {
    throw core::Error(core::Error::Kind::usage, "--cookie " + options_.cookie +
                                                    ": that is no cookie, which looks like " +
                                                    cookie_text(cookie_));
  }
  cookie_ = *given;
}

// Where it begins, and as what.
void Tracing::begin() {
  make_probe();
  if (bundle_) {
    begin_in_bundle();
  } else {
    begin_here();
  }
  if (words_.source.pod || !words_.source.address) return;
  question_.probe.source = *words_.source.address;
  packet::Network& network = world_.network(question_.place);
  if (network.link_with(question_.probe.source) == nullptr) question_.from_wire = wire(network);
}

void Tracing::make_probe() {
  packet::Packet& probe = question_.probe;
  probe.family = words_.destination.family();
  probe.protocol = options_.protocol;
  probe.destination = words_.destination;
  probe.destination_port = words_.port;
  probe.ttl = static_cast<std::uint8_t>(options_.ttl);
  probe.source = core::Address(std::span(unspecified_.data(), words_.destination.size()));
  if (probe.has_ports())
    probe.source_port = options_.source_port != 0
                            ? options_.source_port
                            : static_cast<std::uint16_t>(32768 + os::unguessable() % 28000);
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
  packet::put_cookie(probe, cookie_);
}

void Tracing::begin_here() {
  if (!options_.manifests.empty()) planned_.emplace(options_.manifests);
  if (words_.source.pod) {
    begin_in(*words_.source.pod);
  } else {
    question_.place = live_.add(Places::open(options_.netns));
  }
}

void Tracing::begin_in_bundle() {
  packet::Packet& probe = question_.probe;
  if (!words_.source.pod) {
    question_.place = bundle_->place(options_.netns);
    return;
  }
  question_.place = bundle_->pod(*words_.source.pod);
  for (const core::Address& address : bundle_->world->places[question_.place].pod_addresses) {
    if (address.family() == probe.family) probe.source = address;
  }
}

void Tracing::begin_in(const core::ObjectName& name) {
  packet::Packet& probe = question_.probe;
  const auto planned = planned_ ? planned_->addresses(name) : std::vector<core::Address>();
  const auto with_planned =
      places_.find(name) != nullptr ? std::nullopt : live_.place_with(planned);
  const auto& addresses = with_planned ? planned : places_.pod(name).addresses;
  question_.place =
      with_planned ? *with_planned : live_.add(net::Namespace::open(places_.pod(name).netns));
  for (const core::Address& address : addresses) {
    if (address.family() == probe.family) probe.source = address;
  }
}

// By which link a client that is not here would come in.
packet::Attachment Tracing::wire(packet::Network& network) {
  if (!options_.in.empty()) {
    for (const packet::Link& link : network.links()) {
      if (link.device.name == options_.in) return {question_.place, link.device.index};
    }
    throw core::Error(core::Error::Kind::usage, "there is no interface " + options_.in + " at " +
                                                    world_.name(question_.place));
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

void Tracing::promise_of_objects() {
  const packet::Packet& probe = question_.probe;
  const std::string about = about_text(probe.destination, probe.protocol, probe.destination_port);
  const StatusOfDaemons said =
      planned_  ? StatusOfDaemons()
      : bundle_ ? bundle_->daemons
      : words_.source.pod
          ? StatusOfDaemons{{}, ask_agent_status(options_.agent_socket, complaint_)}
          : StatusOfDaemons{ask_edge_status(options_.edge_socket, about, complaint_), {}};
  if (words_.source.pod) {
    auto promise = planned_ ? planned_->egress(*words_.source.pod, probe.destination)
                            : egress_promise(said.agent, *words_.source.pod, probe.destination);
    if (promise) promise_ = std::move(*promise);
    return;
  }
  auto promise =
      planned_
          ? std::optional(promise_in(planned_->edge_status(live_.where(question_.place)),
                                     probe.destination, probe.protocol, probe.destination_port))
          : edge_promise(said.edge, probe.destination, probe.protocol, probe.destination_port,
                         complaint_);
  if (promise && (question_.from_wire || !promise->object.empty())) promise_ = std::move(*promise);
}

// The model, with each way that load balancing may choose where that is of interest.
void Tracing::ask() {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::size_t> script;
  for (;;) {
    packet::Choices choices(script);
    answers_.push_back(packet::ask_model(world_, question_, choices));
    const auto next = choices.next(packet::Fork::Kind::balancing, most_ways);
    if ((!options_.all_endpoints && !options_.live) || !next || answers_.size() >= most_ways) break;
    script = *next;
  }
  model_ms_ = milliseconds_since(start);
  shown_ = &answers_.front();
}

packet::Trace Tracing::judged(const packet::Answer& answer) {
  packet::Trace trace = laid_out(answer);
  trace.live_note = why_not_live();
  packet::judge(trace, question_, answer, promise_, world_);
  return trace;
}

std::string Tracing::why_not_live() const {
  if (bundle_) {
    return "no packet was sent: this is told from a bundle of " + bundle_->host + ", made at " +
           bundle_->made;
  }
  return "no packet was sent" + std::string(options_.live ? "" : " (--no-live)");
}

packet::Trace Tracing::laid_out(const packet::Answer& answer) {
  packet::Trace trace;
  trace.model_ms = model_ms_;
  trace.host = bundle_ ? bundle_->host : host_name();
  trace.probe = question_.probe;
  if (!answer.request.steps.empty()) {
    trace.probe.source = answer.request.steps.front().packet.source;
  }
  trace.kind = promise_.kind == packet::Promise::Kind::edge     ? "edge"
               : promise_.kind == packet::Promise::Kind::egress ? "egress"
                                                                : "path";
  trace.object = promise_.object;
  const std::size_t places = bundle_ ? bundle_->world->places.size() : live_.size();
  for (std::size_t place = 0; place < places; ++place) {
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

void Tracing::print(const std::vector<packet::Trace>& traces) {
  packet::TextOptions text;
  text.reply = options_.reply;
  text.evaluated = options_.evaluated;
  if (bundle_ && options_.format == "text") {
    print_line(std::cout,
               "offline: " + bundle_->host + " as it was at " + bundle_->made +
                   (bundle_->redacted ? ", with other names and addresses (redacted)" : ""));
    print_line(std::cout, "");
  }
  print_traces(traces, options_.format, text);
  if (planned_ && !planned_->complaint().empty() && options_.format == "text") {
    print_line(std::cerr, "pona diag: left out of the manifests: " + planned_->complaint());
  }
  if (!complaint_.empty() && options_.format == "text") {
    print_line(std::cerr, std::string("pona diag: the ") + (words_.source.pod ? "agent" : "edge") +
                              " does not say what it promises: " + complaint_);
  }
}

int trace(const TraceOptions& options) {
  if (in_cluster(options)) return trace_cluster(options);
  // A bundle is asked without any privilege.
  if (options.bundle.empty() && !may_trace()) {
    if (const auto status = trace_by_daemon(options)) return *status;
  }
  try {
    return Tracing(options).run();
  } catch (const core::NoPrivilege& error) {
    print_line(std::cerr, "pona diag: nothing was traced: " + std::string(error.what()));
    return packet::exit_status(packet::Trace::Result::unprivileged);
  }
}

}  // namespace cmd
