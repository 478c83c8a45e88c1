#include "os/acceptor.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <vector>

#include "os/listen.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::acceptor_test {

using namespace std::chrono_literals;

namespace {

// No new descriptor for this process while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(os::Fd(fcntl(0, F_DUPFD_CLOEXEC, 0)).get());
    setrlimit(RLIMIT_NOFILE, &none);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

os::Fd connect_to(const std::string& path) {
  os::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  return fd;
}

}  // namespace

TEST_CASE("without descriptors a listener pauses and complains once a minute") {
  const support::Temporary directory;
  const std::string path = directory.path().string() + "/s";
  std::vector<std::string> complaints;
  os::Acceptor acceptor(os::listen_unix(path, "the test", 0600), "the test",
                        [&](const std::string& text) { complaints.push_back(text); });
  os::Time now{1h};
  CHECK(acceptor.fd(now) == acceptor.listener());
  CHECK(acceptor.due(now) == os::Time::max());
  CHECK_FALSE(acceptor.accept(now));  // nobody is there, which is nothing to complain about
  CHECK(acceptor.fd(now) >= 0);

  const os::Fd first = connect_to(path);
  const os::Fd second = connect_to(path);
  {
    const NoDescriptors none;
    CHECK_FALSE(acceptor.accept(now));
    CHECK(acceptor.fd(now) == -1);
    CHECK(acceptor.due(now) == now + os::Acceptor::pause);
    for (int i = 0; i < 100; ++i) {
      now += os::Acceptor::pause;
      CHECK(acceptor.fd(now) == acceptor.listener());
      CHECK_FALSE(acceptor.accept(now));
    }
    CHECK(complaints ==
          std::vector<std::string>{"cannot accept connections to the test: Too many open files; "
                                   "trying again every half second"});
    now += os::Acceptor::silence;
    CHECK_FALSE(acceptor.accept(now));
    CHECK(complaints.size() == 2);

    // Whoever can spare one is asked first.
    os::Fd spare(fcntl(0, F_DUPFD_CLOEXEC, 0));
    CHECK_FALSE(spare);
  }
  CHECK(acceptor.accept(now));

  os::Fd spare(fcntl(0, F_DUPFD_CLOEXEC, 0));
  const NoDescriptors none;
  int asked = 0;
  const os::Fd accepted = acceptor.accept(now, [&] {
    ++asked;
    const bool had = static_cast<bool>(spare);
    if (had) spare = os::Fd();
    return had;
  });
  CHECK(accepted);
  CHECK(asked == 1);
}

}  // namespace unit::acceptor_test
