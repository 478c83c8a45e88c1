#include "core/packet/rules/header_words.hpp"

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/rule_text.hpp"

namespace core::packet::words {

HeaderWords::HeaderWords(TableFamily family) {
  if (family == TableFamily::ip) network_ = "ip";
  if (family == TableFamily::ip6) network_ = "ip6";
}

void HeaderWords::imply(std::size_t& match) {
  const std::size_t at = std::exchange(match, none);
  if (at < words_.size()) words_[at].clear();
}

std::string HeaderWords::header_of(Payload::Base base) const {
  switch (base) {
    case Payload::Base::link:
      return "ether";
    case Payload::Base::network:
      return network_;
    case Payload::Base::transport:
      return transport_.empty() ? "th" : transport_;
    case Payload::Base::inner:
      return "";
  }
  return "";
}

Term HeaderWords::field(Payload::Base base, std::uint32_t offset, std::uint32_t length) {
  constexpr std::string_view bases[] = {"@ll,", "@nh,", "@th,", "@ih,"};
  Term term;
  term.length = length;
  const std::string header = header_of(base);
  if (const PayloadField* const field = find_field(header, offset, length)) {
    term.text = header + " " + std::string(field->name);
    term.type = field->type;
    if (base == Payload::Base::link) imply(link_match_);
    const bool of_network = header == "icmp" || header == "icmpv6";
    if (base == Payload::Base::network || of_network) imply(network_match_);
    if (base == Payload::Base::transport && header != "th") imply(transport_match_);
  } else {
    term.text = std::string(bases[static_cast<std::size_t>(base)]) +
                std::to_string(std::uint64_t{offset} * 8) + "," +
                std::to_string(std::uint64_t{length} * 8);
  }
  return term;
}

bool HeaderWords::add_fields(const Payload& payload, const Compare& compare) {
  if (compare.op != Compare::Op::eq || compare.value.size() != payload.length) return false;
  const std::string header = header_of(payload.base);
  std::vector<std::pair<const PayloadField*, ByteView>> parts;
  std::uint32_t at = 0;
  while (at < payload.length) {
    const PayloadField* found = nullptr;
    for (const std::uint32_t length : {1U, 2U, 4U, 6U, 16U}) {
      const auto* const field = find_field(header, payload.offset + at, length);
      if (field != nullptr && field->length == length) found = field;
    }
    if (found == nullptr || at + found->length > payload.length) return false;
    parts.emplace_back(found, ByteView(compare.value).subspan(at, found->length));
    at += found->length;
  }
  if (parts.size() < 2) return false;
  for (const auto& [part, value] : parts) {
    const Term term = field(payload.base, part->offset, part->length);
    add(compare_text(term, Compare::Op::eq, value));
  }
  return true;
}

void HeaderWords::learn(const Term& term, const Compare& compare) {
  if (compare.op != Compare::Op::eq || compare.value.empty() || !term.mask.empty()) return;
  const std::size_t said = words_.size() - 1;
  const std::uint8_t value = compare.value[0];
  if (term.type == protocol_type) {
    transport_ = protocol_text(value);
    transport_match_ = term.text == "meta l4proto" ? said : none;
  } else if (term.text == "iiftype") {
    link_match_ = said;
  } else if (term.text == "meta nfproto") {
    network_ = value == nfproto_ipv4 ? "ip" : value == nfproto_ipv6 ? "ip6" : "";
    network_match_ = said;
  } else if (term.type == ethertype_type) {
    const std::string name = value_text(compare.value, ethertype_type);
    network_ = name == "ip" || name == "ip6" ? name : "";
    network_match_ = said;
  }
}

std::string HeaderWords::line() const {
  std::string line;
  for (const std::string& word : words_) {
    if (!word.empty()) line.append(line.empty() ? "" : " ").append(word);
  }
  return line;
}

void HeaderWords::replace_last(std::string word) {
  if (!words_.empty()) words_.back() = std::move(word);
}

std::vector<std::string> HeaderWords::exchange(std::vector<std::string> words) {
  link_match_ = network_match_ = transport_match_ = none;
  return std::exchange(words_, std::move(words));
}

}  // namespace core::packet::words
