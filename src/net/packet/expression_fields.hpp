// What the decoders of expressions share: the attributes of one expression, with registers as bytes
// of their file. For decode_*.cpp only.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/packet/ruleset.hpp"
#include "net/netlink/message.hpp"

namespace net {

class ExpressionFields {
 public:
  using Register = core::packet::Register;

  ExpressionFields(ByteView level, core::packet::TableFamily table, bool inside)
      : family(table), nested(inside), at(level) {}

  core::packet::TableFamily family;
  bool nested;    // in another expression
  Attributes at;  // NFTA_*, big-endian

  [[nodiscard]] bool has(std::size_t number) const { return at.has(number); }
  [[nodiscard]] std::uint32_t number(std::size_t attribute, std::uint32_t otherwise = 0) const {
    return at.be32(attribute).value_or(otherwise);
  }
  // Nothing where it is none, is the verdict's, or `length` bytes do not fit behind it.
  [[nodiscard]] std::optional<Register> reg(std::size_t attribute, std::size_t length = 1) const;
  // The value of a level of NFTA_DATA_*; empty where there is none.
  [[nodiscard]] core::packet::Bytes data(std::size_t attribute) const;

  // Attributes that may be left out, but not be wrong.
  class Optional {
   public:
    explicit Optional(const ExpressionFields& fields) : fields_(fields) {}
    std::optional<Register> reg(std::size_t attribute, std::size_t length = 1);
    [[nodiscard]] bool good() const { return good_; }

   private:
    const ExpressionFields& fields_;
    bool good_ = true;
  };
};

using DecodedExpression = std::optional<core::packet::Expression>;

struct ExpressionDecoder {
  std::string_view name;  // as the kernel has it
  // Nothing: it is not understood.
  DecodedExpression (*decode)(const ExpressionFields& fields);
  bool may_end = false;  // it may end the rule otherwise than by not matching
};

// What fills, changes and compares registers; what does something; what lies in tables by a name.
std::span<const ExpressionDecoder> register_decoders();
std::span<const ExpressionDecoder> statement_decoders();

DecodedExpression decode_counter(const ExpressionFields& fields);
DecodedExpression decode_limit(const ExpressionFields& fields);
DecodedExpression decode_connlimit(const ExpressionFields& fields);
DecodedExpression decode_quota(const ExpressionFields& fields);
// Of what lies in another expression.
core::packet::Expression decode_nested_expression(ByteView level, core::packet::TableFamily family);

}  // namespace net
