// HTTP/1.1 on the server's side, as bytes: requests out of what has come in, heads and chunks of
// what goes out.
#pragma once

#include <optional>
#include <string>

#include "support/apiserver/server.hpp"

namespace support::apiserver {

struct Parsed {
  Request request;
  std::size_t size = 0;  // bytes of the input that it took
  bool keeps_open = true;
};

// The first request in `input`, once it is complete. Throws core::Error for what is no HTTP.
std::optional<Parsed> parse_request(const std::string& input);
// Whether the client waits for a "100 Continue" before it sends the body.
bool awaits_continue(const std::string& input);

// `size` bytes of body follow; without one, chunks.
std::string response_head(const Response& response, std::optional<std::size_t> size);
std::string chunk(const std::string& bytes);  // none is the last one

}  // namespace support::apiserver
