// Elements of sets as `nft list` prints them.
#include <algorithm>
#include <span>

#include "core/state/text.hpp"
#include "core/state/text_words.hpp"

namespace core {
namespace {

using Octets = std::span<const std::uint8_t>;

std::uint32_t big_endian(Octets bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

std::string field_text(nft::Type type, Octets bytes) {
  switch (type) {
    case nft::Type::address:
      return to_string(Address(bytes));
    case nft::Type::inet_proto:
      return transport_text(bytes[0]);
    case nft::Type::inet_service:
      return std::to_string(big_endian(bytes));
    case nft::Type::mark: {
      std::uint32_t value = 0;
      std::memcpy(&value, bytes.data(), sizeof value);  // the register holds host order
      return mark_text(value);
    }
    case nft::Type::ifname: {
      const auto end = std::ranges::find(bytes, 0);
      return '"' + std::string(bytes.begin(), end) + '"';
    }
    case nft::Type::ct_dir:
      return bytes[0] == 0 ? "original" : "reply";
    case nft::Type::verdict:
      break;
  }
  return "?";
}

// The prefix that covers just these addresses, if there is one.
std::optional<Prefix> prefix_of(const Address& first, const Address& last) {
  for (std::size_t length = 0; length <= first.size() * 8; ++length) {
    const Prefix prefix{first, static_cast<std::uint8_t>(length)};
    if (prefix.first() == first && prefix.last() == last) return prefix;
  }
  return std::nullopt;
}

std::string interval_text(nft::Type type, Octets first, Octets last) {
  const std::string from = field_text(type, first);
  if (std::ranges::equal(first, last)) return from;
  if (type == nft::Type::address) {
    const auto prefix = prefix_of(Address(first), Address(last));
    if (prefix) return to_string(*prefix);
  }
  return from + "-" + field_text(type, last);
}

// Bytes that do not fit the types (somebody else's set of our set's name) are shown as they are.
std::string raw_text(Octets bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text = "0x";
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

std::string fields_text(const std::vector<nft::Type>& types, Family family, Octets bytes,
                        Octets last) {
  std::string text;
  const Octets all = bytes;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::size_t size = nft::size_of(types[i], family);
    if (bytes.size() < size) return raw_text(all);
    if (i > 0) text += " . ";
    const bool interval = i + 1 == types.size() && last.size() >= size;
    text += interval ? interval_text(types[i], bytes.first(size), last.first(size))
                     : field_text(types[i], bytes.first(size));
    bytes = bytes.subspan(std::min(nft::padded_size_of(types[i], family), bytes.size()));
  }
  return text;
}

std::string key_text(const ElementKey& key) {
  return fields_text(declaration_of(key.set).key, key.family, key.key.view(), key.end.view());
}

}  // namespace

std::string to_text(const Element& element) {
  std::string text = key_text(element.key);
  const ElementValue& value = element.value;
  if (value.comment) text += " comment \"" + *value.comment + "\"";
  if (value.chain.size != 0) {
    const Octets chain = value.chain.view();
    text += (value.jump ? " : jump " : " : goto ") + std::string(chain.begin(), chain.end());
  } else if (value.data.size != 0) {
    text += " : " + fields_text(declaration_of(element.key.set).data, element.key.family,
                                value.data.view(), {});
  }
  return text;
}

}  // namespace core
