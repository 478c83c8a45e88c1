#include "net/nft/expressions.hpp"

// First, so that linux/in.h leaves out what libc defines.
#include <arpa/inet.h>

#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cstring>
#include <variant>

extern "C" {
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
}

#include "core/error.hpp"

namespace net {

using core::Family;
using namespace core::nft;

namespace {

constexpr Register end_of_registers = NFT_REG32_15 - NFT_REG32_00 + 1;

// The kernel takes either name of a register and dumps that of the 16-byte one where one begins.
std::uint32_t number_of(Register index) {
  return index % 4 == 0 ? NFT_REG_1 + index / 4 : NFT_REG32_00 + index;
}

constexpr std::uint32_t tcp_flags_offset = 13;
constexpr std::uint32_t word = 4;

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
    case Field::icmp_daddr:
    case Field::icmp_dport:
      return true;
    default:
      return false;
  }
}

}  // namespace

Register registers(std::size_t bytes) { return static_cast<Register>((bytes + word - 1) / word); }

void refuse_lowering(const std::string& reason) {
  throw core::Error(core::Error::Kind::permanent, "lower an nftables rule: " + reason);
}

std::size_t size_of_field(Field field, Family family) {
  switch (field) {
    case Field::saddr:
    case Field::daddr:
    case Field::ct_original_daddr:
    case Field::fou_inner_saddr:
    case Field::gpe_inner_saddr:
    case Field::icmp_daddr:
      return size_of(Type::address, family);
    case Field::sport:
    case Field::dport:
    case Field::ct_original_dport:
    case Field::icmp_dport:
      return 2;
    case Field::l4proto:
    case Field::ct_direction:
    case Field::tcp_flags:
    case Field::gpe_next_protocol:
    case Field::icmp_type:
    case Field::icmp_code:
    case Field::icmp_protocol:
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
    case Field::iif:
    case Field::oif:
      return 4;
  }
  return 0;
}

Expressions::Word Expressions::host_bytes(std::uint32_t value) {
  Word bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

Expressions::Word Expressions::value_bytes(Field field, std::uint32_t value) const {
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

void Expressions::set_register(nftnl_expr* expression, std::uint16_t attribute, Register index) {
  nftnl_expr_set_u32(expression, attribute, number_of(index));
}

nftnl_expr* Expressions::allocate(const char* name) {
  nftnl_expr* expression = nftnl_expr_alloc(name);
  if (expression == nullptr) refuse_lowering(std::string("libnftnl has no expression ") + name);
  return expression;
}

nftnl_expr* Expressions::add(const char* name) {
  nftnl_expr* expression = allocate(name);
  nftnl_rule_add_expr(rule_, expression);
  return expression;
}

void Expressions::mask(Register at, std::size_t size, const Word& keep, const Word& flip) {
  mask(at, size, keep.data(), flip.data());
}

void Expressions::mask_part(const Masked& masked, Register at) {
  const std::size_t size = size_of_field(masked.field, family_);
  if (masked.field != Field::saddr && masked.field != Field::daddr) {
    return mask(at, size, value_bytes(masked.field, masked.mask), {});
  }
  std::array<std::uint8_t, 16> keep{};
  const std::array<std::uint8_t, 16> none{};
  for (std::size_t bit = 0; bit < std::min<std::size_t>(masked.mask, 8 * size); ++bit) {
    keep[bit / 8] = static_cast<std::uint8_t>(keep[bit / 8] | 0x80 >> bit % 8);
  }
  mask(at, size, keep.data(), none.data());
}

void Expressions::mask(Register at, std::size_t size, const std::uint8_t* keep,
                       const std::uint8_t* flip) {
  nftnl_expr* bitwise = add("bitwise");
  const auto length = static_cast<std::uint32_t>(size);
  set_register(bitwise, NFTNL_EXPR_BITWISE_SREG, at);
  set_register(bitwise, NFTNL_EXPR_BITWISE_DREG, at);
  nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
  nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_LEN, length);
  nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_MASK, keep, length);
  nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_XOR, flip, length);
}

void Expressions::change_order(Register from, Register to, std::uint32_t length, std::uint32_t size,
                               std::uint32_t operation) {
  nftnl_expr* order = add("byteorder");
  set_register(order, NFTNL_EXPR_BYTEORDER_SREG, from);
  set_register(order, NFTNL_EXPR_BYTEORDER_DREG, to);
  nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_OP, operation);
  nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_LEN, length);
  nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_SIZE, size);
}

