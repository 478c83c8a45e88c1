#include "core/ip.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace core {
namespace {

template <typename Number>
std::optional<Number> parse_decimal(std::string_view text, std::uint32_t max, std::size_t digits) {
  if (text.empty() || text.size() > digits) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  // "010" is octal to some readers and decimal to others: nobody gets to guess.
  if (value > max || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return static_cast<Number>(value);
}

bool parse_ipv4(std::string_view text, std::span<std::uint8_t, 4> out) {
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return false;
    const auto octet = parse_decimal<std::uint8_t>(text.substr(0, dot), 255, 3);
    if (!octet) return false;
    out[i] = *octet;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return true;
}

std::optional<std::uint16_t> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Colon-separated groups without "::", the last of which may be a dotted quad; returns how many
// bytes they fill, or nothing if they are malformed or more than fit.
std::optional<std::size_t> parse_groups(std::string_view text, std::span<std::uint8_t, 16> out) {
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      if (used > 12) return std::nullopt;
      std::array<std::uint8_t, 4> quad{};
      if (!parse_ipv4(group, quad)) return std::nullopt;
      std::copy(quad.begin(), quad.end(), out.begin() + static_cast<std::ptrdiff_t>(used));
      return used + 4;
    }
    const auto value = parse_group(group);
    if (!value || used > 14) return std::nullopt;
    out[used++] = static_cast<std::uint8_t>(*value >> 8);
    out[used++] = static_cast<std::uint8_t>(*value & 0xff);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;
  }
  return used;
}

bool parse_ipv6(std::string_view text, std::span<std::uint8_t, 16> out) {
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) return parse_groups(text, out) == 16;
  const std::string_view head = text.substr(0, gap);
  const std::string_view tail = text.substr(gap + 2);
  if (head.find('.') != std::string_view::npos) return false;
  std::array<std::uint8_t, 16> right{};
  const auto head_size = parse_groups(head, out);
  const auto tail_size = parse_groups(tail, right);
  if (!head_size || !tail_size || *head_size + *tail_size > 14) return false;
  std::copy_n(right.begin(), *tail_size, out.end() - static_cast<std::ptrdiff_t>(*tail_size));
  return true;
}

std::string print_ipv4(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += '.';
    text += std::to_string(byte);
  }
  return text;
}

// RFC 5952: lower case, no leading zeros, the longest run (the first of equals) of at least two
// zero groups shortened, IPv4-mapped addresses with their dotted quad.
std::string print_ipv6(std::span<const std::uint8_t> bytes) {
  const auto group = [&](int i) {
    const auto at = static_cast<std::size_t>(i) * 2;
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
  };
  int gap = -1;
  int gap_size = 1;
  for (int i = 0; i < 8; ++i) {
    int end = i;
    while (end < 8 && group(end) == 0) ++end;
    if (end - i > gap_size) {
      gap = i;
      gap_size = end - i;
    }
    i = std::max(i, end - 1);
  }
  if (gap == 0 && gap_size == 5 && group(5) == 0xffff) {
    return "::ffff:" + print_ipv4(bytes.subspan(12));
  }
  std::string text;
  for (int i = 0; i < 8; ++i) {
    if (i == gap) {
      text += "::";
      i += gap_size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    std::array<char, 4> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), group(i), 16).ptr;
    text.append(digits.data(), end);
  }
  return text;
}

// Of the dotted decimals: "192.0.002.010" is 192.0.2.10. Of an IPv6 address those at its end.
std::string without_leading_zeros(std::string_view text) {
  std::size_t at = text.rfind(':');
  at = at == std::string_view::npos ? 0 : at + 1;
  std::string result(text.substr(0, at));
  text.remove_prefix(at);
  if (text.find('.') == std::string_view::npos) return result + std::string(text);
  for (;;) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    std::string_view part = text.substr(0, dot);
    while (part.size() > 1 && part.front() == '0') part.remove_prefix(1);
    result += part;
    if (dot == text.size()) return result;
    result += '.';
    text.remove_prefix(dot + 1);
  }
}

// The address with every bit after `length` set to `ones`.
Address fill(const Prefix& prefix, bool ones) {
  std::array<std::uint8_t, 16> bytes{};
  const auto from = prefix.address.bytes();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const int kept = std::clamp(int{prefix.length} - static_cast<int>(i) * 8, 0, 8);
    const auto host = static_cast<std::uint8_t>(0xff >> kept);
    bytes[i] = static_cast<std::uint8_t>(ones ? from[i] | host : from[i] & ~host);
  }
  return Address(std::span<const std::uint8_t>(bytes).first(from.size()));
}

}  // namespace

