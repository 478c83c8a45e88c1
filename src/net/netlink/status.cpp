#include "net/netlink/status.hpp"

#include <cerrno>

namespace net {

int error_of(std::int32_t status) {
  constexpr std::int32_t most = 4095;  // MAX_ERRNO: linux/err.h
  if (status == 0) return 0;
  return status < 0 && status >= -most ? -status : EPROTO;
}

}  // namespace net
