// An edge's loop over a fake kernel and a fake source.
#pragma once

#include "cmd/edge/loop.hpp"

#include <sys/eventfd.h>

#include "cmd/edge/collect_status.hpp"
#include "cmd/serve/log.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/fake_source.hpp"

namespace unit::edge_loop {

using namespace std::chrono_literals;
using namespace core;
using support::FakeSource;

inline Address address(const std::string& text) { return *Address::parse(text); }

// Fails a chosen call; what it lets through is the fake's.
class BrokenKernel : public support::FakeKernel {
 public:
  void apply(const Changes& changes) override {
    check();
    for (const Change& change : changes) {
      if (refuses_change && refuses_change(change)) {
        throw Error(Error::Kind::permanent, to_text(Changes{change}).front() + ": refused");
      }
    }
    FakeKernel::apply(changes);
  }
  Host host() override {
    ++host_calls;
    return FakeKernel::host();
  }
  using FakeKernel::observe;
  State observe(const State& expected, ElementFilter& filter) override {
    ++comparisons;
    return FakeKernel::observe(expected, filter);
  }
  std::size_t sweep(const FlowFilter& filter,
                    const std::function<bool(const Flow&)>& visit) override {
    sweeps.push_back(filter);
    if (refuse_sweeps) throw Error(Error::Kind::transient, "sweep: busy");
    return FakeKernel::sweep(filter, visit);
  }

  std::optional<Error::Kind> refuses;
  // As a kernel that has no room for it, or not what it needs. Takes its transaction with it.
  std::function<bool(const Change&)> refuses_change;
  bool refuse_sweeps = false;
  int host_calls = 0;
  int comparisons = 0;
  std::vector<FlowFilter> sweeps;

 private:
  void check() const {
    if (refuses) throw Error(*refuses, "apply: refused");
  }
};

inline Mapping mapping(const std::string& name, std::uint16_t port,
                       Protocol protocol = Protocol::udp, std::uint16_t last = 0) {
  Mapping result;
  result.name = {"shop", name};
  result.addresses = {address("203.0.113.10")};
  result.service = "web";
  result.ports = {{{port, last == 0 ? port : last}, 80, protocol}};
  return result;
}

inline EndpointSlice slice(const std::vector<std::string>& pods) {
  EndpointSlice result;
  result.name = {"shop", "web-1"};
  result.service = "web";
  result.ports = {{"tcp", 8080, Protocol::tcp}, {"udp", 8080, Protocol::udp}};
  for (const std::string& pod : pods) result.endpoints.push_back({address(pod), true, true, false});
  return result;
}

inline Flow flow(Protocol protocol, const std::string& client, std::uint16_t port,
                 const std::string& pod, std::uint16_t pod_port = 8080) {
  Flow result;
  result.protocol = protocol;
  result.original = {address(client), address("203.0.113.10"), 40000, port};
  result.reply = {address(pod), address(client), pod_port, 40000};
  result.tcp_state = 3;  // established
  return result;
}

using os::Clock;

// What every test begins with: a Service with two pods, and two Mappings to it.
inline void put_objects(FakeSource& source) {
  Service service;
  service.name = {"shop", "web"};
  service.cluster_ips = {address("10.96.0.10")};
  service.ports = {{"tcp", 80, Protocol::tcp, 0}, {"udp", 80, Protocol::udp, 0}};
  source.put(service);
  source.put(slice({"10.1.0.2", "10.1.0.3"}));
  source.put(mapping("web", 443, Protocol::tcp));
  source.put(mapping("dns", 53));
}

// Steps until nothing is due within a second.
inline void settle_loop(cmd::EdgeLoop& loop, os::Time& now) {
  for (int i = 0; i < 20; ++i) {
    const os::Time due = loop.step();
    if (due > now + 1s) return;
    now = std::max(due, now + 1ms);
  }
  FAIL("the loop does not settle");
}

struct Fixture {
  BrokenKernel kernel;
  FakeSource source;
  os::Time now{1h};
  cmd::EdgeLoop loop;

  static EdgeSettings settings() {
    EdgeSettings result;
    result.external_interfaces = "^eth1$";
    return result;
  }

  explicit Fixture(const EdgeSettings& with = settings())
      : loop(kernel, source, with, 600s, clock()) {
    cmd::log::start(cmd::log::Format::text, cmd::log::Level::error);
    kernel.add_interface("eth1", {"203.0.113.10/24"});
    kernel.edit_host([](Host& host) { host.forwarding4 = true; });
    put_objects(source);
  }

  os::Clock clock() {
    return {[this] { return now; }, [] { return std::int64_t{1700000000}; }, [] { return 0.5; }};
  }

  void settle() { settle_loop(loop, now); }

  // The kernel is what planning everything anew would make it.
  void check_converged() {
    const State state = kernel.state();
    const State planned = loop.plan().state();
    CHECK(state.tables == planned.tables);
    CHECK(state.elements == planned.elements);
    CHECK(state.routes == planned.routes);
    CHECK(state.rules == planned.rules);
    CHECK(loop.health().trouble.empty());
  }
};

}  // namespace unit::edge_loop
