#include "kube/decode/encoding.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "core/printable.hpp"

namespace kube {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char hex_digit(unsigned value) { return "0123456789ABCDEF"[value & 0xf]; }

std::uint16_t standard_port(std::string_view scheme) {
  if (scheme == "http") return 80;
  if (scheme == "https") return 443;
  return scheme == "socks5" || scheme == "socks5h" ? 1080 : 0;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  unsigned digits = 0;
  unsigned padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (padding > 0 && digits == 0) return std::nullopt;  // the end was before
    const std::size_t value = alphabet.find(c);
    if (c == '=' && digits >= 2) {
      ++padding;
    } else if (value == std::string_view::npos || padding > 0) {
      return std::nullopt;
    }
    group = group << 6 | (c == '=' ? 0 : static_cast<std::uint32_t>(value));
    if (++digits < 4) continue;
    for (unsigned i = 0; i < 3 - padding; ++i) {
      bytes += static_cast<char>(group >> (16 - 8 * i) & 0xff);
    }
    group = 0;
    digits = 0;
  }
  if (digits != 0) return std::nullopt;
  return bytes;
}

std::string encode_base64(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view part = bytes.substr(at, 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < part.size() ? static_cast<unsigned char>(part[i]) : 0U);
    }
    for (unsigned i = 0; i < 4; ++i) {
      text += i <= part.size() ? alphabet[group >> (18 - 6 * i) & 0x3f] : '=';
    }
  }
  return text;
}

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const std::size_t size = core::sequence_size(text);
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    if (size == 0) {
      quoted += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20) {
      quoted += "\\u00";
      quoted += {hex_digit(byte >> 4U), hex_digit(byte)};
    } else {
      quoted += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return quoted + '"';
}

std::string to_json(const Node& node) {
  const bool map = node.type() == Node::Type::map;
  switch (node.type()) {
    case Node::Type::null:
      return "null";
    case Node::Type::boolean:
      return node.text().front() == 't' || node.text().front() == 'T' ? "true" : "false";
    case Node::Type::integer:
    case Node::Type::number: {
      // YAML knows forms that JSON does not: 0x1f, +1, .5, .inf.
      std::string_view digits = node.text();
      if (digits.starts_with('-')) digits.remove_prefix(1);
      const std::size_t dot = std::min(digits.find('.'), digits.size());
      const std::string_view whole = digits.substr(0, dot);
      const std::string_view fraction = digits.substr(std::min(dot + 1, digits.size()));
      const auto decimal = [](std::string_view part) {
        return part.find_first_not_of("0123456789") == std::string_view::npos;
      };
      const bool plain = !whole.empty() && decimal(whole) && decimal(fraction) &&
                         (whole.size() == 1 || whole.front() != '0') &&
                         (dot == digits.size() || !fraction.empty());
      return plain ? std::string(node.text()) : json_text(node.text());
    }
    case Node::Type::string:
      return json_text(node.text());
    case Node::Type::sequence:
    case Node::Type::map:
      break;
  }
  std::string text(1, map ? '{' : '[');
  for (const Node child : node) {
    if (text.size() > 1) text += ',';
    if (map) text += json_text(child.key()) + ':';
    text += to_json(child);
  }
  return text + (map ? '}' : ']');
}

std::string escape_query(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += {'%', hex_digit(byte >> 4U), hex_digit(byte)};
    }
  }
  return escaped;
}

std::string Url::authority() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string to_string(const Url& url) {
  return url.scheme + "://" + (url.user.empty() ? "" : url.user + "@") + url.authority() + url.path;
}

std::optional<Url> parse_url(std::string_view text) {
  Url url;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  for (const char c : text.substr(0, colon)) {
    url.scheme += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  url.port = standard_port(url.scheme);
  if (url.port == 0) return std::nullopt;
  text.remove_prefix(colon + 3);
  const auto visible = [](char c) { return c > ' ' && c != 0x7f && c != '?' && c != '#'; };
  if (!std::all_of(text.begin(), text.end(), visible)) return std::nullopt;
  const std::size_t slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  if (slash != std::string_view::npos) url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  std::size_t end = authority.find(':');
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    url.host = authority.substr(1, bracket - 1);
    end = bracket + 1;
    if (end < authority.size() && authority[end] != ':') return std::nullopt;
  } else {
    url.host = authority.substr(0, end);
  }
  if (url.host.empty()) return std::nullopt;
  if (end >= authority.size()) return url;
  const std::string_view digits = authority.substr(end + 1);
  const char* const last = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), last, url.port);
  if (parsed.ec != std::errc() || parsed.ptr != last || url.port == 0) return std::nullopt;
  return url;
}

}  // namespace kube
