// Why something that a Mapping asks for is not in effect, as one word: for programs that read a
// status, beside the reason for people.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

namespace core {

enum class Obstruction : std::uint8_t {
  conflict,     // another object has the address and port
  no_service,   // there is no such Service
  no_port,      // the Service has no such port
  no_endpoint,  // nothing is ready behind it
  no_address,   // none of its addresses is on this host
  host_port,    // the host itself listens there
  limit,        // it is more than it may have
  other,
};
using Obstructions = std::set<Obstruction>;

constexpr std::string_view to_string(Obstruction obstruction) {
  switch (obstruction) {
    case Obstruction::conflict:
      return "Conflict";
    case Obstruction::no_service:
      return "NoService";
    case Obstruction::no_port:
      return "NoPort";
    case Obstruction::no_endpoint:
      return "NoEndpoint";
    case Obstruction::no_address:
      return "NoAddress";
    case Obstruction::host_port:
      return "HostPort";
    case Obstruction::limit:
      return "Limit";
    case Obstruction::other:
      return "Other";
  }
  return "Other";
}

}  // namespace core
