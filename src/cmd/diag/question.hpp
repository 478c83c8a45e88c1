// The words of `pona diag trace` as a question. Pure but for random numbers, which are the
// caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/ip.hpp"
#include "core/objects.hpp"
#include "core/packet/cookie.hpp"

namespace cmd {

// Where a packet begins.
struct TraceSource {
  std::optional<core::ObjectName> pod;
  std::optional<core::Address> address;  // of this host, or of a client that is not here

  friend bool operator==(const TraceSource&, const TraceSource&) = default;
};

struct TraceWords {
  TraceSource source;
  core::Address destination;
  std::uint16_t port = 0;  // 0: none

  friend bool operator==(const TraceWords&, const TraceWords&) = default;
};

// "[SRC] [->|to] DST": SRC is pod/NS/NAME or an address, DST an address and a port. Throws
// core::Error (usage) that says which word is wrong. `needs_port`: the protocol has ports.
TraceWords parse_trace_words(const std::vector<std::string>& words, bool needs_port);

// "5a17c0de-1234-0102030405060708": what a packet is known by, in hexadecimal digits. Nothing where
// it is something else, or a part is 0.
std::string cookie_text(const core::packet::Cookie& cookie);
std::optional<core::packet::Cookie> parse_cookie(const std::string& text, std::uint8_t protocol);

}  // namespace cmd
