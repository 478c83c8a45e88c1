// What runs in the lab's pods: HTTP that tells who it is and whom it sees, TCP echo, UDP echo, over
// IPv4 and IPv6. One process each, until a signal ends it.
#pragma once

#include <cstdint>
#include <string>

namespace cmd {

struct Servers {
  std::string name;
  // GET /: "NAME sees ADDRESS"; GET /name: "NAME".
  std::uint16_t http = 0;
  // TCP: greets with "NAME sees ADDRESS", then echoes. UDP: answers "NAME sees ADDRESS: TEXT".
  std::uint16_t echo = 0;
};

// Does not return unless something fails: throws core::Error.
void serve(const Servers& servers);

}  // namespace cmd
