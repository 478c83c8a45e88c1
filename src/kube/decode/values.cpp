#include "kube/decode/values.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace kube {
namespace {

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (!text.empty()) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    const bool valid =
        !label.empty() && is_alphanumeric(label.front()) && is_alphanumeric(label.back()) &&
        std::ranges::all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; });
    if (!valid) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
  return false;
}

bool is_dns_label(std::string_view text) {
  return text.size() <= 63 && text.find('.') == std::string_view::npos && is_dns_subdomain(text);
}

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  // 2024-01-31T23:59:59[.fraction](Z|+hh:mm)
  const auto number = [&](std::size_t at, std::size_t digits) -> std::optional<int> {
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const auto is = [&](std::size_t at, char c) { return at < text.size() && text[at] == c; };
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second || !is(4, '-') || !is(7, '-') ||
      !(is(10, 'T') || is(10, 't')) || !is(13, ':') || !is(16, ':')) {
    return std::nullopt;
  }
  std::size_t at = 19;
  if (is(at, '.')) {
    const std::size_t digits = ++at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    if (at == digits) return std::nullopt;
  }
  int offset = 0;
  if (is(at, '+') || is(at, '-')) {
    const auto hours = number(at + 1, 2), minutes = number(at + 4, 2);
    if (!hours || !minutes || !is(at + 3, ':') || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = (*hours * 60 + *minutes) * (text[at] == '-' ? -60 : 60);
    at += 6;
  } else if (is(at, 'Z') || is(at, 'z')) {
    ++at;
  } else {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (at != text.size() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60 + *second - offset;
}

std::string_view unusable(const core::Address& address) {
  struct Range {
    core::Prefix prefix;
    std::string_view what;
  };
  static const auto range = [](std::string_view prefix, std::string_view what) {
    return Range{core::Prefix::parse(prefix).value(), what};
  };
  static const std::array ranges = {
      range("0.0.0.0/8", "is not an address of a host"),
      range("127.0.0.0/8", "is a loopback address, nothing outside can reach it"),
      range("224.0.0.0/4", "is a multicast address"),
      range("255.255.255.255/32", "is the broadcast address"),
      range("::/128", "is not an address of a host"),
      range("::1/128", "is the loopback address, nothing outside can reach it"),
      range("::ffff:0:0/96", "is an IPv4 address in IPv6 form: write it as IPv4"),
      range("fe80::/10", "is a link-local address, it has no meaning without an interface"),
      range("ff00::/8", "is a multicast address"),
  };
  const auto found =
      std::ranges::find_if(ranges, [&](const Range& r) { return r.prefix.contains(address); });
  return found == ranges.end() ? std::string_view() : found->what;
}

core::Protocol decode_protocol(const Field& field) {
  const auto text = field.string();
  if (!text) return core::Protocol::tcp;
  const auto protocol = core::parse_protocol(*text);
  if (!protocol) field.reject(quote(*text) + " is not supported: tcp, udp and sctp are");
  return protocol.value_or(core::Protocol::tcp);
}

core::Affinity decode_affinity(const Field& field) {
  const auto text = field.string();
  if (text && *text == "ClientIP") return core::Affinity::client_ip;
  if (text && *text != "None")
    field.reject(quote(*text) + " is not supported: None and ClientIP are");
  return core::Affinity::none;
}

std::optional<core::Address> decode_address(const Field& field) {
  const auto text = field.string();
  if (!text) return std::nullopt;
  const auto address = core::Address::parse_sloppy(*text);
  if (!address) field.reject(quote(*text) + " is not an IPv4 or IPv6 address");
  return address;
}

}  // namespace kube
