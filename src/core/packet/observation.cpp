#include "core/packet/observation.hpp"

#include <array>

namespace core::packet {
namespace {

std::string text_of_verdict(const Verdict& verdict) {
  static constexpr std::array<std::string_view, 8> words = {
      "continue", "accept", "drop", "return", "jump", "goto", "queue", "unknown verdict"};
  std::string text(words.at(static_cast<std::size_t>(verdict.code)));
  if (!verdict.chain.empty()) text += ' ' + verdict.chain;
  return text;
}

struct StatusName {
  std::uint32_t bit;
  std::string_view name;
};
// IPS_*, in the words of conntrack(8) where it has some.
constexpr StatusName status_names[] = {
    {1 << 1, "seen-reply"}, {1 << 2, "assured"}, {1 << 4, "snat"}, {1 << 5, "dnat"}};

std::string name_of(const Interface& interface) {
  return interface.name.empty() ? std::to_string(interface.index) : interface.name;
}

// The flags of TCP and the type of ICMP tell a request from its answer.
std::string text_of_packet(const Packet& packet) {
  std::string text = protocol_text(packet.protocol) + ' ' + to_text(packet);
  if (packet.protocol == tcp) {
    if ((packet.tcp_flags & syn) != 0) text += " SYN";
    if ((packet.tcp_flags & rst) != 0) text += " RST";
    if ((packet.tcp_flags & fin) != 0) text += " FIN";
    if ((packet.tcp_flags & ack) != 0) text += " ACK";
  }
  if (packet.protocol == sctp && is_reset(packet)) text += " ABORT";
  if (packet.protocol == icmp || packet.protocol == icmpv6) {
    text +=
        " type " + std::to_string(packet.icmp_type) + " code " + std::to_string(packet.icmp_code);
  }
  return text + " ttl " + std::to_string(packet.ttl);
}

std::string text_of_layers(const std::optional<Packet>& outer,
                           const std::optional<Packet>& inside) {
  std::string text;
  if (outer) text += " | " + text_of_packet(*outer);
  if (inside) text += " [" + text_of_packet(*inside) + ']';
  return text;
}

struct Text {
  std::string operator()(const TraceEvent& event) const {
    static constexpr std::array<std::string_view, 5> words = {"trace", "policy", "return", "rule",
                                                              "end"};
    std::string text(words.at(static_cast<std::size_t>(event.type)));
    text += ' ' + to_text(event.chain);
    if (event.type == TraceEvent::Type::rule) text += " handle " + std::to_string(event.rule);
    text += ' ' + text_of_verdict(event.verdict);
    if (event.in.index != 0) text += " in " + name_of(event.in);
    if (event.out.index != 0) text += " out " + name_of(event.out);
    if (event.mark != 0) text += " mark " + std::to_string(event.mark);
    if (event.connection) text += " ct " + std::to_string(*event.connection);
    return text + text_of_layers(packet_in(event), std::nullopt);
  }
  std::string operator()(const Captured& seen) const {
    std::string text = "packet ";
    text += to_string(seen.direction);
    text += ' ' + name_of(seen.interface) + ' ';
    text += to_string(seen.relation);
    return text + text_of_layers(seen.packet, seen.inside);
  }
  std::string operator()(const ConnectionEvent& event) const {
    std::string text = "connection ";
    text += to_string(event.kind);
    text += ' ' + std::to_string(event.connection.id);
    for (const StatusName& known : status_names) {
      if ((event.connection.status & known.bit) != 0) {
        text += ' ';
        text += known.name;
      }
    }
    return text + " | " + to_text(event.connection.original) + " | reply " +
           to_text(event.connection.reply);
  }
  std::string operator()(const DropEvent& drop) const {
    std::string text = "drop " + std::to_string(drop.reason);
    if (!drop.reason_name.empty()) text += ' ' + drop.reason_name;
    text += ' ';
    text += to_string(drop.relation);
    return text + text_of_layers(drop.packet, drop.inside);
  }
  std::string operator()(const Lost& lost) const {
    return "lost " + std::string(to_string(lost.stream));
  }
};

}  // namespace

std::optional<Packet> packet_in(const TraceEvent& event) {
  if (event.network_header.empty()) return std::nullopt;
  Bytes bytes = event.network_header;
  bytes.insert(bytes.end(), event.transport_header.begin(), event.transport_header.end());
  return parse_packet(bytes);
}

ObservedAt time_of(const Observation& observation) {
  return std::visit([](const auto& one) { return one.time; }, observation);
}

std::optional<std::size_t> place_of(const Observation& observation) {
  return std::visit([](const auto& one) { return std::optional<std::size_t>(one.place); },
                    observation);
}

std::string to_text(const Observation& observation) { return std::visit(Text{}, observation); }

std::string_view to_string(Captured::Direction direction) {
  switch (direction) {
    case Captured::Direction::in:
      return "in";
    case Captured::Direction::out:
      return "out";
    case Captured::Direction::other_host:
      break;
  }
  return "other-host";
}

std::string_view to_string(ConnectionEvent::Kind kind) {
  switch (kind) {
    case ConnectionEvent::Kind::made:
      return "new";
    case ConnectionEvent::Kind::changed:
      return "update";
    case ConnectionEvent::Kind::ended:
      return "destroy";
    case ConnectionEvent::Kind::found:
      break;
  }
  return "found";
}

std::string_view to_string(Lost::Stream stream) {
  switch (stream) {
    case Lost::Stream::trace:
      return "trace events";
    case Lost::Stream::packets:
      return "packets";
    case Lost::Stream::connections:
      return "connection events";
    case Lost::Stream::drops:
      return "drop events";
    case Lost::Stream::all:
      break;
  }
  return "what came behind";
}

}  // namespace core::packet
