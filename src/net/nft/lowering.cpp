#include "net/nft/lowering.hpp"

// First, so that linux/in.h leaves out what libc defines.
#include <arpa/inet.h>

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

extern "C" {
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
}

#include "core/error.hpp"
#include "net/nft/declarations.hpp"

namespace net {
namespace {

using core::Family;
using namespace core::nft;

// One of the 16 registers of 4 bytes, from 0. Keys are built from the first on; what a part of a
// key needs for itself goes behind the whole key.
using Register = std::uint32_t;
constexpr Register first_register = 0;
constexpr Register end_of_registers = NFT_REG32_15 - NFT_REG32_00 + 1;

// The kernel takes either name of a register and dumps that of the 16-byte one where one begins.
std::uint32_t number_of(Register index) {
  return index % 4 == 0 ? NFT_REG_1 + index / 4 : NFT_REG32_00 + index;
}

constexpr std::uint32_t tcp_flags_offset = 13;
constexpr std::uint8_t tcp_option_mss = 2;
constexpr std::uint32_t mss_offset = 2;
constexpr std::uint32_t mss_size = 2;

std::size_t size_of_field(Field field, Family family) {
  switch (field) {
    case Field::saddr:
    case Field::daddr:
    case Field::ct_original_daddr:
    case Field::fou_inner_saddr:
    case Field::gpe_inner_saddr:
      return size_of(Type::address, family);
    case Field::sport:
    case Field::dport:
    case Field::ct_original_dport:
      return 2;
    case Field::l4proto:
    case Field::ct_direction:
    case Field::tcp_flags:
    case Field::gpe_next_protocol:
      return 1;
    case Field::iifname:
    case Field::oifname:
      return size_of(Type::ifname, family);
    case Field::mark:
    case Field::ct_mark:
    case Field::ct_state:
    case Field::ct_status:
    case Field::fib_daddr_type:
    case Field::iifgroup:
    case Field::oifgroup:
      return 4;
  }
  return 0;
}

bool in_network_order(Field field) {
  switch (field) {
    case Field::saddr:
    case Field::daddr:
    case Field::ct_original_daddr:
    case Field::sport:
    case Field::dport:
    case Field::ct_original_dport:
    case Field::fou_inner_saddr:
    case Field::gpe_inner_saddr:
      return true;
    default:
      return false;
  }
}

constexpr std::uint32_t word = 4;
Register registers(std::size_t bytes) { return static_cast<Register>((bytes + word - 1) / word); }

[[noreturn]] void refuse(const std::string& reason) {
  throw core::Error(core::Error::Kind::permanent, "lower an nftables rule: " + reason);
}

// Appends the expressions of statements to a rule.
class Lowering {
 public:
  Lowering(nftnl_rule* rule, Family family) : rule_(rule), family_(family) {}

  void operator()(const Match& match) {
    const std::size_t size = size_of_field(match.field, family_);
    if (size > sizeof match.value) refuse("only fields of up to four bytes can be compared");
    load(match.field, first_register);
    const std::uint32_t whole = size == 4 ? 0xffffffff : (std::uint32_t{1} << (8 * size)) - 1;
    if ((match.mask & whole) != whole) {
      mask(first_register, size, value_bytes(match.field, match.mask),
           std::array<std::uint8_t, 4>{});
    }
    nftnl_expr* compare = add("cmp");
    set_register(compare, NFTNL_EXPR_CMP_SREG, first_register);
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, match.equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    const auto value = value_bytes(match.field, match.value);
    nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, value.data(), static_cast<std::uint32_t>(size));
  }

  void operator()(const InSet& in_set) {
    nftnl_expr_set_u32(look_up(key(in_set.key), in_set.set), NFTNL_EXPR_LOOKUP_FLAGS,
                       in_set.contained ? 0 : NFT_LOOKUP_F_INV);
  }

