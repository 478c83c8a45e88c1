// Addresses, prefixes, ports and transport protocols of both families as one set of value types.
// Not here: name look-up, sockets, anything with an effect.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace core {

enum class Family : std::uint8_t { ipv4, ipv6 };

// IANA protocol numbers.
enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };

std::string_view to_string(Family family);      // "ip", "ip6": the nft family words
std::string_view to_string(Protocol protocol);  // "tcp", "udp", "sctp"
// Accepts any letter case: Kubernetes writes "TCP", SmartNat wrote "tcp".
std::optional<Protocol> parse_protocol(std::string_view text);

class Address {
 public:
  Address() = default;  // 0.0.0.0
  // `bytes` in network order: 4 (IPv4) or 16 (IPv6) of them.
  explicit Address(std::span<const std::uint8_t> bytes);

  // Dotted quad without leading zeros, or RFC 4291 text. No zone, no prefix length.
  static std::optional<Address> parse(std::string_view text);
  // As Kubernetes reads what it stored before it was strict: leading zeros are decimal, and IPv4
  // may stand in IPv6 form (::ffff:192.0.2.1). For what a cluster says; people are asked to be
  // exact.
  static std::optional<Address> parse_sloppy(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size()}; }
  [[nodiscard]] std::size_t size() const { return family_ == Family::ipv4 ? 4 : 16; }
  // This address plus `offset` (may be negative), wrapping inside the family.
  [[nodiscard]] Address plus(std::int64_t offset) const;

  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  Family family_ = Family::ipv4;  // first, so that IPv4 sorts before IPv6
  std::array<std::uint8_t, 16> bytes_{};
};

std::string to_string(const Address& address);  // RFC 5952 for IPv6

struct Prefix {
  Address address;
  std::uint8_t length = 0;

  // "10.0.0.0/8"; a bare address is taken as a host prefix (/32, /128). Host bits are kept.
  static std::optional<Prefix> parse(std::string_view text);
  // Likewise, and blanks around it: as Kubernetes reads loadBalancerSourceRanges.
  static std::optional<Prefix> parse_sloppy(std::string_view text);
  static Prefix host(const Address& address);

  [[nodiscard]] Family family() const { return address.family(); }
  [[nodiscard]] Prefix masked() const;  // host bits zeroed
  [[nodiscard]] Address first() const;  // lowest address: the network
  [[nodiscard]] Address last() const;   // highest address: IPv4 broadcast
  [[nodiscard]] bool contains(const Address& other) const;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

std::string to_string(const Prefix& prefix);

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  // inclusive; == first for a single port

  [[nodiscard]] bool single() const { return first == last; }
  [[nodiscard]] std::uint32_t size() const { return std::uint32_t{last} - first + 1; }
  [[nodiscard]] bool contains(std::uint16_t port) const { return first <= port && port <= last; }
  [[nodiscard]] bool overlaps(const PortRange& other) const {
    return first <= other.last && other.first <= last;
  }

  // "443" or "5000-5010", 1 to 65535, first <= last.
  static std::optional<PortRange> parse(std::string_view text);

  friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

std::string to_string(const PortRange& range);  // "443" or "5000-5010"

std::optional<std::uint16_t> parse_port(std::string_view text);  // 1 to 65535, decimal

}  // namespace core

template <>
struct std::hash<core::Address> {
  std::size_t operator()(const core::Address& address) const noexcept;
};