std::string_view to_string(Family family) { return family == Family::ipv4 ? "ip" : "ip6"; }

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
    case Protocol::sctp:
      return "sctp";
  }
  return "?";
}

std::optional<Protocol> parse_protocol(std::string_view text) {
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
    const bool same = std::ranges::equal(text, to_string(protocol), [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
    if (same) return protocol;
  }
  return std::nullopt;
}

Address::Address(std::span<const std::uint8_t> bytes)
    : family_(bytes.size() == 4 ? Family::ipv4 : Family::ipv6) {
  std::copy_n(bytes.begin(), std::min(bytes.size(), bytes_.size()), bytes_.begin());
}

std::optional<Address> Address::parse(std::string_view text) {
  Address address;
  const std::span<std::uint8_t, 16> bytes(address.bytes_);
  if (text.find(':') == std::string_view::npos) {
    if (!parse_ipv4(text, bytes.first<4>())) return std::nullopt;
  } else {
    if (!parse_ipv6(text, bytes)) return std::nullopt;
    address.family_ = Family::ipv6;
  }
  return address;
}

std::optional<Address> Address::parse_sloppy(std::string_view text) {
  const auto address = parse(without_leading_zeros(text));
  if (!address || address->family() == Family::ipv4) return address;
  static const Prefix mapped = *Prefix::parse("::ffff:0.0.0.0/96");
  return mapped.contains(*address) ? Address(address->bytes().last(4)) : address;
}

Address Address::plus(std::int64_t offset) const {
  Address sum = *this;
  // Two's complement: a negative offset is its 64 bits with ones above them.
  const auto low = static_cast<std::uint64_t>(offset);
  unsigned carry = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    const unsigned above = offset < 0 ? 0xff : 0;
    const unsigned digit = i < 8 ? static_cast<unsigned>(low >> (8 * i) & 0xff) : above;
    std::uint8_t& byte = sum.bytes_[size() - 1 - i];
    const unsigned total = byte + digit + carry;
    byte = static_cast<std::uint8_t>(total & 0xff);
    carry = total >> 8;
  }
  return sum;
}

std::string to_string(const Address& address) {
  return address.family() == Family::ipv4 ? print_ipv4(address.bytes())
                                          : print_ipv6(address.bytes());
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return host(*address);
  const auto bits = static_cast<std::uint32_t>(address->size() * 8);
  const auto length = parse_decimal<std::uint8_t>(text.substr(slash + 1), bits, 3);
  if (!length) return std::nullopt;
  return Prefix{*address, *length};
}

std::optional<Prefix> Prefix::parse_sloppy(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(blanks) - first + 1);
  const std::size_t slash = std::min(text.find('/'), text.size());
  return parse(without_leading_zeros(text.substr(0, slash)) + std::string(text.substr(slash)));
}

Prefix Prefix::host(const Address& address) {
  return {address, static_cast<std::uint8_t>(address.size() * 8)};
}

Prefix Prefix::masked() const { return {first(), length}; }

Address Prefix::first() const { return fill(*this, false); }

Address Prefix::last() const { return fill(*this, true); }

bool Prefix::contains(const Address& other) const {
  return other.family() == family() && Prefix{other, length}.first() == first();
}

std::string to_string(const Prefix& prefix) {
  return to_string(prefix.address) + "/" + std::to_string(prefix.length);
}

std::optional<PortRange> PortRange::parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

std::string to_string(const PortRange& range) {
  const std::string first = std::to_string(range.first);
  return range.single() ? first : first + "-" + std::to_string(range.last);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_decimal<std::uint16_t>(text, 65535, 5);
  return port && *port > 0 ? port : std::nullopt;
}

}  // namespace core

std::size_t std::hash<core::Address>::operator()(const core::Address& address) const noexcept {
  // splitmix64's finaliser over both halves: neighbouring addresses must not share buckets.
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), address.bytes().data(), address.size());
  std::uint64_t hash = address.size();
  for (const std::uint64_t word : words) {
    hash = (hash ^ word) + 0x9e3779b97f4a7c15U;
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9U;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebU;
    hash ^= hash >> 31;
  }
  return hash;
}