void Expressions::meta(std::uint32_t meta_key, Register to) {
  nftnl_expr* expression = add("meta");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, meta_key);
  set_register(expression, NFTNL_EXPR_META_DREG, to);
}

void Expressions::payload(std::uint32_t base, std::uint32_t offset, std::size_t size, Register to) {
  nftnl_expr* expression = add("payload");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, static_cast<std::uint32_t>(size));
  set_register(expression, NFTNL_EXPR_PAYLOAD_DREG, to);
}

nftnl_expr* Expressions::connection(std::uint32_t ct_key, Register to) {
  nftnl_expr* expression = add("ct");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_CT_KEY, ct_key);
  set_register(expression, NFTNL_EXPR_CT_DREG, to);
  return expression;
}

void Expressions::original(std::uint32_t ct_key, Register to) {
  nftnl_expr_set_u8(connection(ct_key, to), NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
}

void Expressions::load(Field field, Register to) {
  const std::size_t size = size_of_field(field, family_);
  if (to + registers(size) > end_of_registers)
    refuse_lowering("the key is longer than the registers");
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
    case Field::icmp_type:
      return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, size, to);
    case Field::icmp_code:
      return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 1, size, to);
    // ICMP's header has 8 bytes, IPv4's 20.
    case Field::icmp_protocol:
      return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 8 + 9, size, to);
    case Field::icmp_daddr:
      return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 8 + 16, size, to);
    case Field::icmp_dport:
      return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 8 + 20 + 2, size, to);
    case Field::iifgroup:
      return meta(NFT_META_IIFGROUP, to);
    case Field::oifgroup:
      return meta(NFT_META_OIFGROUP, to);
    case Field::iif:
      return meta(NFT_META_IIF, to);
    case Field::oif:
      return meta(NFT_META_OIF, to);
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

Register Expressions::load(const std::vector<Field>& fields, Register to) {
  for (const Field field : fields) {
    load(field, to);
    to += registers(size_of_field(field, family_));
  }
  return to;
}

Register Expressions::registers_of(const Part& part) const {
  if (const auto* field = std::get_if<Field>(&part)) {
    return registers(size_of_field(*field, family_));
  }
  if (const auto* masked = std::get_if<Masked>(&part)) {
    return registers(size_of_field(masked->field, family_));
  }
  return 1;  // hashes, hashes and mapped ports and numbers
}

Register Expressions::key(const Key& parts, Register at) {
  if (parts.empty()) refuse_lowering("a look-up has no key");
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
      mask_part(*masked, to);
    } else if (const auto* hash = std::get_if<Hash>(&parts[i])) {
      load_hash(*hash, to, scratch);
    } else if (const auto* mapped = std::get_if<Mapped>(&parts[i])) {
      load_mapped(*mapped, std::span(parts).first(i), at, to, scratch);
    }
    to += registers_of(parts[i]);
  }
  return at;
}

void Expressions::load_hash(const Hash& hash, Register to, Register scratch) {
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
void Expressions::load_mapped(const Mapped& mapped, std::span<const Part> before, Register at,
                              Register to, Register scratch) {
  const auto* previous = before.empty() ? nullptr : std::get_if<Field>(&before.back());
  if (!before.empty() && (previous == nullptr || registers_of(*previous) != 1)) {
    refuse_lowering("a mapped part follows one that is not a field of one register");
  }
  load(previous == nullptr ? Field::l4proto : *previous, scratch);
  load(mapped.fields.back(), to);
  // Mostly the fields are those that the key begins with.
  const bool loaded =
      std::equal(before.begin(), before.end(), mapped.fields.begin(), mapped.fields.end() - 1,
                 [](const Part& part, Field field) { return part == Part(field); });
  if (!loaded) load(mapped.fields, scratch + 2);
  set_register(look_up(loaded ? at : scratch + 2, mapped.map), NFTNL_EXPR_LOOKUP_DREG, scratch + 1);
  change_order(scratch, to - 1, 2 * word, 2 * word, NFT_BYTEORDER_HTON);
  change_order(to - 1, to - 1, 2 * word, 2 * word, NFT_BYTEORDER_NTOH);
}

nftnl_expr* Expressions::look_up(Register from, const std::string& set) {
  nftnl_expr* lookup = add("lookup");
  set_register(lookup, NFTNL_EXPR_LOOKUP_SREG, from);
  nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, set.c_str());
  nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_FLAGS, 0);
  return lookup;
}

}  // namespace net
