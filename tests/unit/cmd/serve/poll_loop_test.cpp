#include "cmd/serve/poll_loop.hpp"

#include <pthread.h>

#include <csignal>
#include <string>

#include "cmd/serve/backoff.hpp"
#include "os/bell.hpp"
#include "support/catch.hpp"

namespace unit::poll_loop_test {

using namespace std::chrono_literals;
using Next = cmd::PollLoop::Next;
using Then = cmd::PollLoop::Then;
using std::chrono::steady_clock;

namespace {

// Signals are as before when a test is over.
class Mask {
 public:
  Mask() { pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~Mask() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

void signal_me(int signal) { pthread_kill(pthread_self(), signal); }

}  // namespace

TEST_CASE("a step follows news and time, and not what is handled while waiting") {
  const Mask mask;
  cmd::PollLoop loop(os::system_clock());
  os::Bell news, asked;
  int heard = 0, answered = 0, steps = 0;
  loop.watch(
      Then::step, [&] { return news.fd(); }, [&] { heard += news.silence() ? 1 : 0; });
  loop.watch(
      Then::wait, [&] { return asked.fd(); }, [&] { answered += asked.silence() ? 1 : 0; });
  loop.watch(Then::step, [] { return -1; });
  const auto begun = steady_clock::now();
  loop.run([&]() -> Next {
    switch (++steps) {
      case 1:
        news.ring();
        return {};
      case 2:
        asked.ring();
        return {steady_clock::now() + 100ms};
      default:
        loop.stop();
        return {};
    }
  });
  CHECK(steps == 3);
  CHECK(heard == 1);
  CHECK(answered == 1);
  CHECK(steady_clock::now() - begun >= 100ms);
}

TEST_CASE("after a failure what stays readable is looked at a little later") {
  const Mask mask;
  cmd::PollLoop loop(os::system_clock());
  os::Bell stuck, asked;
  stuck.ring();
  asked.ring();
  int answered = 0, steps = 0;
  loop.watch(Then::step, [&] { return stuck.fd(); });
  loop.watch(
      Then::wait, [&] { return asked.fd(); }, [&] { answered += asked.silence() ? 1 : 0; });
  const auto begun = steady_clock::now();
  loop.run([&]() -> Next {
    if (++steps == 4) loop.stop();
    return {steady_clock::now() + 1h, true};
  });
  CHECK(steady_clock::now() - begun >= 150ms);
  CHECK(steady_clock::now() - begun < 10s);
  CHECK(answered == 1);
}

TEST_CASE("SIGHUP compares everything, SIGTERM ends the loop or what it says instead") {
  const Mask mask;
  cmd::PollLoop loop(os::system_clock());
  std::string happened;
  loop.on_resync([&] { happened += "resync "; });
  loop.run([&]() -> Next {
    happened += "step ";
    signal_me(happened.size() < 10 ? SIGHUP : SIGTERM);
    return {};
  });
  CHECK(happened == "step resync step ");

  cmd::PollLoop draining(os::system_clock());
  int told = 0, steps = 0;
  draining.on_stop([&] {
    if (++told == 2) draining.stop();
  });
  draining.run([&]() -> Next {
    ++steps;
    signal_me(SIGINT);
    return {};
  });
  CHECK(told == 2);
  CHECK(steps == 2);
}

TEST_CASE("who fails waits longer each time, up to a limit") {
  cmd::Backoff backoff;
  CHECK(backoff.next() == 100ms);
  CHECK(backoff.next() == 200ms);
  CHECK(backoff.next(true, 0) == 300ms);
  CHECK(backoff.next(false) == 30s);
  CHECK(backoff.next() == 30s);
  backoff = {};
  CHECK(backoff.next(true, 0.5) == 100ms);
}

}  // namespace unit::poll_loop_test
