#include "cmd/node/call_agent.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <functional>
#include <thread>

#include "core/error.hpp"
#include "os/fd.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::call_agent_test {

namespace {

constexpr auto soon = std::chrono::milliseconds(50);
constexpr auto late = std::chrono::seconds(60);

// Listens, and does with the first connection what it is told to.
class Agent {
 public:
  explicit Agent(std::function<void(int)> serve, int backlog = 1)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(socket_.get(), backlog) == 0);
    if (!serve) return;
    thread_ = std::jthread([this, serve = std::move(serve)] {
      const os::Fd connection(accept(socket_.get(), nullptr, nullptr));
      serve(connection.get());
    });
  }

  [[nodiscard]] std::string path() const { return (directory_.path() / "s").string(); }

 private:
  support::Temporary directory_;
  os::Fd socket_;
  std::jthread thread_;
};

// In the agent's thread, which Catch2 is not made for: what is missing is missed by who calls.
void say(int fd, std::string_view text) {
  static_cast<void>(send(fd, text.data(), text.size(), MSG_NOSIGNAL));
}

// Until the other side has closed.
void drain(int fd) {
  std::array<char, 65536> buffer;
  while (recv(fd, buffer.data(), buffer.size(), 0) > 0) {
  }
}

std::string error_of(const std::string& path, std::chrono::milliseconds timeout,
                     const std::string& line = "x") {
  try {
    cmd::call_agent(path, line, timeout);
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::Error::Kind::transient);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a call is a line and its answer, however it is cut") {
  std::string heard;
  const Agent agent([&](int fd) {
    char c = 0;
    while (recv(fd, &c, 1, 0) == 1 && c != '\n') heard += c;
    say(fd, "{\"ver");
    say(fd, "sion\":1}\nmore");
  });
  const std::string line(300'000, 'x');  // more than a socket takes at once
  CHECK(cmd::call_agent(agent.path(), line, late) == "{\"version\":1}");
  CHECK(heard == line);
}

TEST_CASE("nobody there is told at once") {
  const support::Temporary directory;
  CHECK(error_of((directory.path() / "s").string(), late) == "connect: No such file or directory");
  CHECK(error_of(directory.write("file", ""), late) == "connect: Connection refused");
  CHECK(error_of(std::string(200, 'x'), late).starts_with("the path is too long"));
}

TEST_CASE("an agent that hangs up without a whole line has not answered") {
  const Agent agent([](int fd) {
    say(fd, "{\"version\"");
    shutdown(fd, SHUT_WR);
    drain(fd);
  });
  CHECK(error_of(agent.path(), late) == "it closed the connection without an answer");
}

TEST_CASE("an agent that hangs costs no more than the time given") {
  SECTION("it does not answer") {
    const Agent agent(drain);
    CHECK(error_of(agent.path(), soon) == "no answer within 50 ms");
  }
  SECTION("it does not read") {
    const Agent agent({});
    CHECK(error_of(agent.path(), soon, std::string(10'000'000, 'x')) == "no answer within 50 ms");
  }
  SECTION("it does not accept, and others wait already") {
    const Agent agent({}, 0);
    CHECK(error_of(agent.path(), soon) == "no answer within 50 ms");
    // The kernel lets one more in than the backlog says; these are let go by nobody.
    const Agent full({}, 0);
    std::vector<os::Fd> waiting;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    full.path().copy(address.sun_path, sizeof address.sun_path - 1);
    int result = 0;
    while (result == 0) {
      waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      result = connect(waiting.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    CHECK(error_of(full.path(), soon) == "no answer within 50 ms");
  }
}

TEST_CASE("a list of many clients is as long as it is") {
  const std::string much(5'000'000, 'x');
  const Agent agent([&](int fd) {
    const std::string line = much + '\n';
    for (std::size_t sent = 0; sent < line.size();) {
      const ssize_t size = send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return;
      sent += static_cast<std::size_t>(size);
    }
  });
  CHECK(cmd::call_agent(agent.path(), "list", late) == much);
}

TEST_CASE("an answer without an end is given up") {
  const Agent agent([](int fd) {
    const std::string much(100'000, 'x');
    while (send(fd, much.data(), much.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  CHECK(error_of(agent.path(), late) == "its answer has no end");
}

}  // namespace unit::call_agent_test
