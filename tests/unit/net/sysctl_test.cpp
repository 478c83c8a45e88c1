#include "net/sysctl.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::sysctl_test {

using net::read_sysctl;
using net::write_sysctl;
using net::test::in_namespace;
using net::test::shell;

TEST_CASE("a kernel parameter is read without its line end, runs of blanks as one") {
  CHECK(read_sysctl("kernel/ostype") == "Linux");
  const auto range = read_sysctl("net/ipv4/ip_local_port_range");
  REQUIRE(range);
  CHECK(range->find('\t') == std::string::npos);
  CHECK(range->find(' ') != std::string::npos);
}

TEST_CASE("a parameter that does not exist has no value and cannot be set for now") {
  CHECK(read_sysctl("net/ipv4/conf/no-such-if/rp_filter") == std::nullopt);
  CHECK(read_sysctl("net/ipv4/ip_forward/below") == std::nullopt);
  try {
    write_sysctl("net/ipv4/conf/no-such-if/rp_filter", "2");
    FAIL("it was set");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::transient);
    CHECK(std::string(error.what()).find("/proc/sys/net/ipv4/conf/no-such-if/rp_filter") !=
          std::string::npos);
  }
}

TEST_CASE("a parameter is that of the thread's namespace, dots in the interface's name or not") {
  const auto outside = read_sysctl("net/ipv4/conf/all/rp_filter");
  in_namespace([] {
    shell("ip link add eth1.100 type veth peer name peer1");
    write_sysctl("net/ipv4/conf/eth1.100/rp_filter", "2");
    CHECK(read_sysctl("net/ipv4/conf/eth1.100/rp_filter") == "2");
    const std::string other = read_sysctl("net/ipv4/conf/all/rp_filter") == "1" ? "2" : "1";
    write_sysctl("net/ipv4/conf/all/rp_filter", other);
    CHECK(read_sysctl("net/ipv4/conf/all/rp_filter") == other);
  });
  CHECK(read_sysctl("net/ipv4/conf/all/rp_filter") == outside);
}

TEST_CASE("a value that the kernel refuses is an error with its words") {
  in_namespace([] {
    CHECK_THROWS_WITH(write_sysctl("net/ipv4/ip_forward", "much"),
                      Catch::Contains("\"much\"") && Catch::Contains("Invalid argument"));
  });
}

TEST_CASE("where /proc/sys is read-only, as in containers, the host's beside it is written") {
  in_namespace([] {
    // A root of this thread's own: its /proc/sys is read-only, /host/proc/sys/net is not.
    if (unshare(CLONE_NEWNS) != 0) {
      WARN("left out: making mount namespaces needs root");
      return;
    }
    REQUIRE(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    REQUIRE(mount("tmpfs", "/mnt", "tmpfs", 0, nullptr) == 0);
    for (const char* const directory : {"/mnt/proc", "/mnt/proc/sys", "/mnt/host", "/mnt/host/proc",
                                        "/mnt/host/proc/sys", "/mnt/host/proc/sys/net"}) {
      REQUIRE(mkdir(directory, 0755) == 0);
    }
    REQUIRE(mount("/proc/sys", "/mnt/proc/sys", nullptr, MS_BIND, nullptr) == 0);
    REQUIRE(mount(nullptr, "/mnt/proc/sys", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) ==
            0);
    REQUIRE(mount("/proc/sys/net", "/mnt/host/proc/sys/net", nullptr, MS_BIND, nullptr) == 0);
    REQUIRE(chroot("/mnt") == 0);
    const std::string other = read_sysctl("net/ipv4/conf/all/rp_filter") == "1" ? "2" : "1";
    write_sysctl("net/ipv4/conf/all/rp_filter", other);
    CHECK(read_sysctl("net/ipv4/conf/all/rp_filter") == other);

    REQUIRE(umount("/host/proc/sys/net") == 0);
    CHECK_THROWS_WITH(
        write_sysctl("net/ipv4/conf/all/rp_filter", "0"),
        Catch::Contains("Read-only file system") && Catch::Contains("/host/proc/sys/net"));
    CHECK(read_sysctl("net/ipv4/conf/all/rp_filter") == other);
  });
}

}  // namespace unit::sysctl_test
