// What a client's plan makes of the paths to NAT pods: their MTU, and which connection takes which.
#include <set>

#include "core/egress/plan_client.hpp"
#include "support/catch.hpp"

namespace unit::client_paths_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

ClientEgress egress(const std::string& name, const std::vector<std::string>& destinations,
                    const std::vector<std::string>& gateways) {
  ClientEgress result;
  result.egress.name = {"internet", name};
  for (const std::string& text : destinations) {
    result.egress.destinations.push_back(*Prefix::parse(text));
  }
  for (const std::string& text : gateways) result.gateways.push_back({address(text), false, true});
  return result;
}

ClientInput input(std::vector<ClientEgress> egresses) {
  ClientInput result;
  result.addresses = {address("10.64.0.11"), address("fd00:64::11")};
  result.egresses = std::move(egresses);
  Interface eth0;
  eth0.name = "eth0";
  eth0.mtu = 1500;
  eth0.up = eth0.default4 = eth0.default6 = true;
  result.host.interfaces["eth0"] = eth0;
  return result;
}

ClientPlan plan(const ClientInput& with) {
  ClientSettings settings;
  settings.kept = private_ranges();
  return plan_client(settings, with);
}

}  // namespace

TEST_CASE("client: 2.12: a small MTU leaves IPv6 its device, and is told") {
  ClientEgress wanted = egress("a", {"0.0.0.0/0", "::/0"}, {"10.64.0.21", "fd00:64::21"});
  wanted.egress.encapsulation = Egress::Encapsulation::vxlan;
  struct Row {
    std::uint32_t mtu;
    std::uint32_t device;
    bool told;
  };
  for (const Row& row : {Row{1280, 1280, true}, Row{1315, 1280, true}, Row{1335, 1280, true},
                         Row{1336, 1280, false}, Row{1400, 1344, false}}) {
    ClientInput with = input({wanted});
    with.host.interfaces.at("eth0").mtu = row.mtu;
    const ClientPlan planned = plan(with);
    INFO(row.mtu);
    CHECK(planned.state.links.at("pona-gpe").mtu == row.device);
    CHECK(planned.problems.size() == (row.told ? 1 : 0));
    if (row.told) CHECK_THAT(planned.problems.front(), Catch::Contains("raise it to 1336"));
  }
  // One without IPv6 may have what IPv4 takes.
  ClientEgress four = egress("a", {"0.0.0.0/0"}, {"10.64.0.21"});
  four.egress.encapsulation = Egress::Encapsulation::vxlan;
  ClientInput with = input({four});
  with.host.interfaces.at("eth0").mtu = 1280;
  CHECK(plan(with).state.links.at("pona-gpe").mtu == 1244);
}

TEST_CASE("client: 2.12: over IPv6 the destination alone chooses, differently for each pod") {
  const ClientEgress wanted = egress("a", {"0.0.0.0/0", "::/0"},
                                     {"10.64.0.21", "10.64.0.22", "fd00:64::21", "fd00:64::22"});
  const std::string fields = "net/ipv6/fib_multipath_hash_fields";
  ClientInput with = input({wanted});
  CHECK(plan(with).state.sysctls.at(fields) == "2");
  // Open connections were spread otherwise: they stay where they are.
  with.spread_by_ports = true;
  CHECK(plan(with).state.sysctls.at(fields) == "38");
  std::set<std::uint32_t> firsts;
  for (int pod = 1; pod < 20; ++pod) {
    with.addresses = {address("fd00:64::" + std::to_string(pod))};
    for (const auto& [id, nexthop] : plan(with).state.nexthops) {
      if (nexthop.family == Family::ipv6 || nexthop.group())
        firsts.insert(nexthop.members.empty() ? 0 : nexthop.members.front().id);
    }
  }
  firsts.erase(0);
  CHECK(firsts.size() == 4);
}

}  // namespace unit::client_paths_test
