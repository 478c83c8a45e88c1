#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <cstring>

#include "net/packet/decode_expression.hpp"
#include "net/packet/expression_fields.hpp"

namespace net {

using namespace core::packet;

namespace {

using Fields = ExpressionFields;

// Since Linux 6.13, and so not in all kernel headers: a second register instead of a constant.
constexpr std::size_t bitwise_second_register = 8;  // NFTA_BITWISE_SREG2

DecodedExpression immediate(const Fields& fields) {
  if (fields.number(NFTA_IMMEDIATE_DREG, NFT_REG_1) == NFT_REG_VERDICT) {
    const auto verdict = AttributeList(fields.at[NFTA_IMMEDIATE_DATA]).find(NFTA_DATA_VERDICT);
    if (!verdict) return std::nullopt;
    return decode_verdict(verdict->value);
  }
  Bytes value = fields.data(NFTA_IMMEDIATE_DATA);
  const auto to = fields.reg(NFTA_IMMEDIATE_DREG, value.size());
  if (!to || value.empty()) return std::nullopt;
  return Immediate{*to, std::move(value)};
}

DecodedExpression payload(const Fields& fields) {
  const auto base = fields.at.be32(NFTA_PAYLOAD_BASE);
  const auto offset = fields.at.be32(NFTA_PAYLOAD_OFFSET);
  const auto length = fields.at.be32(NFTA_PAYLOAD_LEN);
  // What lies behind these looks into tunnels (NFT_PAYLOAD_TUN_HEADER), in the expression inner.
  if (!base || *base > NFT_PAYLOAD_INNER_HEADER || !offset || !length || *length == 0) {
    return std::nullopt;
  }
  const auto where = static_cast<Payload::Base>(*base);
  if (fields.has(NFTA_PAYLOAD_SREG)) {
    const auto from = fields.reg(NFTA_PAYLOAD_SREG, *length);
    if (!from) return std::nullopt;
    return PayloadWrite{where, *offset, *length, *from};
  }
  const auto to = fields.reg(NFTA_PAYLOAD_DREG, *length);
  if (!to) return std::nullopt;
  return Payload{where, *offset, *length, *to};
}

DecodedExpression meta(const Fields& fields) {
  const auto key = fields.at.be32(NFTA_META_KEY);
  if (!key) return std::nullopt;
  if (const auto from = fields.reg(NFTA_META_SREG)) return MetaSet{*key, *from};
  const auto to = fields.reg(NFTA_META_DREG);
  if (!to) return std::nullopt;
  return Meta{*key, *to};
}

DecodedExpression compare(const Fields& fields) {
  const auto op = fields.at.be32(NFTA_CMP_OP);
  Bytes value = fields.data(NFTA_CMP_DATA);
  const auto where = fields.reg(NFTA_CMP_SREG, value.size());
  if (!op || *op > NFT_CMP_GTE || value.empty() || !where) return std::nullopt;
  return Compare{static_cast<Compare::Op>(*op), *where, std::move(value)};
}

DecodedExpression range(const Fields& fields) {
  const auto op = fields.at.be32(NFTA_RANGE_OP);
  Bytes from = fields.data(NFTA_RANGE_FROM_DATA);
  Bytes to = fields.data(NFTA_RANGE_TO_DATA);
  const auto where = fields.reg(NFTA_RANGE_SREG, from.size());
  if (!op || *op > NFT_RANGE_NEQ || from.empty() || from.size() != to.size() || !where) {
    return std::nullopt;
  }
  return Range{*op == NFT_RANGE_EQ, *where, std::move(from), std::move(to)};
}

DecodedExpression bitwise(const Fields& fields) {
  const auto length = fields.at.be32(NFTA_BITWISE_LEN);
  const std::uint32_t op = fields.number(NFTA_BITWISE_OP, NFT_BITWISE_MASK_XOR);
  if (!length || *length == 0) return std::nullopt;
  const auto from = fields.reg(NFTA_BITWISE_SREG, *length);
  const auto to = fields.reg(NFTA_BITWISE_DREG, *length);
  if (!from || !to || op > static_cast<std::uint32_t>(Bitwise::Op::op_xor)) return std::nullopt;
  Bitwise result;
  result.op = static_cast<Bitwise::Op>(op);
  result.from = *from;
  result.to = *to;
  result.length = *length;
  if (result.op == Bitwise::Op::mask_xor) {
    result.mask = fields.data(NFTA_BITWISE_MASK);
    result.flip = fields.data(NFTA_BITWISE_XOR);
    if (result.mask.size() != *length || result.flip.size() != *length) return std::nullopt;
    return result;
  }
  Bytes data = fields.data(NFTA_BITWISE_DATA);
  if (result.op == Bitwise::Op::left_shift || result.op == Bitwise::Op::right_shift) {
    if (data.size() != sizeof result.shift) return std::nullopt;
    std::memcpy(&result.shift, data.data(), sizeof result.shift);
    if (result.shift >= 32) return std::nullopt;
    return result;
  }
  if (fields.has(bitwise_second_register)) {
    result.second = fields.reg(bitwise_second_register, *length);
    if (!result.second) return std::nullopt;
  } else {
    if (data.size() != *length) return std::nullopt;
    result.mask = std::move(data);
  }
  return result;
}

DecodedExpression byteorder(const Fields& fields) {
  const auto op = fields.at.be32(NFTA_BYTEORDER_OP);
  const auto length = fields.at.be32(NFTA_BYTEORDER_LEN);
  const auto size = fields.at.be32(NFTA_BYTEORDER_SIZE);
  if (!op || *op > NFT_BYTEORDER_HTON || !length || *length == 0 || !size) return std::nullopt;
  if (*size != 2 && *size != 4 && *size != 8) return std::nullopt;
  const auto from = fields.reg(NFTA_BYTEORDER_SREG, *length);
  const auto to = fields.reg(NFTA_BYTEORDER_DREG, *length);
  if (!from || !to) return std::nullopt;
  return Byteorder{*op == NFT_BYTEORDER_NTOH, *from, *to, *length, *size};
}

DecodedExpression lookup(const Fields& fields) {
  Lookup result;
  result.set = fields.at.text(NFTA_LOOKUP_SET);
  const auto where = fields.reg(NFTA_LOOKUP_SREG);
  const std::uint32_t flags = fields.number(NFTA_LOOKUP_FLAGS);
  if (result.set.empty() || !where || (flags & ~std::uint32_t{NFT_LOOKUP_F_INV}) != 0) {
    return std::nullopt;
  }
  result.at = *where;
  result.inverted = (flags & NFT_LOOKUP_F_INV) != 0;
  if (!fields.has(NFTA_LOOKUP_DREG)) return result;
  result.verdict = fields.at.be32(NFTA_LOOKUP_DREG) == std::uint32_t{NFT_REG_VERDICT};
  if (result.verdict) return result;
  result.to = fields.reg(NFTA_LOOKUP_DREG);
  if (!result.to) return std::nullopt;
  return result;
}

DecodedExpression ct(const Fields& fields) {
  const auto key = fields.at.be32(NFTA_CT_KEY);
  if (!key) return std::nullopt;
  if (const auto from = fields.reg(NFTA_CT_SREG)) return CtSet{*key, *from};
  const auto to = fields.reg(NFTA_CT_DREG);
  if (!to) return std::nullopt;
  return Ct{*key, fields.at.u8(NFTA_CT_DIRECTION), *to};
}

DecodedExpression numgen(const Fields& fields) {
  const auto type = fields.at.be32(NFTA_NG_TYPE);
  const auto modulus = fields.at.be32(NFTA_NG_MODULUS);
  const auto to = fields.reg(NFTA_NG_DREG, 4);
  if (!type || *type > NFT_NG_RANDOM || !modulus || *modulus == 0 || !to) return std::nullopt;
  return Numgen{*type == NFT_NG_RANDOM, *modulus, fields.number(NFTA_NG_OFFSET), *to};
}

DecodedExpression hash(const Fields& fields) {
  Hash result;
  const std::uint32_t type = fields.number(NFTA_HASH_TYPE, NFT_HASH_JENKINS);
  const auto modulus = fields.at.be32(NFTA_HASH_MODULUS);
  const auto to = fields.reg(NFTA_HASH_DREG, 4);
  if (type > NFT_HASH_SYM || !modulus || *modulus == 0 || !to) return std::nullopt;
  result.symmetric = type == NFT_HASH_SYM;
  result.modulus = *modulus;
  result.offset = fields.number(NFTA_HASH_OFFSET);
  result.to = *to;
  if (result.symmetric) return result;
  result.length = fields.number(NFTA_HASH_LEN);
  result.seed = fields.at.be32(NFTA_HASH_SEED);
  const auto from = fields.reg(NFTA_HASH_SREG, result.length);
  if (!from || result.length == 0) return std::nullopt;
  result.from = *from;
  return result;
}

DecodedExpression fib(const Fields& fields) {
  const auto result = fields.at.be32(NFTA_FIB_RESULT);
  const auto flags = fields.at.be32(NFTA_FIB_FLAGS);
  const auto to = fields.reg(NFTA_FIB_DREG);
  if (!result || !flags || !to) return std::nullopt;
  return Fib{*result, *flags, *to};
}

DecodedExpression route(const Fields& fields) {
  const auto key = fields.at.be32(NFTA_RT_KEY);
  const auto to = fields.reg(NFTA_RT_DREG);
  if (!key || !to) return std::nullopt;
  return Rt{*key, *to};
}

DecodedExpression socket_key(const Fields& fields) {
  const auto key = fields.at.be32(NFTA_SOCKET_KEY);
  const auto to = fields.reg(NFTA_SOCKET_DREG);
  if (!key || !to) return std::nullopt;
  return Socket{*key, fields.number(NFTA_SOCKET_LEVEL), *to};
}

DecodedExpression exthdr(const Fields& fields) {
  Exthdr result;
  const auto type = fields.at.u8(NFTA_EXTHDR_TYPE);
  const auto offset = fields.at.be32(NFTA_EXTHDR_OFFSET);
  const auto length = fields.at.be32(NFTA_EXTHDR_LEN);
  const std::uint32_t flags = fields.number(NFTA_EXTHDR_FLAGS);
  result.op = fields.number(NFTA_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
  if (!type || !offset || !length || (flags & ~std::uint32_t{NFT_EXTHDR_F_PRESENT}) != 0) {
    return std::nullopt;
  }
  result.type = *type;
  result.offset = *offset;
  result.length = *length;
  result.presence = (flags & NFT_EXTHDR_F_PRESENT) != 0;
  Fields::Optional optional(fields);
  result.from = optional.reg(NFTA_EXTHDR_SREG, *length);
  const auto to = optional.reg(NFTA_EXTHDR_DREG, *length);
  // Without either it takes an option out.
  if (!optional.good() || result.from.has_value() == to.has_value()) return std::nullopt;
  result.to = to.value_or(0);
  return result;
}

DecodedExpression not_modelled(const Fields&) { return std::nullopt; }

constexpr std::array decoders_of_registers = {
    ExpressionDecoder{"immediate", immediate, true},
    ExpressionDecoder{"payload", payload},
    ExpressionDecoder{"meta", meta},
    ExpressionDecoder{"cmp", compare},
    ExpressionDecoder{"bitwise", bitwise},
    ExpressionDecoder{"lookup", lookup, true},
    ExpressionDecoder{"ct", ct},
    ExpressionDecoder{"range", range},
    ExpressionDecoder{"byteorder", byteorder},
    ExpressionDecoder{"fib", fib},
    ExpressionDecoder{"numgen", numgen},
    ExpressionDecoder{"hash", hash},
    ExpressionDecoder{"rt", route},
    ExpressionDecoder{"socket", socket_key},
    ExpressionDecoder{"exthdr", exthdr},
    ExpressionDecoder{"osf", not_modelled},
    ExpressionDecoder{"xfrm", not_modelled},
    ExpressionDecoder{"tunnel", not_modelled},
    ExpressionDecoder{"inner", not_modelled},
};

}  // namespace

std::span<const ExpressionDecoder> register_decoders() { return decoders_of_registers; }

}  // namespace net
