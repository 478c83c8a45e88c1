// Connection tracking, as nft_ct.c has it.
#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

constexpr std::size_t helper_name_length = 16;  // NF_CT_HELPER_NAME_LEN
constexpr std::size_t label_bytes = 16;         // NF_CT_LABELS_MAX_SIZE

struct UnknownCtKey {
  std::uint32_t key;
  std::size_t size;
  std::string_view text;
};
constexpr UnknownCtKey unknown_ct_keys[] = {{ct_secmark, 4, "ct secmark"},
                                            {ct_helper, helper_name_length, "ct helper"},
                                            {ct_labels, label_bytes, "ct label"},
                                            {ct_pkts, 8, "ct packets"},
                                            {ct_bytes, 8, "ct bytes"},
                                            {ct_avgpkt, 8, "ct avgpkt"},
                                            {ct_expiration, 4, "ct expiration"},
                                            {ct_id, 4, "ct id"}};

Outcome forget_ct(Run& run, const Ct& ct) {
  for (const UnknownCtKey& one : unknown_ct_keys) {
    if (one.key != ct.key) continue;
    run.registers.forget(ct.to, one.size, one.text);
    return Outcome::next;
  }
  run.registers.forget(ct.to, 16, "a ct key");
  return Outcome::next;
}

void store_port(Registers& registers, Register to, std::uint16_t port) {
  const std::uint8_t bytes[] = {static_cast<std::uint8_t>(port >> 8),
                                static_cast<std::uint8_t>(port & 0xff)};
  registers.store(to, bytes);
}

Outcome load_address(Run& run, const Ct& ct, const FlowTuple& tuple) {
  const bool source = ct.key == ct_src || ct.key == ct_src_ip || ct.key == ct_src_ip6;
  const Address& address = source ? tuple.source : tuple.destination;
  const bool ipv4 = address.family() == Family::ipv4;
  if ((ct.key == ct_src_ip || ct.key == ct_dst_ip) && !ipv4) return Outcome::no_match;
  if ((ct.key == ct_src_ip6 || ct.key == ct_dst_ip6) && ipv4) return Outcome::no_match;
  run.registers.store(ct.to, address.bytes());
  return Outcome::next;
}

Outcome load_number(Run& run, const Ct& ct, const Connection& connection) {
  if (ct.key == ct_expiration && connection.timeout != 0) {
    run.registers.store32(ct.to, connection.timeout * 1000);  // milliseconds
    return Outcome::next;
  }
  if (ct.key == ct_helper && run.context.state != CtState::related) return Outcome::no_match;
  if (ct.key == ct_id && connection.id != 0) {
    // As it is on the wire: the kernel sends it without turning it around.
    run.registers.store(ct.to, Bytes{static_cast<std::uint8_t>(connection.id >> 24),
                                     static_cast<std::uint8_t>(connection.id >> 16 & 0xff),
                                     static_cast<std::uint8_t>(connection.id >> 8 & 0xff),
                                     static_cast<std::uint8_t>(connection.id & 0xff)});
    return Outcome::next;
  }
  return forget_ct(run, ct);
}

}  // namespace

std::uint32_t state_bits(const Context& context) {
  if (context.untracked) return state_untracked;
  if (!context.connection) {
    return context.state == CtState::untracked ? state_untracked : state_invalid;
  }
  switch (context.state) {
    case CtState::fresh:
      return state_new;
    case CtState::established:
      return state_established;
    case CtState::related:
      return state_related;
    case CtState::untracked:
      return state_untracked;
    case CtState::invalid:
      return state_invalid;
  }
  return state_invalid;
}

void set_connection_mark(Run& run, std::uint32_t mark) {
  if (!run.context.connection) return;
  run.context.connection->mark = mark;
  run.add_note("ct mark " + hex(mark));
}

void untrack(Run& run) {
  // What has been seen already stays tracked.
  if (run.context.connection || run.context.untracked) return;
  run.context.untracked = true;
  run.context.state = CtState::untracked;
  run.result.notrack = true;
  run.add_note("notrack");
}

Outcome carry_out(Run& run, const Ct& ct) {
  Registers& registers = run.registers;
  if (ct.key == ct_state) {
    registers.store32(ct.to, state_bits(run.context));
    return Outcome::next;
  }
  if (!run.context.connection || run.context.untracked) return Outcome::no_match;
  const Connection& connection = *run.context.connection;
  const FlowTuple& tuple = ct.direction.value_or(0) == 0 ? connection.original : connection.reply;
  switch (ct.key) {
    case ct_direction:
      registers.store8(ct.to, run.context.reply ? 1 : 0);
      return Outcome::next;
    case ct_status:
      registers.store32(ct.to, connection.status);
      return Outcome::next;
    case ct_mark:
      registers.store32(ct.to, connection.mark);
      return Outcome::next;
    case ct_zone:
      registers.store16(ct.to, connection.zone);
      return Outcome::next;
    case ct_l3protocol:
      registers.store8(
          ct.to, connection.original.source.family() == Family::ipv4 ? nfproto_ipv4 : nfproto_ipv6);
      return Outcome::next;
    case ct_protocol:
      registers.store8(ct.to, connection.original.protocol);
      return Outcome::next;
    case ct_src:
    case ct_dst:
    case ct_src_ip:
    case ct_dst_ip:
    case ct_src_ip6:
    case ct_dst_ip6:
      return load_address(run, ct, tuple);
    case ct_proto_src:
      store_port(registers, ct.to, tuple.source_port);
      return Outcome::next;
    case ct_proto_dst:
      store_port(registers, ct.to, tuple.destination_port);
      return Outcome::next;
    default:
      return load_number(run, ct, connection);
  }
}

Outcome carry_out(Run& run, const CtSet& set) {
  if (set.key == ct_labels && run.context.connection) {
    run.assume("ct label set is not modelled");
    return Outcome::next;
  }
  if (set.key == ct_zone) {
    // A connection that is known already keeps its zone.
    if (run.context.connection || run.context.untracked) return Outcome::next;
    const ByteView bytes = run.registers.bytes(set.from, 4);
    if (!run.registers.known(set.from, 2)) {
      run.assume("the zone that is set is not known: assumed to stay");
    } else {
      run.context.zone = host16(bytes);
      run.add_note("ct zone " + std::to_string(run.context.zone));
    }
    return Outcome::next;
  }
  if (set.key != ct_mark || !run.context.connection || run.context.untracked) return Outcome::next;
  if (const auto mark = run.registers.word(set.from)) {
    set_connection_mark(run, *mark);
  } else {
    run.assume(std::string(run.registers.unknown_text(set.from, 4)) +
               " is not known: the ct mark is assumed to stay");
  }
  return Outcome::next;
}

Outcome carry_out(Run& run, const Notrack& /*notrack*/) {
  untrack(run);
  return Outcome::next;
}

Outcome carry_out(Run& run, const FlowOffload& offload) {
  // Only what is established is put there; a first packet does not fit.
  if (!run.context.connection || run.context.state != CtState::established) {
    return Outcome::no_match;
  }
  run.assume("the flowtable " + offload.flowtable +
             " takes packets of established connections past the rules: not modelled");
  return Outcome::next;
}

}  // namespace core::packet
