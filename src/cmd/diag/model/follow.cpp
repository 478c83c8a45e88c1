// Packets that nobody sends, followed by the rules and routes of this host, as evidence.
#include <algorithm>

#include "cmd/diag/model/host_look.hpp"

namespace cmd {
namespace {

using End = model::Walk::End;
using packet::Cause;
using packet::Step;

constexpr std::size_t most_scripts = 8;

// Whether the host keeps it from getting on, by what it is set up to; else it is chance, or the
// imagined packet's fault.
bool is_refusal(Cause cause) {
  switch (cause) {
    case Cause::rule_drop:
    case Cause::rule_reject:
    case Cause::policy_drop:
    case Cause::forwarding_off:
    case Cause::no_route:
    case Cause::blackhole:
    case Cause::unreachable:
    case Cause::prohibited:
    case Cause::unread_drop:
      return true;
    default:
      return false;
  }
}

}  // namespace

void HostLook::describe(const packet::Way& way, const packet::Packet& probe, model::Walk& walk) {
  walk.seen = probe.source;
  bool tunnel = false, sent_on = false;
  for (const Step& step : way.steps) {
    const bool translated = step.what == Step::What::snat || step.what == Step::What::dnat ||
                            step.what == Step::What::untranslate;
    const bool tells = translated || step.what == Step::What::receive ||
                       step.what == Step::What::route || step.what == Step::What::encapsulate ||
                       step.what == Step::What::leave || step.what == Step::What::deliver ||
                       step.what == Step::What::drop;
    if (!tells || step.reply) continue;
    sent_on = sent_on || step.what == Step::What::dnat;
    model::WalkStep one;
    one.where = step.place == at_ ? evidence_.host : world_.name(step.place);
    if (!step.where.empty()) one.where += " " + step.where;
    one.text = step.text;
    if (translated) {
      one.text = step.what == Step::What::dnat
                     ? "the destination becomes " + to_string(step.packet.destination)
                     : "the source becomes " + to_string(step.packet.source);
    }
    if (step.rule) one.rule = to_text(*step.rule);
    walk.steps.push_back(std::move(one));
    if (step.what == Step::What::encapsulate) tunnel = true;
    if (tunnel || step.encapsulation != 0 || step.packet.source == walk.seen) continue;
    if (!translated) continue;
    walk.seen = step.packet.source;
    if (walk.lost == 0) walk.lost = walk.steps.size();
  }
  const bool passed = way.end == packet::Way::End::left || way.end == packet::Way::End::delivered ||
                      way.end == packet::Way::End::answered || way.cause == Cause::port_closed ||
                      way.cause == Cause::neighbour_silent;
  if (passed) {
    walk.end = walk.seen != probe.source ? End::translated : tunnel ? End::tunnelled : End::kept;
  } else if (is_refusal(way.cause)) {
    walk.end = End::refused;
  }
  if (!passed && !way.steps.empty()) {
    walk.note = way.steps.back().text;
    if (way.steps.back().rule) walk.note += ": " + to_text(*way.steps.back().rule);
  }
  // What is sent to a port or address of a Service and is not sent on here is not seen.
  const bool service = walk.kind >= model::Walk::Kind::to_node_port;
  if (service && !sent_on && walk.end != End::refused) walk.end = End::unknown;
  if (way.unread) {
    walk.end = End::unknown;
    walk.note = "the rules cannot be read";
  }
}

model::Walk HostLook::walk(const packet::Packet& probe, const packet::Attachment& in,
                           const packet::WalkOptions& options, packet::Choices& choices,
                           model::Walk::Kind kind) {
  model::Walk walk;
  walk.kind = kind;
  walk.host = evidence_.host;
  walk.source = probe.source;
  walk.destination = probe.destination;
  packet::Walker walker(world_, choices, options);
  describe(walker.receive(in, probe), probe, walk);
  // Translations of legacy iptables are not read, so that nothing can be said against them.
  for (const packet::Assumption& one : walker.assumptions()) {
    if (walk.end != End::kept || one.text.find("table nat") == std::string::npos) continue;
    walk.end = End::unknown;
    walk.note = one.text.substr(0, one.text.find(": assumed")) + ", whose rules are not read";
  }
  return walk;
}

std::optional<model::Walk> HostLook::follow(model::Walk::Kind kind, std::uint32_t in,
                                            const core::Address& source,
                                            const core::Address& destination, const Aim& aim) {
  packet::Packet probe;
  probe.family = source.family();
  probe.protocol = aim.protocol;
  probe.source = source;
  probe.destination = destination;
  probe.source_port = 40000;
  probe.destination_port = aim.port;
  probe.ttl = 64;
  if (probe.protocol == packet::tcp) probe.tcp_flags = packet::syn;
  packet::RouteQuery query;
  query.destination = destination;
  const packet::RouteAnswer route = network().route(query);
  packet::WalkOptions options;
  // What goes out there is gone: who is imagined there need not answer.
  const bool leaves = kind != model::Walk::Kind::to_node_port && kind != model::Walk::Kind::to_vip;
  const std::uint32_t out = leaves && route.error == 0
                                ? route.device
                                : uplinks_[static_cast<std::size_t>(probe.family)].link;
  if (out != 0) options.edge_of_view = packet::Attachment{at_, out};

  packet::Choices choices;
  model::Walk result = walk(probe, {at_, in}, options, choices, kind);
  // What is not modelled may go another way.
  std::optional<std::vector<std::size_t>> script;
  const packet::Choices* last = &choices;
  packet::Choices other;
  for (std::size_t i = 0; i < most_scripts && result.end != End::unknown; ++i) {
    script = last->next(packet::Fork::Kind::assumption, 2);
    if (!script) break;
    other = packet::Choices(*script);
    last = &other;
    const model::Walk differs = walk(probe, {at_, in}, options, other, kind);
    if (differs.end == result.end) continue;
    result.end = End::unknown;
    for (const packet::Taken& taken : other.taken()) {
      if (taken.fork.kind == packet::Fork::Kind::assumption && taken.option != 0)
        result.note = taken.fork.what + (taken.fork.where.empty() ? "" : ", " + taken.fork.where);
    }
  }
  result.target = aim.target;
  // On a host that has nothing to do with it, it says nothing.
  if (kind >= model::Walk::Kind::to_node_port && result.end == End::unknown) return std::nullopt;
  return result;
}

}  // namespace cmd
