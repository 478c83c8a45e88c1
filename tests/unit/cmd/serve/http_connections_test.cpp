#include "cmd/serve/http_connections.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "os/listen.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary.hpp"

namespace unit::http_connections_test {

using namespace std::chrono_literals;
using cmd::HttpConnections;

namespace {

// Connections to a socket, and a server that answers "/now" at once and all else never.
class Rig {
 public:
  explicit Rig(cmd::HttpLimits limits)
      : connections_(
            listeners(), limits, clock_.clock(),
            [this](HttpConnections::Id id, const cmd::HttpRequest& request) {
              ++asked;
              if (request.path == "/now") answer(id, "now");
              if (request.path == "/large") answer(id, std::string(4 << 20, 'x'));
            },
            [this](HttpConnections::Id id) { left.insert(id); }) {}

  os::Fd connect() {
    os::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path_.copy(name.sun_path, sizeof name.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    return fd;
  }
  os::Fd ask(const std::string& path) {
    os::Fd fd = connect();
    say(fd, "GET " + path + " HTTP/1.1\r\n\r\n");
    turn();
    return fd;
  }
  static void say(const os::Fd& fd, const std::string& text) {
    REQUIRE(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  // All that is there; "gone" behind it if it was closed.
  static std::string hear(const os::Fd& fd) {
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t size = recv(fd.get(), buffer.data(), buffer.size(), 0);
      if (size > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(size));
      } else {
        return size < 0 && errno == EAGAIN ? text : text + "gone";
      }
    }
  }
  static bool ok(const std::string& heard) {
    return heard.starts_with("HTTP/1.1 200 OK\r\n") && heard.ends_with("\r\n\r\nnowgone");
  }

  void turn() {
    for (int i = 0; i < 3; ++i) {
      std::vector<pollfd> fds;
      connections_.add_to(fds);
      poll(fds.data(), fds.size(), 0);
      connections_.take(fds);
    }
  }
  void advance(std::chrono::milliseconds time) {
    clock_.advance(time);
    turn();
  }
  void answer(HttpConnections::Id id, std::string text) {
    connections_.answer(
        id, std::make_shared<const cmd::HttpAnswer>(cmd::HttpAnswer{200, std::move(text)}));
  }
  HttpConnections& connections() { return connections_; }
  os::Time now() const { return clock_.now; }

  int asked = 0;
  std::set<HttpConnections::Id> left;

 private:
  std::vector<os::Fd> listeners() {
    std::vector<os::Fd> all;
    all.push_back(os::listen_unix(path_, "the test", 0600));
    return all;
  }

  support::Temporary directory_;
  std::string path_ = directory_.path() / "s";
  support::ManualClock clock_;
  HttpConnections connections_;
};

}  // namespace

TEST_CASE("however many connections are slow, whoever asks at once is heard") {
  Rig rig({.connections = 8});
  std::vector<os::Fd> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(rig.connect());
    if (i % 2 == 0) Rig::say(slow.back(), "GET /now HTTP/1.1\r\nX: ");
    rig.turn();
    CHECK(rig.connections().size() <= 8);
    CHECK(Rig::ok(Rig::hear(rig.ask("/now"))));
  }
  CHECK(rig.connections().cut_off() >= 32);
  CHECK(Rig::hear(slow.front()) == "gone");
  CHECK(Rig::hear(slow.back()).empty());

  // One that waits for its answer is let go only after those that did not ask.
  const os::Fd waiting = rig.ask("/later");
  for (int i = 0; i < 7; ++i) slow.push_back(rig.connect());
  rig.turn();
  CHECK(Rig::hear(waiting).empty());
  CHECK(rig.left.empty());
  for (int i = 0; i < 8; ++i) slow.push_back(rig.ask("/later"));
  CHECK(Rig::hear(waiting) == "gone");
  CHECK(rig.left.size() == 1);
}

TEST_CASE("who says nothing, too much, or takes nothing, is cut off") {
  Rig rig({.request = 5s, .progress = 10s, .answer = 60s});
  CHECK(rig.connections().due() == os::Time::max());
  const os::Fd silent = rig.connect();
  rig.turn();
  CHECK(rig.connections().due() == rig.now() + 5s);
  rig.advance(4s);
  Rig::say(silent, "GET /now HTT");  // to drip buys no time
  rig.advance(999ms);
  CHECK(rig.connections().size() == 1);
  rig.advance(1ms);
  CHECK(Rig::hear(silent) == "gone");
  CHECK(rig.connections().cut_off() == 1);

  const os::Fd endless = rig.connect();
  Rig::say(endless, "GET /now HTTP/1.1\r\nX: " + std::string(9000, 'x'));
  rig.turn();
  CHECK(Rig::hear(endless).starts_with("HTTP/1.1 431 "));

  const os::Fd reader = rig.ask("/large");
  CHECK(rig.connections().size() >= 1);
  rig.advance(9s);
  CHECK_FALSE(Rig::hear(reader).ends_with("gone"));
  rig.advance(9s);  // it took something: more time
  CHECK_FALSE(Rig::hear(reader).ends_with("gone"));
  rig.advance(10s);
  rig.advance(10s);
  CHECK(rig.connections().size() == 0);
}

TEST_CASE("a slow reader does not stay by taking little, and answers that wait are few") {
  Rig rig({.progress = 10s, .answer = 60s, .answers = 2});
  const os::Fd reader = rig.ask("/large");
  std::array<char, 8192> little;
  for (int i = 0; i < 7; ++i) {
    rig.advance(9s);
    static_cast<void>(recv(reader.get(), little.data(), little.size(), 0));
    rig.turn();
  }
  CHECK(rig.connections().size() == 0);

  std::vector<os::Fd> readers;
  for (int i = 0; i < 5; ++i) readers.push_back(rig.ask("/large"));
  CHECK(rig.connections().size() == 2);
  CHECK(Rig::ok(Rig::hear(rig.ask("/now"))));
}

TEST_CASE("whoever takes its answer is not the one to go, however old") {
  Rig rig({.connections = 8, .answers = 2});
  const os::Fd reader = rig.ask("/large");
  std::string heard = Rig::hear(reader);
  std::vector<os::Fd> slow;
  for (int i = 0; !heard.ends_with("gone"); ++i) {
    REQUIRE(i < 1000);
    slow.push_back(i % 2 == 0 ? rig.ask("/large") : rig.connect());
    rig.advance(1ms);
    heard += Rig::hear(reader);
    rig.advance(1ms);
  }
  CHECK(slow.size() > 8);
  CHECK(heard.size() > std::size_t{4} << 20);
}

TEST_CASE("an answer to who left goes nowhere") {
  Rig rig({});
  { const os::Fd leaving = rig.ask("/later"); }
  rig.turn();
  CHECK(rig.left == std::set<HttpConnections::Id>{1});
  rig.answer(1, "late");
  CHECK(rig.connections().size() == 0);
  CHECK(rig.connections().cut_off() == 0);
}

}  // namespace unit::http_connections_test
