#include "net/packet/decode_expression.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>

#include "net/packet/expression_fields.hpp"

namespace net {

using namespace core::packet;

namespace {

const ExpressionDecoder* find_decoder(std::string_view name) {
  for (const auto& decoders : {register_decoders(), statement_decoders()}) {
    const auto found = std::ranges::find(decoders, name, &ExpressionDecoder::name);
    if (found != decoders.end()) return &*found;
  }
  return nullptr;
}

Expression decode(ByteView level, TableFamily family, bool nested) {
  const AttributeList attributes(level);
  const auto name = attributes.find(NFTA_EXPR_NAME);
  const auto data = attributes.find(NFTA_EXPR_DATA);
  const std::string_view text = name ? name->text() : "";
  const ExpressionDecoder* decoder = find_decoder(text);
  // One that this version has not heard of may do anything.
  if (decoder == nullptr) return Unknown{std::string(text), true};
  DecodedExpression result =
      decoder->decode(ExpressionFields(data ? data->value : ByteView(), family, nested));
  if (result) return std::move(*result);
  return Unknown{std::string(text), decoder->may_end};
}

}  // namespace

std::optional<Register> ExpressionFields::reg(std::size_t attribute, std::size_t length) const {
  const auto number = at.be32(attribute);
  if (!number) return std::nullopt;
  Register begin = register_bytes;
  if (NFT_REG_1 <= *number && *number <= NFT_REG_4) begin = (*number - NFT_REG_1) * 16;
  if (NFT_REG32_00 <= *number && *number <= NFT_REG32_15) begin = (*number - NFT_REG32_00) * 4;
  if (length > register_bytes || begin + length > register_bytes || begin == register_bytes) {
    return std::nullopt;
  }
  return begin;
}

Bytes ExpressionFields::data(std::size_t attribute) const {
  const auto value = AttributeList(at[attribute]).find(NFTA_DATA_VALUE);
  if (!value || value->value.size() > NFT_DATA_VALUE_MAXLEN) return {};
  return {value->value.begin(), value->value.end()};
}

std::optional<Register> ExpressionFields::Optional::reg(std::size_t attribute, std::size_t length) {
  if (!fields_.has(attribute)) return std::nullopt;
  const auto found = fields_.reg(attribute, length);
  good_ = good_ && found.has_value();
  return found;
}

std::vector<Expression> decode_expressions(ByteView list, TableFamily family) {
  std::vector<Expression> result;
  for (const NetlinkAttribute& one : AttributeList(list)) {
    if (one.type == NFTA_LIST_ELEM) result.push_back(decode(one.value, family, false));
  }
  return result;
}

Expression decode_expression(ByteView level, TableFamily family) {
  return decode(level, family, false);
}

Expression decode_nested_expression(ByteView level, TableFamily family) {
  return decode(level, family, true);
}

Verdict decode_verdict(ByteView level) {
  using Code = Verdict::Code;
  const Attributes attributes(level);
  const auto code = attributes.be32(NFTA_VERDICT_CODE);
  if (!code) return {Code::unknown, ""};
  const auto to_chain = [&](Code jump) -> Verdict {
    std::string chain(attributes.text(NFTA_VERDICT_CHAIN));
    if (chain.empty()) return {Code::unknown, ""};
    return {jump, std::move(chain)};
  };
  switch (static_cast<std::int32_t>(*code)) {
    case NFT_CONTINUE:
    case NFT_BREAK:
      return {};
    case NFT_RETURN:
      return {Code::ret, ""};
    case NFT_JUMP:
      return to_chain(Code::jump);
    case NFT_GOTO:
      return to_chain(Code::go_to);
    case NF_ACCEPT:
      return {Code::accept, ""};
    case NF_DROP:
      return {Code::drop, ""};
    default:
      break;
  }
  // The number of the queue stands in the upper half.
  if ((*code & NF_VERDICT_MASK) == NF_QUEUE) return {Code::queue, ""};
  return {Code::unknown, ""};
}

std::optional<Expression> decode_object(std::uint32_t type, ByteView level) {
  const ExpressionFields fields(level, TableFamily::inet, true);
  switch (type) {
    case NFT_OBJECT_COUNTER:
      return decode_counter(fields);
    case NFT_OBJECT_QUOTA:
      return decode_quota(fields);
    case NFT_OBJECT_LIMIT:
      return decode_limit(fields);
    case NFT_OBJECT_CONNLIMIT:
      return decode_connlimit(fields);
    default:
      return std::nullopt;
  }
}

}  // namespace net
