#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <array>

#include "net/packet/decode_expression.hpp"
#include "net/packet/decode_xt.hpp"
#include "net/packet/expression_fields.hpp"

namespace net {

using namespace core::packet;

namespace {

constexpr std::size_t port_size = 2;

DecodedExpression nat(const ExpressionFields& fields) {
  const auto type = fields.at.be32(NFTA_NAT_TYPE);
  const std::uint32_t family = fields.number(NFTA_NAT_FAMILY);
  if (!type || *type > NFT_NAT_DNAT) return std::nullopt;
  if (family != NFPROTO_IPV4 && family != NFPROTO_IPV6 && family != NFPROTO_INET) {
    return std::nullopt;
  }
  Nat result;
  result.destination = *type == NFT_NAT_DNAT;
  result.family = family == NFPROTO_IPV6 ? core::Family::ipv6 : core::Family::ipv4;
  result.both_families = family == NFPROTO_INET;
  result.flags = fields.number(NFTA_NAT_FLAGS);
  const std::size_t size = family == NFPROTO_IPV6 ? 16 : 4;
  ExpressionFields::Optional optional(fields);
  result.address_min = optional.reg(NFTA_NAT_REG_ADDR_MIN, size);
  result.address_max = optional.reg(NFTA_NAT_REG_ADDR_MAX, size);
  result.port_min = optional.reg(NFTA_NAT_REG_PROTO_MIN, port_size);
  result.port_max = optional.reg(NFTA_NAT_REG_PROTO_MAX, port_size);
  if (!optional.good() || (result.both_families && result.address_min)) return std::nullopt;
  return result;
}

DecodedExpression masquerade(const ExpressionFields& fields) {
  ExpressionFields::Optional optional(fields);
  Masquerade result;
  result.port_min = optional.reg(NFTA_MASQ_REG_PROTO_MIN, port_size);
  result.port_max = optional.reg(NFTA_MASQ_REG_PROTO_MAX, port_size);
  result.flags = fields.number(NFTA_MASQ_FLAGS);
  if (!optional.good()) return std::nullopt;
  return result;
}

DecodedExpression redirect(const ExpressionFields& fields) {
  ExpressionFields::Optional optional(fields);
  Redirect result;
  result.port_min = optional.reg(NFTA_REDIR_REG_PROTO_MIN, port_size);
  result.port_max = optional.reg(NFTA_REDIR_REG_PROTO_MAX, port_size);
  result.flags = fields.number(NFTA_REDIR_FLAGS);
  if (!optional.good()) return std::nullopt;
  return result;
}

DecodedExpression tproxy(const ExpressionFields& fields) {
  ExpressionFields::Optional optional(fields);
  Tproxy result;
  result.family = fields.number(NFTA_TPROXY_FAMILY);
  result.address = optional.reg(NFTA_TPROXY_REG_ADDR, result.family == NFPROTO_IPV6 ? 16 : 4);
  result.port = optional.reg(NFTA_TPROXY_REG_PORT, port_size);
  if (!optional.good()) return std::nullopt;
  return result;
}

DecodedExpression log(const ExpressionFields& fields) {
  return Log{std::string(fields.at.text(NFTA_LOG_PREFIX))};
}

DecodedExpression notrack(const ExpressionFields&) { return Notrack{}; }

DecodedExpression reject(const ExpressionFields& fields) {
  const auto type = fields.at.be32(NFTA_REJECT_TYPE);
  if (!type || *type > NFT_REJECT_ICMPX_UNREACH) return std::nullopt;
  return Reject{*type, fields.at.u8(NFTA_REJECT_ICMP_CODE).value_or(0)};
}

DecodedExpression flow_offload(const ExpressionFields& fields) {
  return FlowOffload{std::string(fields.at.text(NFTA_FLOW_TABLE_NAME))};
}

DecodedExpression queue(const ExpressionFields&) { return Verdict{Verdict::Code::queue, ""}; }

DecodedExpression last(const ExpressionFields&) { return Passes{"last"}; }
DecodedExpression dup(const ExpressionFields&) { return Passes{"dup"}; }

DecodedExpression object_reference(const ExpressionFields& fields) {
  ObjectReference result;
  if (fields.has(NFTA_OBJREF_SET_SREG)) {
    result.at = fields.reg(NFTA_OBJREF_SET_SREG);
    result.map = fields.at.text(NFTA_OBJREF_SET_NAME);
    if (!result.at || result.map.empty()) return std::nullopt;
    return result;
  }
  result.name = fields.at.text(NFTA_OBJREF_IMM_NAME);
  result.type = fields.number(NFTA_OBJREF_IMM_TYPE);
  if (result.name.empty() || result.type == NFT_OBJECT_UNSPEC) return std::nullopt;
  return result;
}

DecodedExpression dynset(const ExpressionFields& fields) {
  Dynset result;
  const auto op = fields.at.be32(NFTA_DYNSET_OP);
  const auto key = fields.reg(NFTA_DYNSET_SREG_KEY);
  const std::uint32_t flags = fields.number(NFTA_DYNSET_FLAGS);
  result.set = fields.at.text(NFTA_DYNSET_SET_NAME);
  constexpr std::uint32_t known_flags = NFT_DYNSET_F_INV | NFT_DYNSET_F_EXPR;
  // The kernel has none in another; so bytes of somebody else's cannot make us go deep.
  if (fields.nested || !op || *op > NFT_DYNSET_OP_DELETE || !key || result.set.empty() ||
      (flags & ~known_flags) != 0) {
    return std::nullopt;
  }
  ExpressionFields::Optional optional(fields);
  result.op = static_cast<Dynset::Op>(*op);
  result.key = *key;
  result.data = optional.reg(NFTA_DYNSET_SREG_DATA);
  result.timeout = fields.at.be64(NFTA_DYNSET_TIMEOUT).value_or(0);
  result.inverted = (flags & NFT_DYNSET_F_INV) != 0;
  if (!optional.good()) return std::nullopt;
  if (fields.has(NFTA_DYNSET_EXPR)) {
    result.expressions.push_back(
        decode_nested_expression(fields.at[NFTA_DYNSET_EXPR], fields.family));
  }
  for (const NetlinkAttribute& one : AttributeList(fields.at[NFTA_DYNSET_EXPRESSIONS])) {
    result.expressions.push_back(decode_nested_expression(one.value, fields.family));
  }
  return result;
}

DecodedExpression match(const ExpressionFields& fields) {
  const auto name = fields.at.text(NFTA_MATCH_NAME);
  const auto revision = fields.at.be32(NFTA_MATCH_REV);
  if (name.empty() || !revision) return std::nullopt;
  return decode_xt_match(name, *revision, fields.at[NFTA_MATCH_INFO], fields.family);
}

DecodedExpression target(const ExpressionFields& fields) {
  const auto name = fields.at.text(NFTA_TARGET_NAME);
  const auto revision = fields.at.be32(NFTA_TARGET_REV);
  if (name.empty() || !revision) return std::nullopt;
  return decode_xt_target(name, *revision, fields.at[NFTA_TARGET_INFO], fields.family);
}

DecodedExpression unmodelled(const ExpressionFields&) { return std::nullopt; }

constexpr std::array decoders_of_statements = {
    ExpressionDecoder{"counter", decode_counter},
    ExpressionDecoder{"match", match},
    ExpressionDecoder{"target", target, true},
    ExpressionDecoder{"nat", nat, true},
    ExpressionDecoder{"masq", masquerade, true},
    ExpressionDecoder{"redir", redirect, true},
    ExpressionDecoder{"reject", reject, true},
    ExpressionDecoder{"limit", decode_limit},
    ExpressionDecoder{"log", log},
    ExpressionDecoder{"dynset", dynset},
    ExpressionDecoder{"objref", object_reference, true},
    ExpressionDecoder{"notrack", notrack},
    ExpressionDecoder{"tproxy", tproxy, true},
    ExpressionDecoder{"quota", decode_quota},
    ExpressionDecoder{"connlimit", decode_connlimit},
    ExpressionDecoder{"flow_offload", flow_offload},
    ExpressionDecoder{"queue", queue, true},
    ExpressionDecoder{"last", last},
    ExpressionDecoder{"dup", dup},
    ExpressionDecoder{"fwd", unmodelled, true},
    ExpressionDecoder{"synproxy", unmodelled, true},
};

}  // namespace

std::span<const ExpressionDecoder> statement_decoders() { return decoders_of_statements; }

DecodedExpression decode_counter(const ExpressionFields& fields) {
  return Counter{fields.at.be64(NFTA_COUNTER_PACKETS).value_or(0),
                 fields.at.be64(NFTA_COUNTER_BYTES).value_or(0)};
}

DecodedExpression decode_limit(const ExpressionFields& fields) {
  const auto rate = fields.at.be64(NFTA_LIMIT_RATE);
  const auto unit = fields.at.be64(NFTA_LIMIT_UNIT);
  const std::uint32_t type = fields.number(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
  if (!rate || !unit || type > NFT_LIMIT_PKT_BYTES) return std::nullopt;
  return Limit{*rate, *unit, fields.number(NFTA_LIMIT_BURST), type == NFT_LIMIT_PKT_BYTES,
               (fields.number(NFTA_LIMIT_FLAGS) & NFT_LIMIT_F_INV) != 0};
}

DecodedExpression decode_connlimit(const ExpressionFields& fields) {
  const auto count = fields.at.be32(NFTA_CONNLIMIT_COUNT);
  if (!count) return std::nullopt;
  return Connlimit{*count, (fields.number(NFTA_CONNLIMIT_FLAGS) & NFT_CONNLIMIT_F_INV) != 0};
}

DecodedExpression decode_quota(const ExpressionFields& fields) {
  const auto bytes = fields.at.be64(NFTA_QUOTA_BYTES);
  if (!bytes) return std::nullopt;
  return Quota{*bytes, fields.at.be64(NFTA_QUOTA_CONSUMED).value_or(0),
               (fields.number(NFTA_QUOTA_FLAGS) & NFT_QUOTA_F_INV) != 0};
}

}  // namespace net
