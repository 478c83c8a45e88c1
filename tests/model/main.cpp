// The model of nf_tables against the kernel: random rules, random packets, each sent for real in
// network namespaces of this process, and each rule that it met, its end, its mark and its headers
// compared with what the model says. Prints TAP. Needs root, nft(8) and iptables-nft(8).
//
//   model [--seeds N] [--from S]   N rulesets of the seeds from S on, and self-checks
//   model --seed S [--show]        one of them again, with its rules
//
// Without options: 200 that were not tried before.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include <sched.h>

#include "model/trial.hpp"

namespace {

using namespace model;

struct Proof {
  const char* name;
  Sabotage sabotage;
};
constexpr std::array proofs = {Proof{"a rule is passed over", Sabotage::rule},
                               Proof{"a drop is no end", Sabotage::verdict},
                               Proof{"a mark is another one", Sabotage::mark},
                               Proof{"an address stays", Sabotage::address},
                               Proof{"a port is another one", Sabotage::port},
                               Proof{"the time to live stays", Sabotage::time_to_live}};

struct Arguments {
  std::uint64_t seeds = 200;
  // Others at each run: what was seen once is not seen again. A failure names its seed.
  std::uint64_t from = 1000 * static_cast<std::uint64_t>(std::time(nullptr));
  bool show = false;
};

Arguments parse_arguments(int count, char** values) {
  Arguments out;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = values[i];
    if (option == "--show") {
      out.show = true;
      continue;
    }
    if (i + 1 == count) give_up("usage: model [--seeds N] [--from S] | --seed S [--show]");
    const std::uint64_t number = std::strtoull(values[++i], nullptr, 10);
    if (option == "--seeds") {
      out.seeds = number;
    } else if (option == "--from") {
      out.from = number;
    } else if (option == "--seed") {
      out.from = number;
      out.seeds = 1;
    } else {
      give_up("usage: model [--seeds N] [--from S] | --seed S [--show]");
    }
  }
  return out;
}

int tests = 0;
bool failed = false;

void result(bool good, const std::string& name) {
  std::printf("%sok %d model: %s\n", good ? "" : "not ", ++tests, name.c_str());
  std::fflush(stdout);
  failed = failed || !good;
}

void try_seeds(const Lab& lab, Observer& observer, const Arguments& arguments) {
  constexpr std::uint64_t enough = 5;
  Tally tally;
  for (std::uint64_t i = 0; i < arguments.seeds && tally.different < enough; ++i) {
    try_seed(lab, observer, tally, arguments.from + i, arguments.show, Sabotage::none);
  }
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  result(tally.different == 0 && tally.rulesets > 0,
         number(arguments.seeds) + " seeds from " + number(arguments.from) +
             " on: " + number(tally.rulesets) + " rulesets, " + number(tally.refused) +
             " refused, " + number(tally.packets) + " packets, " + number(tally.met) +
             " rules met, " + number(tally.assumed) + " packets with assumptions");
}

void prove(const Lab& lab, Observer& observer, const Proof& proof) {
  constexpr std::uint64_t most = 200;
  Tally tally;
  std::uint64_t seed = 1;
  for (; seed <= most && tally.different == 0; ++seed) {
    try_seed(lab, observer, tally, seed, false, proof.sabotage);
  }
  result(tally.different != 0,
         "it is found that " + std::string(proof.name) + ", by seed " + std::to_string(seed - 1));
}

}  // namespace

int main(int count, char** values) {
  const Arguments arguments = parse_arguments(count, values);
  const bool one = arguments.seeds == 1;
  std::printf("1..%zu\n", one ? 1 : 1 + proofs.size());
  // Packets of one processor pass the host one after the other.
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &here);
  if (sched_setaffinity(0, sizeof here, &here) != 0) give_up("cannot stay on a processor");
  const Lab lab;
  lab.host.inside([&] {
    Observer observer;
    try_seeds(lab, observer, arguments);
    if (one) return;
    for (const Proof& proof : proofs) prove(lab, observer, proof);
  });
  return failed ? 1 : 0;
}
