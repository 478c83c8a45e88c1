#include "core/packet/rules/term.hpp"

#include <algorithm>

#include "core/packet/rules/rule_text.hpp"

namespace core::packet::words {
namespace {

bool all_are(const Bytes& bytes, std::uint8_t value) {
  return std::all_of(bytes.begin(), bytes.end(), [value](auto byte) { return byte == value; });
}

std::string_view op_text(Compare::Op op) {
  switch (op) {
    case Compare::Op::eq:
      return "";
    case Compare::Op::neq:
      return "!= ";
    case Compare::Op::lt:
      return "< ";
    case Compare::Op::lte:
      return "<= ";
    case Compare::Op::gt:
      return "> ";
    case Compare::Op::gte:
      return ">= ";
  }
  return "";
}

std::string dscp_text(int value) {
  if (value % 8 == 0) return "cs" + std::to_string(value / 8);
  if (value == 46) return "ef";
  const int drop = value % 8 / 2;
  if (value % 2 == 0 && drop >= 1 && drop <= 3 && value / 8 >= 1 && value / 8 <= 4) {
    return "af" + std::to_string(value / 8) + std::to_string(drop);
  }
  return hex_bytes(Bytes{static_cast<std::uint8_t>(value)});
}

std::string flags_text(const Term& term, bool equal, ByteView value) {
  const std::string mask = value_of(term, term.mask, term.type);
  const bool none = std::all_of(value.begin(), value.end(), [](auto byte) { return byte == 0; });
  if (none) return term.text + (equal ? " ! " : " ") + mask;
  return term.text + (equal ? " " : " != ") + value_of(term, value, term.type) + " / " + mask;
}

std::string masked_compare(const Term& term, Compare::Op op, ByteView value) {
  const bool equal = op == Compare::Op::eq;
  const bool plain = equal || op == Compare::Op::neq;
  if (plain && is_flags(term.type)) return flags_text(term, equal, value);
  // The upper six bits of that byte have a name of their own.
  if (plain && term.mask == Bytes{0xfc} && term.text.ends_with(" tos") && value.size() == 1) {
    return term.text.substr(0, term.text.size() - 3) + "dscp " + std::string(op_text(op)) +
           dscp_text(value[0] >> 2);
  }
  const auto length = prefix_length(term.mask);
  if (plain && is_address(term.type) && length && all_are(term.flip, 0)) {
    return term.text + (equal ? " " : " != ") + value_of(term, value, term.type) + "/" +
           std::to_string(*length);
  }
  const std::string sign = equal ? "== " : std::string(op_text(op));
  return term_text(term) + " " + sign + value_of(term, value, term.type);
}

// Of an address whose first bytes alone are compared.
std::optional<std::string> short_prefix(const Term& term, Compare::Op op, ByteView value) {
  const std::uint32_t size = size_of_type(term.type);
  if (!is_address(term.type) || value.size() >= size || value.empty()) return std::nullopt;
  if (op != Compare::Op::eq && op != Compare::Op::neq) return std::nullopt;
  Bytes whole(value.begin(), value.end());
  whole.resize(size, 0);
  std::size_t bits = value.size() * 8;
  if (!term.mask.empty()) {
    const auto length = prefix_length(term.mask);
    if (!length) return std::nullopt;
    bits = *length;
  }
  return term.text + " " + std::string(op_text(op)) + value_text(whole, term.type) + "/" +
         std::to_string(bits);
}

}  // namespace

std::string value_of(const Term& term, ByteView value, std::uint32_t type) {
  Bytes own(value.begin(), value.end());
  if (term.turned) std::reverse(own.begin(), own.end());
  if (type == integer_type && own.size() <= 8) {
    // Of four bytes value_text() takes the order of the host.
    return number_text(own, term.host || (term.turned && in_host_order(type)));
  }
  if (type == no_type && own.size() <= 8 && term.host) return number_text(own, true);
  return value_text(own, type);
}

std::string term_text(const Term& term) {
  if (term.constant || (term.mask.empty() && term.flip.empty())) return term.text;
  std::string text = term.text;
  const bool flips = !all_are(term.flip, 0);
  Bytes keep = term.mask;
  const std::size_t size = std::min(keep.size(), term.flip.size());
  bool sets = flips;  // bits that are cleared before they are turned are set
  for (std::size_t i = 0; i < size; ++i) sets = sets && (term.mask[i] & term.flip[i]) == 0;
  if (sets) {
    for (std::size_t i = 0; i < size; ++i) keep[i] |= term.flip[i];
  }
  if (!all_are(keep, 0xff)) text += " & " + value_of(term, keep, term.type);
  if (flips) text += (sets ? " | " : " ^ ") + value_of(term, term.flip, term.type);
  return text;
}

std::string compare_text(const Term& term, Compare::Op op, ByteView value) {
  if (const auto prefix = short_prefix(term, op, value)) return *prefix;
  if (!term.mask.empty()) return masked_compare(term, op, value);
  const bool exactly = op == Compare::Op::eq && is_flags(term.type);
  return term.text + " " + (exactly ? "== " : std::string(op_text(op))) +
         value_of(term, value, term.type);
}

std::string range_text(const Term& term, const Range& range) {
  return term_text(term) + (range.within ? " " : " != ") + value_of(term, range.from, term.type) +
         "-" + value_of(term, range.to, term.type);
}

void Terms::put(Register at, Term term) {
  if (at >= register_bytes) return;
  term.length = std::min(term.length, register_bytes);
  // What lay there is gone.
  const std::uint32_t end = at + std::max<std::uint32_t>(term.length, 1);
  terms_.erase(terms_.lower_bound(at), terms_.lower_bound(end));
  terms_.insert_or_assign(at, std::move(term));
}

Term* Terms::at(Register at) {
  const auto found = terms_.find(at);
  return found == terms_.end() ? nullptr : &found->second;
}

std::string Terms::key_text(Register at, std::uint32_t length) {
  std::string text;
  if (at >= register_bytes) return "[?]";
  length = std::min(length, register_bytes);
  const std::uint32_t end = at + std::max<std::uint32_t>(length, 1);
  while (at < end) {
    const Term* const term = this->at(at);
    text.append(text.empty() ? "" : " . ").append(term == nullptr ? "[?]" : term_text(*term));
    if (term == nullptr) break;
    at += (std::max<std::uint32_t>(term->length, 1) + 3) / 4 * 4;
  }
  return text;
}

std::string Terms::value_text(Register at, std::uint32_t type) {
  const Term* const term = this->at(at);
  if (term == nullptr) return "[?]";
  if (term->constant) return packet::value_text(*term->constant, type);
  return term_text(*term);
}

bool Terms::is_part(Register at, Register of) const {
  const auto found = terms_.find(of);
  return found != terms_.end() && at > of && at < of + found->second.length;
}

}  // namespace core::packet::words
