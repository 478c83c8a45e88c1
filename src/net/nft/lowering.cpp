#include "net/nft/lowering.hpp"

// First, so that linux/in.h leaves out what libc defines.
#include <arpa/inet.h>

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <cstring>

extern "C" {
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
}

#include "net/nft/declarations.hpp"
#include "net/nft/expressions.hpp"

namespace net {
namespace {

using core::Family;
using namespace core::nft;

constexpr std::uint8_t tcp_option_mss = 2;
constexpr std::uint32_t mss_offset = 2;
constexpr std::uint32_t mss_size = 2;

// Appends the expressions of statements to a rule.
class Lowering : private Expressions {
 public:
  using Expressions::Expressions;

  void operator()(const Match& match) {
    const std::size_t size = size_of_field(match.field, family());
    if (size > sizeof match.value)
      refuse_lowering("only fields of up to four bytes can be compared");
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
    const Register loaded = key(nat.key, address);
    if (!nat.map.empty()) set_register(look_up(loaded, nat.map), NFTNL_EXPR_LOOKUP_DREG, address);
    const Register port = address + registers(size_of(Type::address, family()));
    if (nat.port_map) {
      const auto& [port_key, port_map] = *nat.port_map;
      set_register(look_up(key(port_key, port), port_map), NFTNL_EXPR_LOOKUP_DREG, port);
    }
    nftnl_expr* expression = add("nat");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_TYPE,
                       nat.kind == Nat::Kind::destination ? NFT_NAT_DNAT : NFT_NAT_SNAT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_NAT_FAMILY, protocol_family(family()));
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
    const bool ipv4 = family() == Family::ipv4;
    const int code = reject.unreachable ? (ipv4 ? ICMP_HOST_UNREACH : ICMPV6_ADDR_UNREACH)
                                        : (ipv4 ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH);
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

  nftnl_expr* mss_option() {
    nftnl_expr* option = add("exthdr");
    nftnl_expr_set_u8(option, NFTNL_EXPR_EXTHDR_TYPE, tcp_option_mss);
    nftnl_expr_set_u32(option, NFTNL_EXPR_EXTHDR_OFFSET, mss_offset);
    nftnl_expr_set_u32(option, NFTNL_EXPR_EXTHDR_LEN, mss_size);
    nftnl_expr_set_u32(option, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    return option;
  }
};

}  // namespace

void lower(const Rule& rule, Family family, nftnl_rule& to) {
  Lowering lowering(&to, family);
  for (const Statement& statement : rule.statements) std::visit(lowering, statement);
}

}  // namespace net
