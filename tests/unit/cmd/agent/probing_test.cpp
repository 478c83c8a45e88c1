#include "cmd/agent/probing.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cmd/agent/client_paths.hpp"
#include "support/catch.hpp"

namespace unit::probing_test {

using namespace std::chrono_literals;

namespace {

const core::Address nat_pod = *core::Address::parse("10.64.0.21");

// What the test and the thread both look at.
struct Seen {
  std::atomic<int> asked = 0;
  std::atomic<bool> answers = true;
  std::atomic<int> slow = 0;  // milliseconds that each question takes
};

// Every NAT pod answers every question at once.
class FakeSockets : public cmd::ProbeSockets {
 public:
  explicit FakeSockets(std::shared_ptr<Seen> seen)
      : seen_(std::move(seen)), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void follow(std::shared_ptr<const cmd::ProbedClients> /*clients*/) override {}
  void send(const cmd::AgentPaths::Question& question) override {
    ++seen_->asked;
    std::this_thread::sleep_for(std::chrono::milliseconds(seen_->slow));
    if (!seen_->answers) return;
    answers_.push_back({question.client, question.gateway, question.nonce, true, false});
    const std::uint64_t one = 1;
    static_cast<void>(!write(fd_.get(), &one, sizeof one));
  }
  [[nodiscard]] int fd() const override { return fd_.get(); }
  std::vector<Answer> take() override {
    std::uint64_t rings = 0;
    static_cast<void>(!read(fd_.get(), &rings, sizeof rings));
    return std::exchange(answers_, {});
  }

 private:
  std::shared_ptr<Seen> seen_;
  os::Fd fd_;
  std::vector<Answer> answers_;
};

struct Prober {
  explicit Prober(cmd::PathSettings settings)
      : thread(settings, std::make_unique<FakeSockets>(seen), os::system_clock()) {}

  void set(const std::string& client) {
    paths.set(client, {}, {nat_pod}, false);
    thread.follow(paths.take_changes());
  }
  // What the loop does when the bell rings.
  bool hear(int milliseconds) {
    pollfd fd{thread.fd(), POLLIN, 0};
    if (poll(&fd, 1, milliseconds) != 1) return false;
    cmd::ProbeNews news = thread.take();
    if (news.verdicts) paths.take(std::move(news.verdicts));
    return true;
  }

  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  cmd::ClientPaths paths{true};
  cmd::ProbeThread thread;
};

cmd::PathSettings quick() { return {.interval = 10ms, .misses = 3, .grace = 2000ms}; }

}  // namespace

TEST_CASE("probing: a verdict rings, and says what is known") {
  Prober prober(quick());
  CHECK_FALSE(prober.paths.usable("pod", nat_pod));
  prober.set("pod");
  while (!prober.paths.settled("pod")) REQUIRE(prober.hear(5000));
  CHECK(prober.paths.usable("pod", nat_pod));
}

TEST_CASE("probing: probes go on while the loop is busy, and what died meanwhile is known") {
  Prober prober(quick());
  prober.set("pod");
  while (!prober.paths.settled("pod")) REQUIRE(prober.hear(5000));
  const int before = prober.seen->asked;
  std::this_thread::sleep_for(300ms);  // the loop's pass
  CHECK(prober.seen->asked - before >= 5);
  prober.seen->answers = false;
  std::this_thread::sleep_for(500ms);
  REQUIRE(prober.hear(5000));
  CHECK_FALSE(prober.paths.alive(nat_pod));
}

TEST_CASE("probing: slow probes do not hold up the loop") {
  Prober prober(quick());
  prober.seen->slow = 100;
  prober.set("pod");
  while (prober.seen->asked == 0) std::this_thread::sleep_for(1ms);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    prober.set("pod" + std::to_string(i));
    prober.thread.take();
  }
  CHECK(std::chrono::steady_clock::now() - begun < 500ms);
}

TEST_CASE("probing: it ends at once, whatever it waits for") {
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    Prober prober({});
    if (i % 2 == 0) prober.set("pod");
  }
  CHECK(std::chrono::steady_clock::now() - begun < 10s);
}

}  // namespace unit::probing_test
