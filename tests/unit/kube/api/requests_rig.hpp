// What writes to an API server, with its surroundings: for the tests of the state machines over
// kube/exchanges.hpp. A test answers requests itself, one after the other.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "kube/api/requests.hpp"
#include "support/api_transport.hpp"
#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace exchanges_rig {

using namespace std::chrono_literals;
using nlohmann::json;

struct Rig {
  support::ManualClock clock;
  support::ApiTransport transport;
  kube::Exchanges exchanges{transport, clock.clock()};

  [[nodiscard]] std::size_t started() const { return transport.started().size(); }
  [[nodiscard]] std::size_t open() const { return transport.open().size(); }
  // The last one.
  [[nodiscard]] const kube::Request& request() const { return transport.started().back(); }
  [[nodiscard]] json sent() const { return json::parse(request().body); }

  // What was answered is handed to `machine`.
  template <typename Machine>
  void hand_on(Machine& machine) {
    for (const kube::Arrival& arrival : transport.take()) exchanges.take(arrival);
    for (const kube::Reply& reply : exchanges.replies()) CHECK(machine.take(reply));
  }
  // The server answers the last request, or the one of this number.
  template <typename Machine>
  void answer(Machine& machine, int code, const std::string& body = "{}",
              std::uint64_t request = 0) {
    const std::uint64_t id = request == 0 ? transport.last() : request;
    REQUIRE(transport.open().contains(id));
    transport.head(id, code);
    transport.body(id, body);
    transport.end(id);
    hand_on(machine);
  }
  template <typename Machine>
  void fail(Machine& machine, const std::string& why) {
    transport.end(transport.last(), why);
    hand_on(machine);
  }
};

}  // namespace exchanges_rig
