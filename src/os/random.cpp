#include "os/random.hpp"

#include <sys/random.h>

namespace os {

std::uint64_t unguessable() {
  std::uint64_t number = 0;
  // Eight bytes come whole, or not at all: a signal may come first while the machine boots.
  while (getrandom(&number, sizeof number, 0) != sizeof number) {
  }
  return number;
}

}  // namespace os
