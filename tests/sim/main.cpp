// Simulations of three edges and an API server, each in one thread and in virtual time. Prints TAP.
//
//   sim [--seeds N] [--first N] [--steps N]      N seeds from the first one on, and self-checks;
//                                                1,000 that were not tried before
//   sim --seed N [--trace] [--steps N]           one of them again
//   sim ... --sabotage NAME                      with an error in it, which must be found
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cmd/serve/log.hpp"
#include "sim/world.hpp"

namespace {

using sim::Options;
using sim::Sabotage;

// What each sabotage must be found by.
struct Proof {
  const char* name;
  Sabotage sabotage;
  const char* rule;
};

constexpr std::array proofs = {
    Proof{"delete-on-error", Sabotage::delete_on_error, "deletions"},
    Proof{"drop-event", Sabotage::drop_event, "rest"},
    Proof{"old-version", Sabotage::old_version, "versions"},
    Proof{"half-batch", Sabotage::half_batch, "half state"},
    Proof{"fresh-start", Sabotage::fresh_start, "untouched"},
    Proof{"hasty-start", Sabotage::hasty_start, "untouched"},
};

struct Arguments {
  Options options;
  std::optional<std::uint64_t> seed;  // only this one
  // Others at each run: what was seen once is not seen again. A failure names its seed.
  std::uint64_t first = 1000 * static_cast<std::uint64_t>(std::time(nullptr));
  std::uint64_t seeds = 1000;
};

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: sim [--seeds N] [--first N] [--seed N] [--steps N] [--trace] [--sabotage "
               "NAME]\nsabotages:");
  for (const Proof& proof : proofs) std::fprintf(stderr, " %s", proof.name);
  std::fprintf(stderr, "\n");
  std::exit(2);
}

Arguments parse(int count, char** values) {
  Arguments out;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = values[i];
    if (option == "--trace") {
      out.options.trace = true;
      continue;
    }
    if (i + 1 == count) usage();
    const std::string value = values[++i];
    if (option == "--sabotage") {
      for (const Proof& proof : proofs) {
        if (value == proof.name) out.options.sabotage = proof.sabotage;
      }
      if (out.options.sabotage == Sabotage::none) usage();
      continue;
    }
    const std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
    if (option == "--seed") {
      out.seed = number;
    } else if (option == "--first") {
      out.first = number;
    } else if (option == "--seeds") {
      out.seeds = number;
    } else if (option == "--steps") {
      out.options.steps = static_cast<int>(number);
    } else {
      usage();
    }
  }
  return out;
}

struct Outcome {
  std::optional<sim::Violation> violation;
  std::uint64_t hash = 0;
  int steps = 0;
};

Outcome run(Options options, std::uint64_t seed) {
  options.seed = seed;
  Outcome outcome;
  sim::World world(options);
  try {
    world.run();
  } catch (const sim::Violation& violation) {
    outcome.violation = violation;
  }
  outcome.hash = world.hash();
  outcome.steps = world.steps();
  return outcome;
}

int tests = 0;
bool failed = false;

void result(bool good, const std::string& name) {
  std::printf("%sok %d sim: %s\n", good ? "" : "not ", ++tests, name.c_str());
  failed = failed || !good;
}

void tell(const Options& options, std::uint64_t seed, const sim::Violation& violation) {
  std::string text = violation.what();
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; ++at) {
    text.insert(at + 1, "# ");
  }
  std::printf("# seed %llu violates \"%s\": %s\n# again: sim --seed %llu --steps %d --trace\n",
              static_cast<unsigned long long>(seed), violation.name.c_str(), text.c_str(),
              static_cast<unsigned long long>(seed), options.steps);
}

struct Tally {
  std::uint64_t bad = 0;
  long steps = 0;
};

// Every `all`th seed, beginning with the one at `share`.
Tally run_share(const Arguments& arguments, unsigned share, unsigned all) {
  Tally tally;
  for (std::uint64_t at = share; at < arguments.seeds; at += all) {
    const std::uint64_t seed = arguments.first + at;
    const Outcome outcome = run(arguments.options, seed);
    tally.steps += outcome.steps;
    if (!outcome.violation) continue;
    tell(arguments.options, seed, *outcome.violation);
    if (++tally.bad == 5) break;
  }
  return tally;
}

// In as many processes as there are cores: a world is one thread's.
void run_seeds(const Arguments& arguments) {
  const unsigned all = std::max(1U, std::thread::hardware_concurrency());
  std::vector<int> answers;
  std::fflush(stdout);
  for (unsigned share = 0; share < all; ++share) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    const pid_t child = fork();
    if (child < 0) std::abort();
    if (child == 0) {
      const Tally tally = run_share(arguments, share, all);
      std::fflush(stdout);
      _exit(write(ends[1], &tally, sizeof tally) == sizeof tally ? 0 : 1);
    }
    close(ends[1]);
    answers.push_back(ends[0]);
  }
  Tally sum;
  bool complete = true;
  for (const int answer : answers) {
    Tally tally;
    complete = read(answer, &tally, sizeof tally) == sizeof tally && complete;
    close(answer);
    sum.bad += tally.bad;
    sum.steps += tally.steps;
  }
  while (wait(nullptr) > 0) {
  }
  if (!complete) std::printf("# a process of these seeds ended before it was done\n");
  result(complete && sum.bad == 0, std::to_string(arguments.seeds) + " seeds from " +
                                       std::to_string(arguments.first) + " on, " +
                                       std::to_string(sum.steps) + " steps");
}

void check_replay(const Arguments& arguments) {
  const auto same = [](const Options& options, std::uint64_t seed) {
    return run(options, seed).hash == run(options, seed).hash;
  };
  result(same(arguments.options, arguments.first), "a seed replays exactly");
  Options loose = arguments.options;
  loose.sabotage = Sabotage::real_chance;
  result(!same(loose, 1), "what no seed decides is noticed");
}

void check_proof(const Arguments& arguments, const Proof& proof) {
  Options options = arguments.options;
  options.sabotage = proof.sabotage;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Outcome outcome = run(options, seed);
    if (!outcome.violation) continue;
    const bool right = outcome.violation->name == proof.rule;
    if (!right) tell(options, seed, *outcome.violation);
    result(right, std::string("sabotage ") + proof.name + " is found by \"" + proof.rule +
                      "\" at seed " + std::to_string(seed));
    return;
  }
  result(false, std::string("sabotage ") + proof.name + " is not found");
}

}  // namespace

int main(int count, char** values) {
  const Arguments arguments = parse(count, values);
  // What edges say is part of a trace only.
  if (!arguments.options.trace && std::freopen("/dev/null", "w", stderr) == nullptr) return 1;
  cmd::log::start(cmd::log::Format::text,
                  arguments.options.trace ? cmd::log::Level::info : cmd::log::Level::error);
  if (arguments.seed) {
    const Outcome outcome = run(arguments.options, *arguments.seed);
    if (outcome.violation) tell(arguments.options, *arguments.seed, *outcome.violation);
    result(!outcome.violation, "seed " + std::to_string(*arguments.seed) + ", " +
                                   std::to_string(outcome.steps) + " steps, trace " +
                                   std::to_string(outcome.hash));
    return failed ? 1 : 0;
  }
  const bool all = arguments.options.sabotage == Sabotage::none;
  std::printf("1..%zu\n", all ? 3 + proofs.size() : 1);
  run_seeds(arguments);
  if (all) {
    check_replay(arguments);
    for (const Proof& proof : proofs) check_proof(arguments, proof);
  }
  return failed ? 1 : 0;
}
