#include "cmd/diag/question.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>
#include <utility>

#include "core/error.hpp"

namespace cmd {
namespace {

[[noreturn]] void wrong(const std::string& text) {
  throw core::Error(core::Error::Kind::usage, text);
}

// "ADDRESS", "ADDRESS:PORT", "[ADDRESS]:PORT", "ADDRESS PORT" is not one.
std::pair<std::optional<core::Address>, std::string> split(const std::string& word) {
  if (word.starts_with('[')) {
    const std::size_t end = word.find(']');
    if (end == std::string::npos) return {std::nullopt, ""};
    const std::string rest = word.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return {std::nullopt, ""};
    return {core::Address::parse(word.substr(1, end - 1)), rest.empty() ? "" : rest.substr(1)};
  }
  if (std::ranges::count(word, ':') == 1) {
    const std::size_t colon = word.find(':');
    return {core::Address::parse(word.substr(0, colon)), word.substr(colon + 1)};
  }
  return {core::Address::parse(word), ""};
}

TraceSource parse_source(const std::string& word) {
  TraceSource source;
  constexpr std::string_view pod = "pod/";
  if (word.starts_with(pod)) {
    const std::string rest = word.substr(pod.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == rest.size() ||
        rest.find('/', slash + 1) != std::string::npos) {
      wrong("\"" + word + "\" names no pod: say pod/NAMESPACE/NAME");
    }
    source.pod = core::ObjectName{rest.substr(0, slash), rest.substr(slash + 1)};
    return source;
  }
  source.address = core::Address::parse(word);
  if (!source.address) {
    wrong("\"" + word + "\" is no source: say pod/NAMESPACE/NAME, or an address as 198.51.100.7");
  }
  return source;
}

}  // namespace

TraceWords parse_trace_words(const std::vector<std::string>& words, bool needs_port) {
  std::vector<std::string> plain;
  for (const std::string& word : words) {
    if (word == "-") {
      wrong(
          "the shell took > for a redirection, and may have made a file of the destination's name: "
          "say \"to\", or quote '->'");
    }
    if (word == "->" || word == "to" || word == "→") continue;
    plain.push_back(word);
  }
  if (plain.empty()) wrong("where to? Say pona diag trace [SOURCE to] ADDRESS:PORT");
  if (plain.size() > 2)
    wrong("\"" + plain[2] + "\" is one word too many: say [SOURCE to] ADDRESS:PORT");
  TraceWords result;
  if (plain.size() == 2) result.source = parse_source(plain.front());
  const std::string& to = plain.back();
  const auto [address, port] = split(to);
  if (!address) {
    wrong("\"" + to + "\" is no destination: say an address and a port, as 203.0.113.5:443 or " +
          "[2001:db8::5]:443 (names are not looked up)");
  }
  result.destination = *address;
  if (!port.empty()) {
    const auto number = core::parse_port(port);
    if (!number) wrong("\"" + port + "\" is no port: 1 to 65535");
    result.port = *number;
  }
  if (needs_port && result.port == 0) {
    wrong("to which port of " + to + "? Say " +
          (address->family() == core::Family::ipv6 ? "[" + to_string(*address) + "]" : to) +
          ":PORT, or --icmp for an echo request");
  }
  if (result.source.address && result.source.address->family() != result.destination.family()) {
    wrong(to_string(*result.source.address) + " and " + to_string(*address) +
          " are of different families");
  }
  return result;
}

std::string cookie_text(const core::packet::Cookie& cookie) {
  std::array<char, 40> text{};
  std::uint64_t payload = 0;
  for (const std::uint8_t byte : cookie.payload) payload = payload << 8 | byte;
  std::snprintf(text.data(), text.size(), "%08x-%04x-%016llx", cookie.sequence, cookie.id,
                static_cast<unsigned long long>(payload));
  return text.data();
}

std::optional<core::packet::Cookie> parse_cookie(const std::string& text, std::uint8_t protocol) {
  constexpr std::array<std::size_t, 3> ends = {8, 13, 30};
  std::array<std::uint64_t, 3> numbers{};
  std::size_t begin = 0;
  if (text.size() != ends.back()) return std::nullopt;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const char* const end = text.data() + ends[i];
    if (std::from_chars(text.data() + begin, end, numbers[i], 16).ptr != end) return std::nullopt;
    if (numbers[i] == 0 || (i + 1 < ends.size() && *end != '-')) return std::nullopt;
    begin = ends[i] + 1;
  }
  core::packet::Cookie cookie;
  cookie.protocol = protocol;
  cookie.sequence = static_cast<std::uint32_t>(numbers[0]);
  cookie.id = static_cast<std::uint16_t>(numbers[1]);
  for (std::size_t i = 0; i < cookie.payload.size(); ++i) {
    cookie.payload[i] = static_cast<std::uint8_t>(numbers[2] >> (56 - 8 * i));
  }
  return cookie;
}

}  // namespace cmd