  void operator()(const VerdictMap& map) {
    nftnl_expr_set_u32(look_up(key(map.key), map.map), NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
  }

  void operator()(const SetMark& mark) {
    const bool packet = mark.of == SetMark::Of::packet;
    const std::uint32_t keep = mark.keep & ~mark.value;
    if (keep == 0) {
      nftnl_expr* immediate = add("immediate");
      set_register(immediate, NFTNL_EXPR_IMM_DREG, first_register);
      nftnl_expr_set(immediate, NFTNL_EXPR_IMM_DATA, &mark.value, sizeof mark.value);
    } else {
      load(packet ? Field::mark : Field::ct_mark, first_register);
      mask(first_register, sizeof keep, host_bytes(keep), host_bytes(mark.value));
    }
    if (packet) {
      nftnl_expr* set = add("meta");
      nftnl_expr_set_u32(set, NFTNL_EXPR_META_KEY, NFT_META_MARK);
      set_register(set, NFTNL_EXPR_META_SREG, first_register);
    } else {
      nftnl_expr* set = add("ct");
      nftnl_expr_set_u32(set, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
      set_register(set, NFTNL_EXPR_CT_SREG, first_register);
    }
  }

  void operator()(const Nat& nat) {
    const Register address = first_register;
    set_register(look_up(key(nat.key, address), nat.map), NFTNL_EXPR_LOOKUP_DREG, address);
    const Register port = address + registers(size_of(Type::address, family_));
    if (nat.port_map) {
      const auto& [port_key, port_map] = *nat.port_map;
      set_register(look_up(key(port_key, port), port_map), NFTNL_EXPR_LOOKUP_DREG, port);
    }
    nftnl_expr* expression = add("nat");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_TYPE,
                       nat.kind == Nat::Kind::destination ? NFT_NAT_DNAT : NFT_NAT_SNAT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_FAMILY, protocol_family(family_));
    set_register(expression, NFTNL_EXPR_NAT_REG_ADDR_MIN, address);
    // The upper ends and the flags are what the kernel makes of a single address and port anyway.
    set_register(expression, NFTNL_EXPR_NAT_REG_ADDR_MAX, address);
    std::uint32_t flags = NF_NAT_RANGE_MAP_IPS;
    if (nat.with_port || nat.port_map) {
      set_register(expression, NFTNL_EXPR_NAT_REG_PROTO_MIN, port);
      set_register(expression, NFTNL_EXPR_NAT_REG_PROTO_MAX, port);
      flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
    }
    nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_FLAGS, flags);
  }

  void operator()(const Masquerade& masquerade) {
    nftnl_expr* expression = add("masq");
    if (masquerade.fully_random) {
      nftnl_expr_set_u32(expression, NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    }
  }
  void operator()(const Redirect&) { add("redir"); }
  void operator()(const Untrack&) { add("notrack"); }

  void operator()(const Reject& reject) {
    nftnl_expr* expression = add("reject");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_REJECT_TYPE,
                       reject.tcp_reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMP_UNREACH);
    const int code = family_ == Family::ipv4 ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH;
    nftnl_expr_set_u8(expression, NFTNL_EXPR_REJECT_CODE,
                      static_cast<std::uint8_t>(reject.tcp_reset ? 0 : code));
  }

  static std::array<std::uint8_t, mss_size> mss_bytes(std::uint16_t mss) {
    return {static_cast<std::uint8_t>(mss >> 8), static_cast<std::uint8_t>(mss)};
  }

