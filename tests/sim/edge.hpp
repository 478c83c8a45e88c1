// One edge: a host whose kernel stays, and on it a process with the cluster client and the loop of
// `pona edge`, which is killed and started. Client and loop are two threads there: here they take
// turns at times of their own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cmd/edge/loop.hpp"
#include "kube/edge/edge_client.hpp"
#include "sim/invariants.hpp"
#include "sim/kernel.hpp"
#include "sim/network.hpp"

namespace sim {

// How one host's clocks go.
struct Skew {
  std::chrono::nanoseconds start{};  // what the steady clock showed when the world began
  std::int64_t per_mille = 1000;     // how fast it goes
  std::int64_t unix_seconds = 0;     // what time it is taken for when the world begins
};

// Everything that an edge is given; all must outlive it.
struct Surroundings {
  Api& api;
  Network& network;
  const Time& now;
  Chance& chance;
  Trace& trace;
  const Options& options;
};

class Edge {
 public:
  // `untouched` are elements of Mappings that nobody will touch.
  Edge(Surroundings around, std::string name, const std::string& address, Skew skew,
       core::Elements untouched);
  ~Edge();

  void start();
  void kill(const std::string& how);
  [[nodiscard]] bool running() const { return process_ != nullptr; }
  // As it believes, by its own clock.
  [[nodiscard]] bool leading() const;
  [[nodiscard]] Time due() const;
  void step();

  // An interface that has nothing to do with it comes or goes.
  void disturb_host();
  // The clock on the wall is set.
  void set_clock(std::int64_t unix_seconds) { skew_.unix_seconds = unix_seconds; }

  // Nothing is wrong as far as it knows, and the untouched Mapping is carried.
  [[nodiscard]] bool is_content() const;
  // Throws a Violation that says what is wrong.
  void check_content() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Kernel& kernel() { return kernel_; }

  static core::EdgeSettings settings();
  static void set_up(support::FakeKernel& kernel, const std::string& address);

 private:
  class Process;

  void run(const std::function<void()>& work);
  void look(const support::FakeTables* before);

  Surroundings around_;
  std::string name_;
  Skew skew_;
  Kernel kernel_;
  Untouched untouched_;
  bool disturbed_ = false;
  int lives_ = 0;  // how many processes there were
  std::unique_ptr<Process> process_;
};

}  // namespace sim
