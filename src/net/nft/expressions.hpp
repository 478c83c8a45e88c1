// Register loads, masks, hashes and look-ups: what statements have in common as libnftnl's
// expressions, and the sizes and byte orders of fields. Not here: what a statement is made of
// (lowering). For lowering.cpp only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/state/ruleset.hpp"

struct nftnl_expr;
struct nftnl_rule;

namespace net {

// One of the 16 registers of 4 bytes, from 0. Keys are built from the first on; what a part of a
// key needs for itself goes behind the whole key.
using Register = std::uint32_t;
inline constexpr Register first_register = 0;

// How many of them a value takes.
Register registers(std::size_t bytes);

std::size_t size_of_field(core::nft::Field field, core::Family family);

[[noreturn]] void refuse_lowering(const std::string& reason);

// Appends to a rule.
class Expressions {
 public:
  Expressions(nftnl_rule* rule, core::Family family) : rule_(rule), family_(family) {}

  using Word = std::array<std::uint8_t, 4>;

  [[nodiscard]] core::Family family() const { return family_; }

  // An expression that is part of another one, and one of the rule.
  static nftnl_expr* allocate(const char* name);
  nftnl_expr* add(const char* name);
  static void set_register(nftnl_expr* expression, std::uint16_t attribute, Register index);

  void load(core::nft::Field field, Register to);
  // One behind the other; returns the register behind the last.
  Register load(const std::vector<core::nft::Field>& fields, Register to);
  // Loads the parts one behind the other; returns the first one's register.
  Register key(const core::nft::Key& parts, Register at = first_register);
  nftnl_expr* look_up(Register from, const std::string& set);

  void mask(Register at, std::size_t size, const Word& keep, const Word& flip);
  void mask(Register at, std::size_t size, const std::uint8_t* keep, const std::uint8_t* flip);
  void mask_part(const core::nft::Masked& masked, Register at);
  void change_order(Register from, Register to, std::uint32_t length, std::uint32_t size,
                    std::uint32_t operation);

  static Word host_bytes(std::uint32_t value);
  // The first bytes of the word are the value in the field's size and byte order.
  [[nodiscard]] Word value_bytes(core::nft::Field field, std::uint32_t value) const;

 private:
  void meta(std::uint32_t meta_key, Register to);
  void payload(std::uint32_t base, std::uint32_t offset, std::size_t size, Register to);
  nftnl_expr* connection(std::uint32_t ct_key, Register to);
  void original(std::uint32_t ct_key, Register to);
  [[nodiscard]] Register registers_of(const core::nft::Part& part) const;
  void load_hash(const core::nft::Hash& hash, Register to, Register scratch);
  void load_mapped(const core::nft::Mapped& mapped, std::span<const core::nft::Part> before,
                   Register at, Register to, Register scratch);

  nftnl_rule* rule_;
  core::Family family_;
};

}  // namespace net