  void operator()(const ClampMss& clamp) {
    if (clamp.above != 0) {
      nftnl_expr* option = mss_option();
      set_register(option, NFTNL_EXPR_EXTHDR_DREG, first_register);
      const std::array<std::uint8_t, mss_size> size = mss_bytes(clamp.above);
      nftnl_expr* compare = add("cmp");
      set_register(compare, NFTNL_EXPR_CMP_SREG, first_register);
      nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_GT);
      nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, size.data(), size.size());
    }
    if (clamp.to != 0) {
      const std::array<std::uint8_t, mss_size> size = mss_bytes(clamp.to);
      nftnl_expr* immediate = add("immediate");
      set_register(immediate, NFTNL_EXPR_IMM_DREG, first_register);
      nftnl_expr_set(immediate, NFTNL_EXPR_IMM_DATA, size.data(), size.size());
    } else {
      nftnl_expr* route = add("rt");
      nftnl_expr_set_u32(route, NFTNL_EXPR_RT_KEY, NFT_RT_TCPMSS);
      set_register(route, NFTNL_EXPR_RT_DREG, first_register);
      change_order(first_register, first_register, mss_size, mss_size, NFT_BYTEORDER_HTON);
    }
    set_register(mss_option(), NFTNL_EXPR_EXTHDR_SREG, first_register);
  }

  void operator()(const OverLimit& over) {
    const Register from = key(over.key);
    const bool rate = over.of == OverLimit::Of::rate_per_second;
    nftnl_expr* limit = allocate(rate ? "limit" : "connlimit");
    if (rate) {
      nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, over.limit);
      nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1);
      nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, over.limit);
      nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
      nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
    } else {
      nftnl_expr_set_u32(limit, NFTNL_EXPR_CONNLIMIT_COUNT, over.limit);
      nftnl_expr_set_u32(limit, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
    }
    nftnl_expr* dynset = add("dynset");
    set_register(dynset, NFTNL_EXPR_DYNSET_SREG_KEY, from);
    // "update" renews the element's timeout; conncount's elements have none, see the kernel's
    // nft_set_elem_expr_alloc.
    nftnl_expr_set_u32(dynset, NFTNL_EXPR_DYNSET_OP,
                       rate ? NFT_DYNSET_OP_UPDATE : NFT_DYNSET_OP_ADD);
    nftnl_expr_set_str(dynset, NFTNL_EXPR_DYNSET_SET_NAME, over.set.c_str());
    nftnl_expr_set(dynset, NFTNL_EXPR_DYNSET_EXPR, limit, 0);
  }

  void operator()(const Verdict& verdict) {
    nftnl_expr* immediate = add("immediate");
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_VERDICT,
                       static_cast<std::uint32_t>(code(verdict)));
    if (!verdict.chain.empty()) {
      nftnl_expr_set_str(immediate, NFTNL_EXPR_IMM_CHAIN, verdict.chain.c_str());
    }
  }

 private:
  using Word = std::array<std::uint8_t, 4>;

  static int code(const Verdict& verdict) {
    switch (verdict.code) {
      case Verdict::Code::accept:
        return NF_ACCEPT;
      case Verdict::Code::drop:
        return NF_DROP;
      case Verdict::Code::go_to:
        return NFT_GOTO;
      case Verdict::Code::jump:
        return NFT_JUMP;
      case Verdict::Code::ret:
        return NFT_RETURN;
    }
    return NF_DROP;
  }

  static Word host_bytes(std::uint32_t value) {
    Word bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }

  // The first bytes of the word are the value in the field's size and byte order.
  [[nodiscard]] Word value_bytes(Field field, std::uint32_t value) const {
    Word bytes{};
    const std::size_t size = size_of_field(field, family_);
    const auto narrow = static_cast<std::uint16_t>(value);
    if (size == 1) {
      bytes[0] = static_cast<std::uint8_t>(value);
    } else if (size == 2) {
      const std::uint16_t ordered = in_network_order(field) ? htons(narrow) : narrow;
      std::memcpy(bytes.data(), &ordered, sizeof ordered);
    } else {
      bytes = host_bytes(in_network_order(field) ? htonl(value) : value);
    }
    return bytes;
  }

  static void set_register(nftnl_expr* expression, std::uint16_t attribute, Register index) {
    nftnl_expr_set_u32(expression, attribute, number_of(index));
  }

  static nftnl_expr* allocate(const char* name) {
    nftnl_expr* expression = nftnl_expr_alloc(name);
    if (expression == nullptr) refuse(std::string("libnftnl has no expression ") + name);
    return expression;
  }

  nftnl_expr* mss_option() {
    nftnl_expr* option = add("exthdr");
    nftnl_expr_set_u8(option, NFTNL_EXPR_EXTHDR_TYPE, tcp_option_mss);
    nftnl_expr_set_u32(option, NFTNL_EXPR_EXTHDR_OFFSET, mss_offset);
    nftnl_expr_set_u32(option, NFTNL_EXPR_EXTHDR_LEN, mss_size);
    nftnl_expr_set_u32(option, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    return option;
  }

  nftnl_expr* add(const char* name) {
    nftnl_expr* expression = allocate(name);
    nftnl_rule_add_expr(rule_, expression);
    return expression;
  }

  void mask(Register at, std::size_t size, const Word& keep, const Word& flip) {
    nftnl_expr* bitwise = add("bitwise");
    const auto length = static_cast<std::uint32_t>(size);
    set_register(bitwise, NFTNL_EXPR_BITWISE_SREG, at);
    set_register(bitwise, NFTNL_EXPR_BITWISE_DREG, at);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_LEN, length);
    nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_MASK, keep.data(), length);
    nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_XOR, flip.data(), length);
  }

  void change_order(Register from, Register to, std::uint32_t length, std::uint32_t size,
                    std::uint32_t operation) {
    nftnl_expr* order = add("byteorder");
    set_register(order, NFTNL_EXPR_BYTEORDER_SREG, from);
    set_register(order, NFTNL_EXPR_BYTEORDER_DREG, to);
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_OP, operation);
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_LEN, length);
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_SIZE, size);
  }

  void meta(std::uint32_t meta_key, Register to) {
    nftnl_expr* expression = add("meta");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, meta_key);
    set_register(expression, NFTNL_EXPR_META_DREG, to);
  }

  void payload(std::uint32_t base, std::uint32_t offset, std::size_t size, Register to) {
    nftnl_expr* expression = add("payload");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, static_cast<std::uint32_t>(size));
    set_register(expression, NFTNL_EXPR_PAYLOAD_DREG, to);
  }

  nftnl_expr* connection(std::uint32_t ct_key, Register to) {
    nftnl_expr* expression = add("ct");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_KEY, ct_key);
    set_register(expression, NFTNL_EXPR_CT_DREG, to);
    return expression;
  }

  void original(std::uint32_t ct_key, Register to) {
    nftnl_expr_set_u8(connection(ct_key, to), NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
  }

  void load(Field field, Register to) {
    const std::size_t size = size_of_field(field, family_);
    if (to + registers(size) > end_of_registers) refuse("the key is longer than the registers");
    const bool ipv4 = family_ == Family::ipv4;
    switch (field) {
      case Field::saddr:
        return payload(NFT_PAYLOAD_NETWORK_HEADER, ipv4 ? 12 : 8, size, to);
      case Field::daddr:
        return payload(NFT_PAYLOAD_NETWORK_HEADER, ipv4 ? 16 : 24, size, to);
      case Field::sport:
        return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, size, to);
      case Field::dport:
        return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, size, to);
      case Field::tcp_flags:
        return payload(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags_offset, size, to);
      // A UDP header has 8 bytes, as has VXLAN's.
      case Field::fou_inner_saddr:
        return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 8 + (ipv4 ? 12 : 8), size, to);
      case Field::gpe_inner_saddr:
        return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 16 + (ipv4 ? 12 : 8), size, to);
      case Field::gpe_next_protocol:
        return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 8 + 3, size, to);
      case Field::iifgroup:
        return meta(NFT_META_IIFGROUP, to);
      case Field::oifgroup:
        return meta(NFT_META_OIFGROUP, to);
      case Field::l4proto:
        return meta(NFT_META_L4PROTO, to);
      case Field::iifname:
        return meta(NFT_META_IIFNAME, to);
      case Field::oifname:
        return meta(NFT_META_OIFNAME, to);
      case Field::mark:
        return meta(NFT_META_MARK, to);
      case Field::ct_mark:
        connection(NFT_CT_MARK, to);
        return;
      case Field::ct_state:
        connection(NFT_CT_STATE, to);
        return;
      case Field::ct_status:
        connection(NFT_CT_STATUS, to);
        return;
      case Field::ct_direction:
        connection(NFT_CT_DIRECTION, to);
        return;
      case Field::ct_original_daddr:
        return original(ipv4 ? NFT_CT_DST_IP : NFT_CT_DST_IP6, to);
      case Field::ct_original_dport:
        return original(NFT_CT_PROTO_DST, to);
      case Field::fib_daddr_type: {
        nftnl_expr* fib = add("fib");
        nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
        nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
        set_register(fib, NFTNL_EXPR_FIB_DREG, to);
        return;
      }
    }
  }

  // Loads fields one behind the other and returns the register behind the last.
  Register load(const std::vector<Field>& fields, Register to) {
    for (const Field field : fields) {
      load(field, to);
      to += registers(size_of_field(field, family_));
    }
    return to;
  }

  [[nodiscard]] Register registers_of(const Part& part) const {
    if (const auto* field = std::get_if<Field>(&part)) {
      return registers(size_of_field(*field, family_));
    }
    return 1;  // masked fields, hashes and mapped ports and numbers
  }

  // Loads the parts one behind the other; returns the first one's register.
  Register key(const Key& parts, Register at = first_register) {
    if (parts.empty()) refuse("a look-up has no key");
    // See load_mapped for what it needs of the register before its own.
    if (std::holds_alternative<Mapped>(parts.front())) ++at;
    Register scratch = at;
    for (const Part& part : parts) scratch += registers_of(part);
    Register to = at;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (const auto* field = std::get_if<Field>(&parts[i])) {
        load(*field, to);
      } else if (const auto* masked = std::get_if<Masked>(&parts[i])) {
        load(masked->field, to);
        mask(to, size_of_field(masked->field, family_), value_bytes(masked->field, masked->mask),
             {});
      } else if (const auto* hash = std::get_if<Hash>(&parts[i])) {
        load_hash(*hash, to, scratch);
      } else if (const auto* mapped = std::get_if<Mapped>(&parts[i])) {
        load_mapped(*mapped, std::span(parts).first(i), at, to, scratch);
      }
      to += registers_of(parts[i]);
    }
    return at;
  }

  void load_hash(const Hash& hash, Register to, Register scratch) {
    const Register end = load(hash.fields, scratch);
    nftnl_expr* expression = add("hash");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
    set_register(expression, NFTNL_EXPR_HASH_SREG, scratch);
    set_register(expression, NFTNL_EXPR_HASH_DREG, to);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_HASH_LEN, word * (end - scratch));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_HASH_MODULUS, hash.modulus);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_HASH_SEED, hash.seed);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_HASH_OFFSET, 0);
  }

  // The straight way, a look-up into the part's register, makes nft(8) abort when it lists any
  // rules of the host: it has no length for a map inside a key (seen with 1.0.6; the assertion is
  // still in 1.1). But it follows only the first register of what is copied. So the value is looked
  // up elsewhere and copied over together with the part before it, and nft shows the last field
  // that was mapped ("th dport") in its place. A copy is a change of byte order and another one
  // back, of both registers as one number: newer kernels (seen with 7.2) take no more than one.
  void load_mapped(const Mapped& mapped, std::span<const Part> before, Register at, Register to,
                   Register scratch) {
    const auto* previous = before.empty() ? nullptr : std::get_if<Field>(&before.back());
    if (!before.empty() && (previous == nullptr || registers_of(*previous) != 1)) {
      refuse("a mapped part follows one that is no field of one register");
    }
    load(previous == nullptr ? Field::l4proto : *previous, scratch);
    load(mapped.fields.back(), to);
    // Mostly the fields are those that the key begins with.
    const bool loaded =
        std::equal(before.begin(), before.end(), mapped.fields.begin(), mapped.fields.end() - 1,
                   [](const Part& part, Field field) { return part == Part(field); });
    if (!loaded) load(mapped.fields, scratch + 2);
    set_register(look_up(loaded ? at : scratch + 2, mapped.map), NFTNL_EXPR_LOOKUP_DREG,
                 scratch + 1);
    change_order(scratch, to - 1, 2 * word, 2 * word, NFT_BYTEORDER_HTON);
    change_order(to - 1, to - 1, 2 * word, 2 * word, NFT_BYTEORDER_NTOH);
  }

  nftnl_expr* look_up(Register from, const std::string& set) {
    nftnl_expr* lookup = add("lookup");
    set_register(lookup, NFTNL_EXPR_LOOKUP_SREG, from);
    nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, set.c_str());
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_FLAGS, 0);
    return lookup;
  }

  nftnl_rule* rule_;
  Family family_;
};

}  // namespace

void lower(const Rule& rule, Family family, nftnl_rule& to) {
  Lowering lowering(&to, family);
  for (const Statement& statement : rule.statements) std::visit(lowering, statement);
}

}  // namespace net
