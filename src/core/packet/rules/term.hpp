// What a register holds, in words: the text of a rule is that of its registers when they are used.
// For rule_text only.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/packet/rules/rule_words.hpp"

namespace core::packet::words {

struct Term {
  std::string text;  // "ip saddr"; of a constant its value
  std::uint32_t type = no_type;
  std::uint32_t length = 0;
  std::optional<Bytes> constant;
  // What was done to it: register & mask ^ flip; empty: nothing.
  Bytes mask;
  Bytes flip;
  bool turned = false;  // its bytes, as numbers are compared
  bool host = false;    // a number without a type is in host order
};

// "meta mark & 0x0000ffff | 0x00010000"
std::string term_text(const Term& term);
// A comparison: "tcp dport != 80", "ip saddr 10.0.0.0/8", "ct state established,related".
std::string compare_text(const Term& term, Compare::Op op, ByteView value);
std::string range_text(const Term& term, const Range& range);
// A value that is as one of `term`.
std::string value_of(const Term& term, ByteView value, std::uint32_t type);

class Terms {
 public:
  void put(Register at, Term term);
  // Null: nobody knows what is there.
  [[nodiscard]] Term* at(Register at);
  // All that lie side by side up to `length` bytes, "ip saddr . tcp dport".
  [[nodiscard]] std::string key_text(Register at, std::uint32_t length);
  // The register's value where another type is wanted: of constants.
  [[nodiscard]] std::string value_text(Register at, std::uint32_t type);
  // Whether `at` is a part of what `of` begins.
  [[nodiscard]] bool is_part(Register at, Register of) const;

 private:
  std::map<Register, Term> terms_;
};

}  // namespace core::packet::words
