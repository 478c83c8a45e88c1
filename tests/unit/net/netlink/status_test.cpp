#include "net/netlink/status.hpp"

#include <cerrno>
#include <limits>

#include "support/catch.hpp"

namespace unit::netlink_status_test {

TEST_CASE("a status of the kernel becomes an errno value, and what is none an error") {
  CHECK(net::error_of(0) == 0);
  CHECK(net::error_of(-ENOENT) == ENOENT);
  CHECK(net::error_of(-4095) == 4095);
  for (const std::int32_t odd : {1, -4096, std::numeric_limits<std::int32_t>::min(),
                                 std::numeric_limits<std::int32_t>::max()}) {
    CHECK(net::error_of(odd) == EPROTO);
  }
}

}  // namespace unit::netlink_status_test
