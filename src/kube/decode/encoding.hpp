// Small encodings that requests and credentials need: base64, JSON texts, URLs. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kube/decode/document.hpp"

namespace kube {

// RFC 4648, with padding; white space in between is skipped, as in YAML's folded texts. Nothing for
// anything else.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

// A JSON text with its quotes. What is not UTF-8 becomes U+FFFD: a receiver would refuse it.
std::string json_text(std::string_view text);
// A node with all below it, as JSON in one line.
std::string to_json(const Node& node);

// For a value in a URL's query: all but RFC 3986's unreserved characters as %XX.
std::string escape_query(std::string_view text);

// scheme://host[:port][/path]
struct Url {
  std::string scheme;  // lower case
  std::string user;    // "user:password" where given, as it stands
  std::string host;    // without brackets
  std::uint16_t port = 0;
  std::string path;  // without a slash at the end

  // host:port, with brackets where the host is an IPv6 address.
  [[nodiscard]] std::string authority() const;

  friend bool operator==(const Url&, const Url&) = default;
};

std::string to_string(const Url& url);

// Ports that are not given are those of the scheme: http 80, https 443, socks5 and socks5h 1080.
// Nothing for other schemes, a query, or what is no URL.
std::optional<Url> parse_url(std::string_view text);

}  // namespace kube
