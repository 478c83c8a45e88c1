// Bytes of the packet: read, and written.
#include <algorithm>

#include "core/packet/extension_headers.hpp"
#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

constexpr std::uint16_t arphrd_ether = 1;
constexpr std::uint16_t arphrd_loopback = 772;
constexpr std::uint8_t tcp_option_mss = 2;

// Where in Run::bytes the base is; nothing where the packet has none.
std::optional<std::size_t> base_offset(const Run& run, Payload::Base base) {
  switch (base) {
    case Payload::Base::network:
      return 0;
    case Payload::Base::transport:
      return run.has_transport() ? std::optional(run.transport) : std::nullopt;
    case Payload::Base::inner:
      if (!run.has_transport()) return std::nullopt;
      if (run.packet.protocol != udp && run.packet.protocol != tcp) return std::nullopt;
      return run.transport + transport_header_size(run.packet);
    case Payload::Base::link:
      return std::nullopt;
  }
  return std::nullopt;
}

Outcome load_link(Run& run, const Payload& payload) {
  const Context& context = run.context;
  if (!context.link_header) {
    // What this host sends has none yet, nor has what comes by a tunnel of IP.
    const bool has_one =
        context.in && (context.in->type == arphrd_ether || context.in->type == arphrd_loopback);
    if (!has_one) return Outcome::no_match;
    run.registers.forget(payload.to, payload.length, "the link header");
    return Outcome::next;
  }
  Bytes frame = *context.link_header;
  if (frame.empty()) return Outcome::no_match;
  frame.insert(frame.end(), run.bytes.begin(), run.bytes.end());
  if (payload.offset > frame.size() || payload.length > frame.size() - payload.offset) {
    return Outcome::no_match;
  }
  run.registers.store(payload.to, ByteView(frame).subspan(payload.offset, payload.length));
  return Outcome::next;
}

Outcome write_link(Run& run, const PayloadWrite& write, ByteView value) {
  auto& header = run.context.link_header;
  if (header && write.offset <= header->size() && value.size() <= header->size() - write.offset) {
    std::copy(value.begin(), value.end(),
              header->begin() + static_cast<std::ptrdiff_t>(write.offset));
  }
  return Outcome::next;
}

// An option of TCP or IPv4: the bytes of it, its kind and length first.
std::optional<ByteView> find_option(ByteView options, std::uint8_t kind) {
  for (std::size_t at = 0; at < options.size();) {
    if (options[at] == kind && kind < 2) return options.subspan(at, 1);
    if (options[at] == 0) return std::nullopt;
    if (options[at] == 1) {
      ++at;
      continue;
    }
    const std::size_t length = at + 1 < options.size() ? options[at + 1] : 0;
    if (length < 2 || at + length > options.size()) return std::nullopt;
    if (options[at] == kind) return options.subspan(at, length);
    at += length;
  }
  return std::nullopt;
}

// The header or option that is asked for.
std::optional<ByteView> find_header(const Run& run, const Exthdr& exthdr) {
  const Packet& packet = run.packet;
  const ByteView bytes = run.bytes;
  switch (exthdr.op) {
    case exthdr_tcp_option:
      return find_option(bytes.subspan(run.transport + 20, transport_header_size(packet) - 20),
                         exthdr.type);
    case exthdr_ipv4:
      return find_option(bytes.subspan(20, network_header_size(packet) - 20), exthdr.type);
    default: {
      const auto at = find_extension_header(packet.options, exthdr.type);
      return at ? std::optional(bytes.subspan(40 + *at)) : std::nullopt;
    }
  }
}

bool may_have(const Run& run, std::uint32_t op) {
  switch (op) {
    case exthdr_tcp_option:
      return run.packet.protocol == tcp && run.has_transport();
    case exthdr_ipv4:
      return run.packet.family == Family::ipv4;
    default:
      return run.packet.family == Family::ipv6;
  }
}

Outcome write_option(Run& run, const Exthdr& exthdr) {
  if (!may_have(run, exthdr.op)) return Outcome::no_match;
  const bool mss = exthdr.op == exthdr_tcp_option && exthdr.type == tcp_option_mss &&
                   exthdr.offset == 2 && exthdr.length == 2;
  if (!mss) {
    if (find_header(run, exthdr)) run.assume("an option is written: not modelled");
    return Outcome::next;
  }
  if (run.packet.mss == 0) return Outcome::next;
  if (const auto size = run.registers.port(*exthdr.from)) {
    clamp_mss(run, *size);
  } else {
    run.assume(std::string(run.registers.unknown_text(*exthdr.from, 2)) +
               " is not known: the MSS is assumed to stay");
  }
  return Outcome::next;
}

}  // namespace

Outcome carry_out(Run& run, const Payload& payload) {
  if (payload.base == Payload::Base::link) return load_link(run, payload);
  const auto base = base_offset(run, payload.base);
  if (!base) return Outcome::no_match;
  const std::size_t at = *base + payload.offset;
  if (at > run.bytes.size() || payload.length > run.bytes.size() - at) return Outcome::no_match;
  run.registers.store(payload.to, ByteView(run.bytes).subspan(at, payload.length));
  return Outcome::next;
}

Outcome carry_out(Run& run, const PayloadWrite& write) {
  if (!run.registers.known(write.from, write.length)) {
    run.assume(std::string(run.registers.unknown_text(write.from, write.length)) +
               " is not known: the packet is assumed to stay as it is");
    return Outcome::next;
  }
  const ByteView value = run.registers.bytes(write.from, write.length);
  if (write.base == Payload::Base::link) return write_link(run, write, value);
  const auto base = base_offset(run, write.base);
  if (!base) return Outcome::no_match;
  const std::size_t at = *base + write.offset;
  if (at > run.bytes.size() || value.size() > run.bytes.size() - at) return Outcome::no_match;
  Bytes bytes = run.bytes;
  std::copy(value.begin(), value.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  auto changed = parse_packet(bytes);
  if (!changed || changed->family != run.packet.family) {
    run.assume("what is written makes no packet: assumed to stay as it is");
    return Outcome::next;
  }
  run.packet = std::move(*changed);
  run.packet_changed();
  return Outcome::next;
}

Outcome carry_out(Run& run, const Exthdr& exthdr) {
  if (exthdr.op == exthdr_sctp || exthdr.op == exthdr_dccp) {
    run.registers.forget(exthdr.to, std::max(exthdr.length, 4U),
                         exthdr.op == exthdr_sctp ? "an SCTP chunk" : "a DCCP option");
    return Outcome::next;
  }
  if (exthdr.from) return write_option(run, exthdr);
  const auto header = may_have(run, exthdr.op) ? find_header(run, exthdr) : std::nullopt;
  if (exthdr.presence) {
    run.registers.store8(exthdr.to, header ? 1 : 0);
    return Outcome::next;
  }
  if (!header || exthdr.offset > header->size() || exthdr.length > header->size() - exthdr.offset) {
    return Outcome::no_match;
  }
  run.registers.store(exthdr.to, header->subspan(exthdr.offset, exthdr.length));
  return Outcome::next;
}

void clamp_mss(Run& run, std::uint16_t mss) {
  if (run.packet.mss <= mss) return;
  run.packet.mss = mss;
  run.packet_changed();
  run.add_note("MSS " + std::to_string(mss));
}

}  // namespace core::packet
