#include "os/listen.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::listen_test {

TEST_CASE("the socket tells a living instance from a dead one's file") {
  const support::Temporary directory;
  const std::string path = directory.path().string() + "/s";
  {
    const os::Fd listener = os::listen_unix(path, "pona edge", 0660);
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0660);
    CHECK(os::listener_of(path) == getpid());
    CHECK_THROWS_WITH(os::listen_unix(path, "pona edge", 0660),
                      "pona edge is running already: process " + std::to_string(getpid()) +
                          " listens on " + path);
  }
  CHECK_FALSE(os::listener_of(path).has_value());
  CHECK(os::listen_unix(path, "pona edge", 0660));  // over the file that was left

  const std::string file = directory.path().string() + "/file";
  std::ofstream(file) << "precious";
  CHECK_THROWS_AS(os::listen_unix(file, "pona edge", 0660), core::Error);
  CHECK(std::filesystem::file_size(file) == 8);
}

TEST_CASE("a TCP port in use is an error that says so") {
  const auto address = core::Address::parse("127.0.0.1");
  std::optional<os::Fd> first;
  std::uint16_t port = 20000;
  for (; !first && port < 20100; ++port) {
    try {
      first = os::listen_tcp(address, port);
      break;
    } catch (const core::Error&) {
    }
  }
  REQUIRE(first);
  CHECK_THROWS_WITH(os::listen_tcp(address, port),
                    "cannot listen on 127.0.0.1, TCP port " + std::to_string(port) +
                        ": Address already in use; --monitor-address and --monitor-port choose "
                        "another");
}

}  // namespace unit::listen_test
