// What the kernel knows of a packet, and numbers that it computes.
#include <algorithm>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret_run.hpp"
#include "core/packet/rules/jhash.hpp"

namespace core::packet {
namespace {

constexpr std::size_t ifnamsiz = 16;
constexpr std::uint8_t packet_host = 0, packet_broadcast = 1, packet_multicast = 2;

void store_name(Registers& registers, Register to, std::string_view name) {
  std::uint8_t bytes[ifnamsiz] = {};
  std::copy_n(name.begin(), std::min(name.size(), ifnamsiz - 1), bytes);
  registers.store(to, bytes);
}

Outcome load_device(Run& run, const Meta& meta, const std::optional<Device>& device) {
  Registers& registers = run.registers;
  switch (meta.key) {
    case meta_iif:
    case meta_oif:
      registers.store32(meta.to, device ? device->index : 0);
      return Outcome::next;
    case meta_iifname:
    case meta_oifname:
      store_name(registers, meta.to, device ? std::string_view(device->name) : "");
      return Outcome::next;
    default:
      break;
  }
  if (!device) return Outcome::no_match;
  switch (meta.key) {
    case meta_iiftype:
    case meta_oiftype:
      registers.store16(meta.to, device->type);
      return Outcome::next;
    case meta_iifgroup:
    case meta_oifgroup:
      registers.store32(meta.to, device->group);
      return Outcome::next;
    default:  // the kinds
      if (device->kind.empty()) return Outcome::no_match;
      store_name(registers, meta.to, device->kind);
      return Outcome::next;
  }
}

// Only what a socket of this host sends belongs to somebody.
Outcome load_owner(Run& run, const Meta& meta) {
  const auto& owner = meta.key == meta_skuid ? run.context.uid : run.context.gid;
  if (meta.key != meta_cgroup && owner) {
    run.registers.store32(meta.to, *owner);
    return Outcome::next;
  }
  if (run.context.in) return Outcome::no_match;
  run.registers.forget(meta.to, 4,
                       meta.key == meta_skuid   ? "meta skuid"
                       : meta.key == meta_skgid ? "meta skgid"
                                                : "meta cgroup");
  return Outcome::next;
}

std::uint8_t packet_type(const Run& run) {
  if (!run.context.in) return packet_host;
  const ByteView to = run.packet.destination.bytes();
  if (run.packet.family == Family::ipv6) return to[0] == 0xff ? packet_multicast : packet_host;
  if (to[0] >> 4 == 0xe) return packet_multicast;
  const bool all_ones = std::all_of(to.begin(), to.end(), [](auto byte) { return byte == 0xff; });
  return all_ones ? packet_broadcast : packet_host;
}

std::uint8_t protocol_family(const Run& run) {
  if (run.base.id.family == TableFamily::netdev) return nfproto_netdev;
  if (run.base.id.family == TableFamily::bridge) return nfproto_bridge;
  return run.packet.family == Family::ipv4 ? nfproto_ipv4 : nfproto_ipv6;
}

std::string_view unmodelled_text(std::uint32_t key) {
  switch (key) {
    case meta_secmark:
      return "meta secmark";
    case meta_cpu:
      return "meta cpu";
    case meta_secpath:
      return "meta ipsec";
    case meta_time_ns:
      return "meta time";
    case meta_time_day:
      return "meta day";
    case meta_time_hour:
      return "meta hour";
    case meta_bri_iifname:
      return "meta ibrname";
    case meta_bri_oifname:
      return "meta obrname";
    default:
      return "a meta key";
  }
}

std::size_t unmodelled_size(std::uint32_t key) {
  switch (key) {
    case meta_bri_iifname:
    case meta_bri_oifname:
      return ifnamsiz;
    case meta_time_ns:
      return 8;
    default:
      return 4;
  }
}

// None of the surroundings' bytes: there is no such thing. Nothing: not known.
Outcome store_answer(Run& run, Register to, const std::optional<Bytes>& answer, std::size_t size,
                     std::string_view what) {
  if (!answer) {
    run.registers.forget(to, size, what);
    return Outcome::next;
  }
  if (answer->empty()) return Outcome::no_match;
  run.registers.store(to, *answer);
  return Outcome::next;
}

Outcome balance(Run& run, Register to, const std::string& what, std::uint32_t modulus,
                std::uint32_t offset) {
  std::size_t option = 0;
  if (modulus > 1) {
    option = run.fork(Fork::Kind::balancing, what + " mod " + std::to_string(modulus), modulus);
    run.add_note(what + " " + std::to_string(option + 1) + " of " + std::to_string(modulus));
  }
  run.registers.store32(to, offset + static_cast<std::uint32_t>(option));
  return Outcome::next;
}

}  // namespace

void set_mark(Run& run, std::uint32_t mark) {
  run.context.mark = mark;
  run.add_note("mark " + hex(mark));
}

Outcome carry_out(Run& run, const Meta& meta) {
  Registers& registers = run.registers;
  const Context& context = run.context;
  switch (meta.key) {
    case meta_len:
      registers.store32(meta.to, static_cast<std::uint32_t>(run.bytes.size()));
      return Outcome::next;
    case meta_protocol: {
      const bool ipv4 = run.packet.family == Family::ipv4;
      registers.store(meta.to, Bytes{static_cast<std::uint8_t>(ipv4 ? 0x08 : 0x86),
                                     static_cast<std::uint8_t>(ipv4 ? 0x00 : 0xdd)});
      return Outcome::next;
    }
    case meta_priority:
      registers.store32(meta.to, context.priority);
      return Outcome::next;
    case meta_mark:
      registers.store32(meta.to, context.mark);
      return Outcome::next;
    case meta_iiftype:
      // Of whatever device it is at, which is no longer the one that it came in by where it goes
      // out.
      return load_device(run, meta, context.hook == Hook::postrouting ? context.out : context.in);
    case meta_iif:
    case meta_iifname:
    case meta_iifgroup:
    case meta_iifkind:
      return load_device(run, meta, context.in);
    case meta_oif:
    case meta_oifname:
    case meta_oiftype:
    case meta_oifgroup:
    case meta_oifkind:
      return load_device(run, meta, context.out);
    case meta_skuid:
    case meta_skgid:
    case meta_cgroup:
      return load_owner(run, meta);
    case meta_nftrace:
      registers.store8(meta.to, 0);
      return Outcome::next;
    case meta_rtclassid:
      return store_answer(run, meta.to, run.surroundings.route_key(run.packet, context, rt_classid),
                          4, "meta rtclassid");
    case meta_nfproto:
      registers.store8(meta.to, protocol_family(run));
      return Outcome::next;
    case meta_l4proto:
      registers.store8(meta.to, run.packet.protocol);
      return Outcome::next;
    case meta_pkttype:
      registers.store8(meta.to, packet_type(run));
      return Outcome::next;
    case meta_prandom:
      registers.forget(meta.to, 4, "meta random", Fork::Kind::balancing);
      return Outcome::next;
    case meta_sdif:
    case meta_sdifname:
      // Of a VRF's member; the walk knows of none.
      registers.forget(meta.to, meta.key == meta_sdif ? 4 : ifnamsiz,
                       meta.key == meta_sdif ? "meta sdif" : "meta sdifname");
      return Outcome::next;
    default:
      registers.forget(meta.to, unmodelled_size(meta.key), unmodelled_text(meta.key));
      return Outcome::next;
  }
}

Outcome carry_out(Run& run, const MetaSet& set) {
  if (set.key != meta_mark && set.key != meta_priority) return Outcome::next;
  const auto value = run.registers.word(set.from);
  if (!value) {
    run.assume(std::string(run.registers.unknown_text(set.from, 4)) + " is not known: the " +
               (set.key == meta_mark ? "mark" : "priority") + " is assumed to stay");
  } else if (set.key == meta_mark) {
    set_mark(run, *value);
  } else {
    run.context.priority = *value;
  }
  return Outcome::next;
}

Outcome carry_out(Run& run, const Numgen& numgen) {
  return balance(run, numgen.to, numgen.random ? "numgen random" : "numgen inc", numgen.modulus,
                 numgen.offset);
}

Outcome carry_out(Run& run, const Hash& hash) {
  if (hash.symmetric) return balance(run, hash.to, "symhash", hash.modulus, hash.offset);
  // The kernel draws a seed where a rule has none.
  if (!hash.seed || !run.registers.known(hash.from, hash.length)) {
    return balance(run, hash.to, "jhash", hash.modulus, hash.offset);
  }
  const std::uint32_t value = jhash(run.registers.bytes(hash.from, hash.length), *hash.seed);
  run.registers.store32(hash.to, scaled(value, hash.modulus) + hash.offset);
  return Outcome::next;
}

Outcome carry_out(Run& run, const Fib& fib) {
  const bool presence = (fib.flags & fib_present) != 0;
  Fib asked = fib;
  asked.flags &= ~static_cast<std::uint32_t>(fib_present);
  const std::optional<Bytes> answer = run.surroundings.fib(run.packet, run.context, asked);
  const char* const what = fib.result == fib_addrtype ? "fib type"
                           : fib.result == fib_oif    ? "fib oif"
                                                      : "fib oifname";
  if (answer && answer->empty()) return Outcome::no_match;
  if (answer && presence) {
    const bool found =
        std::any_of(answer->begin(), answer->end(), [](std::uint8_t byte) { return byte != 0; });
    run.registers.store8(fib.to, found ? 1 : 0);
    return Outcome::next;
  }
  const bool name = fib.result == fib_oifname && !presence;
  if (answer && name) {
    store_name(run.registers, fib.to,
               {reinterpret_cast<const char*>(answer->data()), answer->size()});
    return Outcome::next;
  }
  return store_answer(run, fib.to, answer, name ? ifnamsiz : 4, what);
}

Outcome carry_out(Run& run, const Rt& rt) {
  const bool ipv4 = run.packet.family == Family::ipv4;
  if ((rt.key == rt_nexthop4 && !ipv4) || (rt.key == rt_nexthop6 && ipv4)) return Outcome::no_match;
  return store_answer(run, rt.to, run.surroundings.route_key(run.packet, run.context, rt.key),
                      rt.key == rt_nexthop6 ? 16 : 4, rt.key == rt_tcpmss ? "rt mtu" : "rt");
}

Outcome carry_out(Run& run, const Socket& socket) {
  return store_answer(run, socket.to, run.surroundings.socket_key(run.packet, run.context, socket),
                      socket.key == socket_cgroupv2 ? 8 : 4, "socket");
}

}  // namespace core::packet
