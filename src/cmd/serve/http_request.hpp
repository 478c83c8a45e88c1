// The head of an HTTP/1.x request, as far as a server of a few pages looks at it. No sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cmd {

struct HttpRequest {
  enum class Method : std::uint8_t { get, head, other };

  Method method = Method::get;
  std::string path;    // without "?" and what follows it
  std::string query;   // what follows it
  std::string head;    // all of it
  bool local = false;  // it came by a unix socket

  // The value of a header field, whose name is compared without regard to case; empty: not there.
  [[nodiscard]] std::string_view field(std::string_view name) const;
};

// Where the head ends in what came, with the empty line; none: it is not whole yet. `from`: so much
// was looked at before, when it was not whole.
std::optional<std::size_t> end_of_head(std::string_view text, std::size_t from = 0);

// What a part of a query means: "%5B" is "[", and "+" a blank. What is no such code stays.
std::string decode_query(std::string_view text);

// None: it is not HTTP/1.x.
std::optional<HttpRequest> parse_head(std::string_view head);

}  // namespace cmd
