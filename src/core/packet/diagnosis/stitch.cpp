#include "core/packet/diagnosis/stitch.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace core::packet {
namespace {

double milliseconds(ObservedAt from, ObservedAt to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

bool is_answer(Relation relation) {
  return relation == Relation::reply || relation == Relation::error;
}

// A tunnel's source port is a hash of the kernel's.
bool same_way(const Packet& modelled, const Packet& seen, bool tunnelled) {
  return modelled.protocol == seen.protocol && modelled.source == seen.source &&
         modelled.destination == seen.destination &&
         modelled.destination_port == seen.destination_port &&
         (tunnelled || modelled.source_port == seen.source_port);
}

bool at_step(const Step& step, const Captured& seen) {
  return seen.place == step.place && is_answer(seen.relation) == step.reply &&
         same_way(step.packet, seen.packet, step.encapsulation > 0);
}

// At a hook nft tells of the packet as it is there, before a translation of this hook.
bool traced_at(const Step& step, const TraceEvent& event) {
  if (event.place != step.place || event.type == TraceEvent::Type::ret) return false;
  if (!step.rule) return false;
  if (step.rule->handle == 0) {
    return event.type == TraceEvent::Type::policy && event.chain == step.rule->chain;
  }
  return event.type == TraceEvent::Type::rule && event.chain == step.rule->chain &&
         event.rule == step.rule->handle;
}

bool is_drop(const TraceEvent& event) { return event.verdict.code == Verdict::Code::drop; }

// Where a port was chosen at random the model has another one: the real one takes its place.
void adopt_ports(std::vector<Step>& steps, std::span<const Observation> observations) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step snat = steps[i];
    if (snat.what != Step::What::snat || snat.reply) continue;
    const Packet& wanted = snat.packet;
    for (const Observation& observation : observations) {
      const auto* const seen = std::get_if<Captured>(&observation);
      if (seen == nullptr || seen->relation != Relation::request) continue;
      const Packet& real = seen->packet;
      if (real.source != wanted.source || real.destination != wanted.destination ||
          real.protocol != wanted.protocol || real.destination_port != wanted.destination_port ||
          real.source_port == wanted.source_port) {
        continue;
      }
      const std::uint16_t old = wanted.source_port;
      for (std::size_t j = i; j < steps.size(); ++j) {
        Packet& packet = steps[j].packet;
        if (packet.source == snat.packet.source && packet.source_port == old) {
          packet.source_port = real.source_port;
        }
        if (packet.destination == snat.packet.source && packet.destination_port == old) {
          packet.destination_port = real.source_port;
        }
      }
      break;
    }
  }
}

// Behind all hooks, on its way to a client who is not there to ask for a MAC address: it goes no
// further than that.
std::optional<Packet> towards_nobody(const TraceEvent& event, const Attachment& home,
                                     const Address& client) {
  if (event.place != home.place || event.out.index != home.link || home.link == 0 ||
      event.chain.name != "see-postrouting") {
    return std::nullopt;
  }
  const auto packet = packet_in(event);
  return packet && packet->destination == client ? packet : std::nullopt;
}

}  // namespace

Patience patience_of(const std::vector<Observation>& observations, const Attachment& home,
                     const std::optional<Address>& client, bool neighbour_may_be_silent) {
  const bool simulated = client.has_value();
  bool dropped = false;
  for (const Observation& observation : observations) {
    if (const auto* const seen = std::get_if<Captured>(&observation)) {
      const auto direction = simulated ? Captured::Direction::out : Captured::Direction::in;
      if (is_answer(seen->relation) && seen->place == home.place && seen->direction == direction &&
          (!simulated || home.link == 0 || seen->interface.index == home.link)) {
        return Patience::enough;
      }
    } else if (const auto* const event = std::get_if<TraceEvent>(&observation)) {
      dropped = dropped || is_drop(*event);
      if (client && towards_nobody(*event, home, *client)) return Patience::enough;
    } else if (const auto* const drop = std::get_if<DropEvent>(&observation)) {
      dropped = dropped || drop->relation == Relation::request || is_answer(drop->relation);
    }
  }
  if (dropped) return Patience::enough;
  return neighbour_may_be_silent ? Patience::wait_longer : Patience::wait;
}

std::size_t agreement(const Answer& answer, const std::vector<Observation>& observations) {
  std::size_t count = 0;
  for (const Step& step : answer.request.steps) {
    count +=
        static_cast<std::size_t>(std::ranges::any_of(observations, [&](const Observation& one) {
          const auto* const seen = std::get_if<Captured>(&one);
          return seen != nullptr && at_step(step, *seen);
        }));
  }
  return count;
}

Witness witness(Trace& trace, const std::vector<Observation>& observations, const Attachment& home,
                const std::optional<Address>& client) {
  const bool simulated = client.has_value();
  Witness result;
  adopt_ports(trace.steps, observations);
  std::optional<ObservedAt> start;
  for (const Observation& observation : observations) {
    const auto* const seen = std::get_if<Captured>(&observation);
    if (seen == nullptr || seen->relation != Relation::request) continue;
    start = seen->time;
    break;
  }
  for (const Observation& observation : observations) {
    if (const auto* const lost = std::get_if<Lost>(&observation)) {
      result.incomplete = true;
      static_cast<void>(lost);
    } else if (const auto* const event = std::get_if<TraceEvent>(&observation)) {
      for (Step& step : trace.steps) step.traced = step.traced || traced_at(step, *event);
      if (is_drop(*event)) result.drops.push_back(*event);
      result.sent = result.sent || event->place == home.place;
      if (simulated && !result.answer) {
        result.answer = towards_nobody(*event, home, *client);
        if (result.answer) result.kind = Relation::reply;
        if (result.answer && start) result.after = milliseconds(*start, event->time);
      }
    } else if (const auto* const drop = std::get_if<DropEvent>(&observation)) {
      if (drop->relation != Relation::later) result.reasons.push_back(*drop);
    } else if (const auto* const seen = std::get_if<Captured>(&observation)) {
      if (seen->relation == Relation::later) continue;
      result.sent =
          result.sent || (seen->relation == Relation::request && seen->place == home.place);
      for (Step& step : trace.steps) {
        if (!at_step(step, *seen)) continue;
        step.captured = true;
        if (!step.at && start) step.at = milliseconds(*start, seen->time);
      }
      if (!is_answer(seen->relation)) continue;
      if (!result.answered_by && seen->direction == Captured::Direction::out) {
        result.answered_by = seen->place;
      }
      const auto direction = simulated ? Captured::Direction::out : Captured::Direction::in;
      const bool at_home = seen->place == home.place && seen->direction == direction &&
                           (!simulated || home.link == 0 || seen->interface.index == home.link);
      if (at_home && !result.answer) {
        result.answer = seen->inside ? *seen->inside : seen->packet;
        result.kind = seen->relation;
        if (start) result.after = milliseconds(*start, seen->time);
      }
    }
  }
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    const Step& step = trace.steps[i];
    if (!step.captured && !step.traced) continue;
    (step.reply ? result.last_reply : result.last_request) = i;
  }
  return result;
}

}  // namespace core::packet
