#include "core/edge/flow_sample.hpp"

#include <algorithm>

#include "support/catch.hpp"

namespace unit::flow_sample_test {

using namespace core;

namespace {

std::shared_ptr<const Forward> forward(const std::string& address, std::uint16_t port,
                                       Protocol protocol = Protocol::tcp) {
  Forward made;
  made.key = {*Address::parse(address), protocol, {port, port}};
  made.owner = {Kind::mapping, {"shop", "web" + std::to_string(port)}};
  const bool ipv4 = made.key.address.family() == Family::ipv4;
  made.backends = SharedVector(
      std::vector<Backend>{{*Address::parse(ipv4 ? "10.1.0.1" : "fd00::1"), {8080, 8080}},
                           {*Address::parse(ipv4 ? "10.1.0.2" : "fd00::2"), {8080, 8080}}});
  made.slots = SharedVector(std::vector<std::uint16_t>{1, 0});
  return std::make_shared<const Forward>(std::move(made));
}

Host host() {
  Host made;
  Interface ext;
  ext.addresses = {*Prefix::parse("203.0.113.5/24"), *Prefix::parse("2001:db8::5/64")};
  Interface uplink;
  uplink.addresses = {*Prefix::parse("192.0.2.5/24")};
  uplink.default4 = true;
  made.interfaces = {{"ext1", ext}, {"up0", uplink}};
  return made;
}

}  // namespace

TEST_CASE("a sample holds one of each kind, with the endpoint and the interface of its clients") {
  std::vector<std::shared_ptr<const Forward>> forwards;
  for (std::uint16_t port = 1; port <= 100; ++port)
    forwards.push_back(forward("203.0.113.5", port));
  forwards.push_back(forward("203.0.113.5", 200, Protocol::udp));
  forwards.push_back(forward("192.0.2.5", 201));
  forwards.push_back(forward("2001:db8::5", 202));
  const std::vector<ExternalInterface> external{{"ext1", 1, {}, {}}};
  const auto sample = sample_flows(forwards, host(), external);
  CHECK(sample.size() == most_sampled_flows);
  for (const int port : {1, 200, 201, 202}) {
    INFO(port);
    const auto found = std::ranges::find_if(
        sample, [&](const SampledFlow& one) { return one.flow.mapped_port == port; });
    REQUIRE(found != sample.end());
    // An address that another interface has: clients may come by any.
    CHECK(found->flow.in == (port == 201 ? "" : "ext1"));
    CHECK(found->flow.endpoint_port == 8080);
    const bool ipv4 = found->flow.mapped.family() == Family::ipv4;
    CHECK(found->flow.endpoint == *Address::parse(ipv4 ? "10.1.0.2" : "fd00::2"));
    CHECK(found->owner.name.name == "web" + std::to_string(port));
  }
}

TEST_CASE("what leads nowhere is in no sample, and without external interfaces the uplink is one") {
  Forward inactive = *forward("203.0.113.5", 1);
  inactive.active = false;
  Forward unserved = *forward("203.0.113.5", 2);
  unserved.slots = {};
  Forward refused = *forward("203.0.113.5", 3);
  refused.nobody = true;
  std::vector<std::shared_ptr<const Forward>> forwards;
  for (const Forward& one : {inactive, unserved, refused}) {
    forwards.push_back(std::make_shared<const Forward>(one));
  }
  CHECK(sample_flows(forwards, host(), {}).empty());
  forwards.push_back(forward("192.0.2.5", 4));
  forwards.push_back(forward("203.0.113.5", 5));
  const auto sample = sample_flows(forwards, host(), {}, true);
  REQUIRE(sample.size() == 2);
  CHECK(sample[0].flow.in == "up0");
  CHECK(sample[0].flow.service);
  CHECK(sample[1].flow.in.empty());
}

}  // namespace unit::flow_sample_test
