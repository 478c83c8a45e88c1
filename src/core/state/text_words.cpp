#include "core/state/text_words.hpp"

#include <array>
#include <charconv>

#include "core/constants.hpp"
#include "core/ip.hpp"

namespace core {
namespace {

std::string hex_digits(std::uint32_t value) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  return {digits.data(), end};
}

}  // namespace

std::string hex_text(std::uint32_t value) { return "0x" + hex_digits(value); }

std::string mark_text(std::uint32_t value) {
  const std::string digits = hex_digits(value);
  return "0x" + std::string(8 - digits.size(), '0') + digits;
}

std::string transport_text(std::uint32_t number) {
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
    if (static_cast<std::uint32_t>(protocol) == number) return std::string(to_string(protocol));
  }
  constexpr std::uint32_t icmpv6 = 58;  // IPPROTO_ICMPV6
  return number == icmpv6 ? "ipv6-icmp" : std::to_string(number);
}

std::string ip_command(Family family) { return family == Family::ipv4 ? "ip " : "ip -6 "; }

std::string route_table_text(std::uint32_t table) {
  constexpr std::uint32_t main_table = 254;  // RT_TABLE_MAIN
  return table == main_table ? "main" : std::to_string(table);
}

std::string owner_text(const char* word) {
  return std::string(" ") + word + " " + std::to_string(constants::edge_protocol);
}

std::string encapsulation_text(const Encapsulation& encapsulation) {
  return std::string(encapsulation.remote.family() == Family::ipv4 ? " encap ip" : " encap ip6") +
         " id " + std::to_string(encapsulation.id) + " dst " + to_string(encapsulation.remote) +
         " csum";
}

}  // namespace core
