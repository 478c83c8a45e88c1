// Translations, rejects and proxies: what ends a rule's chain in an effect.
#include <iterator>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

constexpr std::uint8_t icmp_unreachable = 3, icmpv6_unreachable = 1;

// NFT_REJECT_ICMPX_*: no route, port, host, administratively prohibited.
constexpr std::uint8_t icmpx_codes[] = {0, 3, 1, 13};
constexpr std::uint8_t icmpx_codes_ipv6[] = {0, 4, 3, 1};

std::optional<Address> address_in(Run& run, const std::optional<Register>& at) {
  if (!at) return std::nullopt;
  const std::size_t size = run.packet.source.size();
  if (run.registers.known(*at, size)) return Address(run.registers.bytes(*at, size));
  run.assume(std::string(run.registers.unknown_text(*at, size)) +
             " is not known: the address is assumed to stay");
  return std::nullopt;
}

std::optional<std::uint16_t> port_in(Run& run, const std::optional<Register>& at) {
  if (!at) return std::nullopt;
  const auto port = run.registers.port(*at);
  if (!port) {
    run.assume(std::string(run.registers.unknown_text(*at, 2)) +
               " is not known: the port is assumed to stay");
  }
  return port;
}

void take_ports(Run& run, NatRequest& request, const std::optional<Register>& min,
                const std::optional<Register>& max) {
  request.port_min = port_in(run, min);
  request.port_max = max ? port_in(run, max) : request.port_min;
}

std::string request_text(const NatRequest& request) {
  std::string text = request.masquerade    ? "masquerade"
                     : request.redirect    ? "redirect"
                     : request.destination ? "dnat"
                                           : "snat";
  if (!request.address_min && !request.port_min) return text;
  text += " to ";
  if (request.address_min) {
    const bool brackets = request.port_min && request.address_min->family() == Family::ipv6;
    text +=
        brackets ? "[" + to_string(*request.address_min) + "]" : to_string(*request.address_min);
    if (request.address_max && *request.address_max != *request.address_min) {
      text += "-" + to_string(*request.address_max);
    }
  }
  if (request.port_min) {
    text +=
        ":" + to_string(PortRange{*request.port_min, request.port_max.value_or(*request.port_min)});
  }
  return text;
}

}  // namespace

Address mapped_address(const Address& original, const Address& min, const Address& max) {
  Bytes bytes(original.bytes().begin(), original.bytes().end());
  if (min.size() != bytes.size() || max.size() != bytes.size()) return original;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int same = ~(min.bytes()[i] ^ max.bytes()[i]);
    bytes[i] = static_cast<std::uint8_t>((bytes[i] & ~same) | (min.bytes()[i] & same));
  }
  return Address(bytes);
}

Outcome request_nat(Run& run, NatRequest request) {
  if ((request.flags & nat_netmap) != 0 && request.address_min && request.address_max) {
    request.address_min = request.address_max =
        mapped_address(request.destination ? run.packet.destination : run.packet.source,
                       *request.address_min, *request.address_max);
  }
  run.add_note(request_text(request));
  run.result.nat = request;
  return run.end(Verdict::Code::accept);
}

Outcome reject_with(Run& run, const RejectAnswer& answer) {
  const Packet& packet = run.packet;
  const bool answered = packet.fragment_offset == 0 &&
                        (answer.tcp_reset ? packet.protocol == tcp && (packet.tcp_flags & rst) == 0
                                          : !is_icmp_error(packet));
  if (answered) run.result.reject = answer;
  return run.end(Verdict::Code::drop);
}

Outcome carry_out(Run& run, const Nat& nat) {
  // One of another family, in a table inet, is passed over.
  if (nat.family != run.packet.family) return Outcome::next;
  NatRequest request;
  request.destination = nat.destination;
  request.flags = nat.flags;
  request.address_min = address_in(run, nat.address_min);
  request.address_max = nat.address_max && nat.address_max != nat.address_min
                            ? address_in(run, nat.address_max)
                            : request.address_min;
  take_ports(run, request, nat.port_min, nat.port_max);
  return request_nat(run, request);
}

Outcome carry_out(Run& run, const Masquerade& masquerade) {
  NatRequest request;
  request.masquerade = true;
  request.flags = masquerade.flags;
  take_ports(run, request, masquerade.port_min, masquerade.port_max);
  return request_nat(run, request);
}

Outcome carry_out(Run& run, const Redirect& redirect) {
  NatRequest request;
  request.destination = true;
  request.redirect = true;
  request.flags = redirect.flags;
  take_ports(run, request, redirect.port_min, redirect.port_max);
  return request_nat(run, request);
}

Outcome carry_out(Run& run, const Tproxy& tproxy) {
  if (run.packet.protocol != tcp && run.packet.protocol != udp) return Outcome::no_match;
  const std::uint32_t family = run.packet.family == Family::ipv4 ? nfproto_ipv4 : nfproto_ipv6;
  if (tproxy.family == nfproto_ipv4 || tproxy.family == nfproto_ipv6) {
    if (tproxy.family != family) return Outcome::no_match;
  }
  std::optional<std::uint16_t> port = run.packet.destination_port;
  if (tproxy.port) port = run.registers.port(*tproxy.port);
  std::optional<Address> address;
  if (tproxy.address) address = address_in(run, tproxy.address);
  std::string what = "tproxy";
  if (port) what += " to :" + std::to_string(*port);
  const auto taken = [&] {
    run.context.proxied = port.value_or(0);
    run.result.proxied = true;
    return Outcome::next;
  };
  if (port && address.has_value() == tproxy.address.has_value()) {
    if (const auto found = run.surroundings.find_socket(run.packet, run.context, address, *port)) {
      if (found->exists && found->transparent) return taken();
      run.add_note(what + (found->exists ? ": the socket there is not transparent"
                                         : ": nobody listens there"));
      return Outcome::no_match;
    }
  }
  return run.assume_otherwise(what + ": assumed that nobody listens there") ? taken()
                                                                            : Outcome::no_match;
}

Outcome carry_out(Run& run, const Reject& reject) {
  const bool ipv4 = run.packet.family == Family::ipv4;
  RejectAnswer answer;
  answer.tcp_reset = reject.type == reject_tcp_reset;
  if (!answer.tcp_reset) {
    answer.icmp_type = ipv4 ? icmp_unreachable : icmpv6_unreachable;
    answer.icmp_code = reject.code;
    if (reject.type == reject_icmpx && reject.code < std::size(icmpx_codes)) {
      answer.icmp_code = ipv4 ? icmpx_codes[reject.code] : icmpx_codes_ipv6[reject.code];
    }
  }
  return reject_with(run, answer);
}

}  // namespace core::packet
