#include "core/state/fou_port.hpp"

namespace core {

std::string to_text(const FouPort& port) {
  return "port " + std::to_string(port.port) +
         (port.family == Family::ipv4 ? " ipproto 4" : " ipproto 41 -6");
}

}  // namespace core
