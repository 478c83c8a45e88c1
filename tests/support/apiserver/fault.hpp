// What can be made to go wrong between server and client, on demand.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace support::apiserver {

struct Fault {
  enum class Kind {
    drop,          // the connection breaks
    stall,         // nothing more comes, the connection stays
    garbage,       // bytes that are no HTTP; in a watch, a line that is no JSON
    busy,          // 429 with Retry-After
    error,         // 500
    unauthorized,  // 401, as if the token had expired
    drip,          // a few bytes per second
    truncate,      // a complete answer whose JSON is cut off
    duplicate,     // each event, or item of a page, twice
    reorder,       // the events of a batch, or the items of a page, last one first
    empty,         // a list without items, also one that begins a watch
  };

  Kind kind = Kind::error;
  std::string method;  // "" is any; "WATCH" is a GET that watches, "GET" one that does not
  std::string path;    // occurs in the request's target; "" is any
  int times = 1;       // requests that it meets; negative: all until cleared
  // What goes well before: events of a watch, bytes of another body.
  std::size_t after = 0;
  // Seconds of Retry-After for busy, bytes per second for drip.
  std::size_t amount = 1;

  friend bool operator==(const Fault&, const Fault&) = default;
};

std::optional<Fault::Kind> fault_kind(std::string_view name);  // "drop"

}  // namespace support::apiserver
