#include "core/packet/diagnosis/model.hpp"

#include <utility>

namespace core::packet {
namespace {

// ICMP and ICMPv6 numbers (RFC 792, RFC 4443).
constexpr std::uint8_t echo_reply4 = 0;
constexpr std::uint8_t unreachable4 = 3;
constexpr std::uint8_t port_unreachable4 = 3;
constexpr std::uint8_t echo_reply6 = 129;
constexpr std::uint8_t unreachable6 = 1;
constexpr std::uint8_t port_unreachable6 = 4;

}  // namespace

Packet answer_to(const Packet& packet, bool listens) {
  const bool ipv4 = packet.family == Family::ipv4;
  Packet answer;
  answer.family = packet.family;
  answer.protocol = packet.protocol;
  answer.source = packet.destination;
  answer.destination = packet.source;
  answer.source_port = packet.destination_port;
  answer.destination_port = packet.source_port;
  if (packet.protocol == tcp) {
    answer.acknowledgement = packet.sequence + 1;
    answer.tcp_flags = listens ? syn | ack : rst | ack;
    answer.window = listens ? answer.window : std::uint16_t{0};
    return answer;
  }
  if (packet.protocol == icmp || packet.protocol == icmpv6) {
    answer.icmp_type = ipv4 ? echo_reply4 : echo_reply6;
    answer.icmp_id = packet.icmp_id;
    answer.icmp_sequence = packet.icmp_sequence;
    answer.payload = packet.payload;
    return answer;
  }
  if (listens) {
    answer.payload = packet.payload;
    return answer;
  }
  answer.protocol = ipv4 ? icmp : icmpv6;
  answer.source_port = answer.destination_port = 0;
  answer.icmp_type = ipv4 ? unreachable4 : unreachable6;
  answer.icmp_code = ipv4 ? port_unreachable4 : port_unreachable6;
  answer.payload = to_bytes(packet);
  return answer;
}

Answer ask_model(World& world, const Question& question, Choices& choices) {
  Answer answer;
  WalkOptions options;
  options.evaluated = question.evaluated;
  options.edge_of_view = question.from_wire;
  Walker walker(world, choices, options);
  answer.request = question.from_wire
                       ? walker.receive(*question.from_wire, question.probe)
                       : walker.send(question.place, question.probe, question.mark, question.uid);
  const Way& request = answer.request;
  const bool listens = request.end == Way::End::delivered;
  if (listens || request.end == Way::End::answered) {
    answer.reply = walker.send(request.at.place, answer_to(request.packet, listens));
  } else if (request.end == Way::End::left) {
    // Whoever is out there is taken to answer by the link that it left by.
    answer.reply = walker.receive(request.at, answer_to(request.packet, true));
  }
  // The probe has no socket where it was sent, which real senders have.
  const bool home = answer.reply && !question.from_wire &&
                    answer.reply->at.place == question.place &&
                    answer.reply->cause == Cause::port_closed;
  if (home) {
    answer.reply->end = Way::End::delivered;
    answer.reply->cause = Cause::none;
    answer.reply->steps.back().what = Step::What::deliver;
    answer.reply->steps.back().text = "answer";
  }
  if (answer.reply) {
    for (Step& step : answer.reply->steps) step.reply = true;
  }
  answer.assumptions = walker.assumptions();
  for (const Taken& taken : choices.taken()) {
    if (taken.fork.kind == Fork::Kind::balancing) {
      answer.forks.push_back(taken);
    } else {
      Assumption assumption{taken.fork.where, taken.fork.what};
      answer.assumptions.push_back(std::move(assumption));
    }
  }
  return answer;
}

}  // namespace core::packet
