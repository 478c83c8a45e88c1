#include "cmd/edge/edge_monitor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cmd/edge/ask_running.hpp"
#include "core/error.hpp"
#include "os/listen.hpp"
#include "support/catch.hpp"

namespace unit::edge_monitor_test {

using namespace std::chrono_literals;

namespace {

struct Directory {
  std::string path;
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "pona-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

std::string complaint(const std::string& socket, const std::string& path) {
  try {
    cmd::ask_edge(socket, path);
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}

std::vector<os::Fd> unix_listener(const std::string& path) {
  std::vector<os::Fd> listeners;
  listeners.push_back(os::listen_unix(path, "pona edge", 0660));
  return listeners;
}

// As the loop: gives a status to whoever asks.
class Answering {
 public:
  explicit Answering(cmd::EdgeBoard& board)
      : thread_([this, &board](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            if (board.take_wish()) {
              cmd::EdgeStatus status;
              status.ignored = ++made;
              status.process = cmd::ProcessStatus();
              board.post(std::make_shared<cmd::EdgeStatus>(std::move(status)),
                         std::chrono::steady_clock::now());
            }
            std::this_thread::sleep_for(1ms);
          }
        }) {}
  std::atomic<std::uint64_t> made = 0;

 private:
  std::jthread thread_;
};

}  // namespace

TEST_CASE("the monitor tells health, status and metrics over its socket") {
  const Directory directory;
  const std::string socket = directory.path + "/run/edge.sock";
  CHECK_FALSE(cmd::ask_edge(socket, "/status").has_value());

  cmd::EdgeBoard board;
  const std::vector<os::Fd> listeners = unix_listener(socket);
  const cmd::EdgeMonitor monitor(board, listeners);
  CHECK(complaint(socket, "/healthz").find("503: the objects are not complete") !=
        std::string::npos);
  CHECK(complaint(socket, "/readyz").find("503") != std::string::npos);
  CHECK(complaint(socket, "/other").find("404") != std::string::npos);

  cmd::EdgeHealth health;
  health.synced = true;
  health.last_sync = 1700000000;
  board.post(health);
  CHECK(cmd::ask_edge(socket, "/healthz") == "ok\n");
  CHECK(cmd::ask_edge(socket, "/readyz?verbose=1") == "ok\n");
  CHECK(cmd::ask_edge(socket, "/healthcheck") == "OK 2023-11-14T22:13:20Z\n");

  health.trouble = "apply: refused";
  board.post(health);
  CHECK(complaint(socket, "/healthcheck").find("503: apply: refused") != std::string::npos);
  CHECK(cmd::ask_edge(socket, "/readyz") == "ok\n");

  Answering answering(board);
  CHECK(cmd::parse_status(*cmd::ask_edge(socket, "/status")).ignored == 1);
  CHECK(cmd::parse_status(*cmd::ask_edge(socket, "/status")).ignored == 2);  // always fresh
  const auto metrics = cmd::ask_edge(socket, "/metrics");
  CHECK(metrics->find("pona_edge_ignored_documents 2\n") != std::string::npos);
  CHECK(answering.made == 2);  // scrapes close together share a reading
}

TEST_CASE("a loop that does not answer does not take the health check along") {
  const Directory directory;
  const std::string socket = directory.path + "/s";
  cmd::EdgeBoard board;
  const std::vector<os::Fd> listeners = unix_listener(socket);
  const cmd::EdgeMonitor monitor(board, listeners);
  const auto begun = std::chrono::steady_clock::now();
  std::string answer;
  std::jthread scraper([&] { answer = complaint(socket, "/metrics"); });
  std::this_thread::sleep_for(50ms);
  CHECK(complaint(socket, "/healthz").find("503") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begun < 3s);
  scraper.join();
  CHECK(answer.find("503: the loop is busy") != std::string::npos);
}

TEST_CASE("the socket tells a living instance from a dead one's file") {
  const Directory directory;
  const std::string path = directory.path + "/s";
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

  const std::string file = directory.path + "/file";
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

}  // namespace unit::edge_monitor_test
