#include "cmd/nat/loop.hpp"

#include <algorithm>

#include "core/egress/nat_rules.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/fake_source.hpp"
#include "support/manual_clock.hpp"

namespace unit::loop_test {

using namespace std::chrono_literals;
using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }
const Address one = address("10.64.0.11");
const Address two = address("10.64.0.12");

class Kernel : public support::FakeKernel {
 public:
  explicit Kernel(support::ManualClock& clock) : clock_(clock) {}

  using FakeKernel::observe;
  State observe(const State& expected, ElementFilter& filter) override {
    clock_.advance(reading);
    return FakeKernel::observe(expected, filter);
  }
  void apply(const Changes& changes) override {
    clock_.advance(changing);
    for (const Change& change : changes) {
      const auto* const add = std::get_if<AddLink>(&change);
      const Address* const remote = add == nullptr ? nullptr : remote_of(add->what);
      if (remote != nullptr && *remote == taken) {
        throw Error(Error::Kind::permanent, "a device of that name is there that is not pona's");
      }
    }
    FakeKernel::apply(changes);
  }
  // Somebody else's device has the name that this client's tunnel needs.
  std::optional<Address> taken;
  // How long it takes: the first change loads modules.
  std::chrono::milliseconds reading{}, changing{};

 private:
  support::ManualClock& clock_;
};

struct Rig {
  Rig() {
    kernel.add_interface("eth0", {"10.64.0.21/24"});
    Egress egress;
    egress.name = {"internet", "egress"};
    egress.destinations = {*Prefix::parse("203.0.113.0/24")};
    source.put(egress);
  }

  void clients(std::vector<Address> addresses) {
    EgressClients list;
    list.name = {"internet", "list"};
    list.egress = "egress";
    for (const Address& client : addresses) {
      list.clients.push_back({client, {"default", to_string(client)}, "uid"});
    }
    source.put(list);
  }
  bool let_in(const Address& client) {
    const State state = kernel.state();
    return std::ranges::any_of(state.elements, [&](const auto& element) {
      return element.first.set == NatSet::clients && Address(element.first.key.view()) == client;
    });
  }
  void step_for(std::chrono::milliseconds time) {
    for (const auto end = clock.now + time; clock.now < end; clock.advance(50ms)) loop.step();
  }

  support::ManualClock clock;
  Kernel kernel{clock};
  support::FakeSource source;
  cmd::NatLoop loop{
      kernel,
      source,
      {.egress = {"internet", "egress"}, .addresses = {address("10.64.0.21")}, .snat = {}},
      60s,
      clock.clock()};
};

}  // namespace

TEST_CASE("nat: ready once all clients are in place") {
  Rig rig;
  rig.clients({one, two});
  rig.source.complete = false;
  rig.loop.step();
  CHECK_FALSE(rig.loop.ready());
  CHECK_FALSE(rig.let_in(one));
  rig.source.complete = true;
  rig.loop.step();
  CHECK(rig.loop.ready());
  CHECK(rig.let_in(one));
  CHECK(rig.let_in(two));
  CHECK(rig.loop.owners(two) != nullptr);
}

TEST_CASE("nat: a client that cannot be served is told, and takes nobody along") {
  Rig rig;
  rig.clients({one});
  rig.loop.step();
  REQUIRE(rig.loop.ready());
  rig.kernel.taken = two;
  const Address three = address("10.64.0.13");
  rig.clients({one, two, three});
  rig.loop.step();
  CHECK(rig.loop.ready());
  CHECK(rig.loop.owners(one) != nullptr);
  CHECK(rig.loop.owners(three) != nullptr);
  CHECK(rig.loop.owners(two) == nullptr);
  // Whoever has no way back is not let in.
  CHECK(rig.let_in(three));
  CHECK_FALSE(rig.let_in(two));
  REQUIRE(rig.loop.troubles().size() == 1);
  CHECK(rig.loop.troubles().front().find("client 10.64.0.12: ") == 0);

  // News of others changes nothing about it; with its cause it goes.
  rig.clients({one, two});
  rig.step_for(1s);
  CHECK_FALSE(rig.let_in(three));
  CHECK(rig.loop.owners(two) == nullptr);
  rig.kernel.taken.reset();
  rig.step_for(40s);
  CHECK(rig.loop.owners(two) != nullptr);
  CHECK(rig.let_in(two));
  CHECK(rig.loop.troubles().empty());
}

TEST_CASE(
    "nat: one that starts with a client that it cannot serve is not ready, and serves others") {
  Rig rig;
  rig.kernel.taken = two;
  rig.clients({one, two});
  rig.loop.step();
  CHECK_FALSE(rig.loop.ready());
  CHECK(rig.loop.owners(one) != nullptr);
  // The client goes: so does the trouble.
  rig.clients({one});
  rig.loop.step();
  CHECK(rig.loop.ready());
  CHECK(rig.loop.troubles().empty());
}

TEST_CASE("nat: a comparison that is put off keeps no client waiting") {
  Rig rig;
  rig.clients({one});
  rig.kernel.reading = 600ms;
  rig.kernel.changing = 6s;
  rig.loop.step();
  REQUIRE(rig.loop.ready());
  rig.kernel.reading = rig.kernel.changing = 0ms;

  // Somebody takes a client's way: to be found by a comparison, which is not due yet.
  const auto ways = rig.kernel.routes().size();
  REQUIRE(ways > 0);
  rig.kernel.tamper([](State& state) { state.routes.clear(); });
  rig.loop.step();
  CHECK(rig.kernel.routes().empty());
  rig.clients({one, two});
  rig.loop.step();
  CHECK(rig.let_in(two));
  CHECK(rig.loop.owners(two) != nullptr);
  rig.clients({one});
  rig.loop.step();
  CHECK_FALSE(rig.let_in(two));

  // Reading takes its time: it is not done all the time. What was changed once does not matter.
  rig.step_for(7s);
  CHECK(rig.kernel.routes().size() == ways);
}

TEST_CASE("nat: news that the kernel refuses bring on the comparison that is put off") {
  Rig rig;
  rig.clients({one});
  rig.kernel.reading = 600ms;
  rig.loop.step();
  REQUIRE(rig.loop.ready());
  rig.kernel.reading = 0ms;
  rig.kernel.tamper([](State& state) {
    state.tables.clear();
    state.elements.clear();
  });
  rig.loop.step();
  REQUIRE_FALSE(rig.let_in(one));
  rig.clients({one, two});
  rig.loop.step();
  CHECK(rig.let_in(one));
  CHECK(rig.let_in(two));
}

}  // namespace unit::loop_test
