#include "core/egress/plan_client.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "core/constants.hpp"
#include "core/egress/client_rules.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"

namespace unit::plan_client_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }
Prefix prefix(const std::string& text) { return *Prefix::parse(text); }

ClientEgress egress(const std::string& name, std::vector<std::string> destinations,
                    std::vector<std::string> gateways = {"10.64.0.21"}) {
  ClientEgress result;
  result.egress.name = {"internet", name};
  for (const std::string& text : destinations) {
    result.egress.destinations.push_back(prefix(text));
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

ClientPlan plan(ClientInput with) {
  ClientSettings settings;
  settings.kept = private_ranges();
  return plan_client(settings, with);
}

// The route that a packet to the destination takes in the egress table: the longest prefix, then
// the least metric.
std::string way(const ClientPlan& planned, const std::string& to) {
  const Route* best = nullptr;
  for (const Route& route : planned.state.routes) {
    if (route.table != constants::egress_table || !route.destination.contains(address(to)))
      continue;
    const bool better =
        best == nullptr || route.destination.length > best->destination.length ||
        (route.destination.length == best->destination.length && route.metric < best->metric);
    if (better) best = &route;
  }
  if (best == nullptr || best->type == Route::Type::throw_) return "pod";
  if (best->type == Route::Type::unreachable) return "fence";
  const Nexthop& group = planned.state.nexthops.at(best->nexthop);
  const Nexthop& first = planned.state.nexthops.at(group.members.front().id);
  return to_string(*remote_of(planned.state.links.at(first.device)));
}

}  // namespace

TEST_CASE("client: pitfall 23: the destinations lead to the NAT pods, the rest goes its own way") {
  const ClientPlan planned = plan(input({egress("a", {"0.0.0.0/0"})}));
  CHECK(way(planned, "203.0.113.9") == "10.64.0.21");
  // Private, shared and link-local ranges are not the Internet.
  for (const char* kept : {"10.1.2.3", "172.16.9.9", "192.168.1.1", "100.64.1.1", "169.254.1.1"}) {
    CHECK(way(planned, kept) == "pod");
  }
  // Else tunnel packets would go into the tunnel.
  CHECK(way(planned, "10.64.0.21") == "pod");
}

TEST_CASE("client: a destination within a private range beats the range") {
  const ClientPlan planned = plan(input({egress("a", {"172.20.0.0/16", "10.0.0.0/8"})}));
  CHECK(way(planned, "172.20.1.1") == "10.64.0.21");
  CHECK(way(planned, "172.21.1.1") == "pod");
  CHECK(way(planned, "10.9.9.9") == "10.64.0.21");
}

TEST_CASE("client: pitfall 5: behind each destination is a fence") {
  ClientPlan planned = plan(input({egress("a", {"0.0.0.0/0", "10.0.0.0/8"}, {})}));
  CHECK(way(planned, "203.0.113.9") == "fence");
  CHECK(way(planned, "10.9.9.9") == "fence");
  ClientEgress bypass = egress("a", {"0.0.0.0/0"}, {});
  bypass.egress.on_unavailable = Egress::OnUnavailable::bypass;
  CHECK(way(plan(input({bypass})), "203.0.113.9") == "pod");
  // What remains when the tunnels cannot be made.
  const State fences = fences_of(plan(input({egress("a", {"203.0.113.0/24"})})).state);
  CHECK(fences.links.empty());
  CHECK(std::ranges::any_of(fences.routes, [](const Route& route) {
    return route.type == Route::Type::unreachable && route.destination == prefix("203.0.113.0/24");
  }));
  CHECK_FALSE(fences.rules.empty());
}

TEST_CASE("client: pitfall 16: several Egresses: the longest prefix, then the first by name") {
  const ClientPlan planned =
      plan(input({egress("a", {"203.0.113.0/24", "0.0.0.0/0"}, {"10.64.0.21"}),
                  egress("b", {"203.0.113.0/24", "203.0.113.8/32"}, {"10.64.0.22"})}));
  CHECK(way(planned, "203.0.113.9") == "10.64.0.21");
  CHECK(way(planned, "203.0.113.8") == "10.64.0.22");
  REQUIRE(planned.problems.size() == 1);
  CHECK(planned.problems.front().find("internet/b: 203.0.113.0/24 is also a destination of Egress "
                                      "internet/a") != std::string::npos);
}

TEST_CASE("client: what one Egress excludes is the next one's, or the pod's own") {
  ClientEgress all = egress("a", {"0.0.0.0/0"}, {"10.64.0.21"});
  all.egress.excluded = {prefix("198.51.100.0/24")};
  CHECK(way(plan(input({all})), "198.51.100.1") == "pod");
  CHECK(way(plan(input({all})), "203.0.113.9") == "10.64.0.21");
  const ClientPlan both = plan(input({all, egress("b", {"198.51.0.0/16"}, {"10.64.0.22"})}));
  CHECK(way(both, "198.51.100.1") == "10.64.0.22");
}

TEST_CASE("client: pitfall 21: what was closed stays closed while an Egress is missing") {
  ClientInput missing = input({});
  missing.closed = {prefix("203.0.113.0/24")};
  CHECK(way(plan(missing), "203.0.113.9") == "fence");
}

TEST_CASE("client: a prefix that several name has one way, and is told once") {
  const auto told = [](const ClientPlan& planned, const std::string& text) {
    std::vector<ClientDestination::Way> ways;
    for (const ClientDestination& each : planned.destinations) {
      if (each.destination == prefix(text)) ways.push_back(each.way);
    }
    return ways;
  };
  const auto thrown = [](const ClientPlan& planned, const std::string& text) {
    return std::ranges::any_of(planned.state.routes, [&](const Route& route) {
      return route.destination == prefix(text) && route.type == Route::Type::throw_;
    });
  };
  using Way = ClientDestination::Way;
  ClientEgress first = egress("a", {"0.0.0.0/0"}, {"10.64.0.21"});
  first.egress.excluded = {prefix("198.51.100.0/24")};
  ClientEgress second = egress("b", {"203.0.113.0/24"}, {"10.64.0.22"});
  second.egress.excluded = first.egress.excluded;

  // Excluded by both.
  const ClientPlan neither = plan(input({first, second}));
  CHECK(told(neither, "198.51.100.0/24") == std::vector{Way::excluded});
  CHECK(thrown(neither, "198.51.100.0/24"));

  // Excluded by two, wanted by the third: no way to leave with the pod's own address.
  ClientInput wanted = input({first, second, egress("c", {"198.51.0.0/16"}, {"10.64.0.23"})});
  const ClientPlan next = plan(wanted);
  CHECK(way(next, "198.51.100.1") == "10.64.0.23");
  CHECK(told(next, "198.51.100.0/24") == std::vector{Way::tunnel});
  CHECK_FALSE(thrown(next, "198.51.100.0/24"));

  // What one excludes and another names as it is: the other's.
  const ClientPlan named = plan(input({first, egress("c", {"198.51.100.0/24"}, {"10.64.0.23"})}));
  CHECK(way(named, "198.51.100.1") == "10.64.0.23");
  CHECK(told(named, "198.51.100.0/24") == std::vector{Way::tunnel});
  CHECK_FALSE(thrown(named, "198.51.100.0/24"));

  // What was closed is open again by the Egress that names it.
  ClientInput closed = input({second});
  closed.closed = {prefix("203.0.113.0/24")};
  CHECK(told(plan(closed), "203.0.113.0/24") == std::vector{Way::tunnel});
}

TEST_CASE("client: what only a tunnel may lead to is what the routes lead to one, or fence") {
  const auto closed = [](const ClientPlan& planned) {
    std::vector<std::string> ranges;
    for (const AddressRange& range : closed_ranges(planned.state.routes, Family::ipv4)) {
      CHECK(planned.state.elements.contains(closed_element(range).key));
      ranges.push_back(to_string(range.first) + "-" + to_string(range.last));
    }
    return ranges;
  };
  using Ranges = std::vector<std::string>;
  ClientEgress wanted = egress("a", {"203.0.113.0/24", "198.51.100.0/24"});
  wanted.egress.excluded = {prefix("203.0.113.128/25")};
  CHECK(closed(plan(input({wanted}))) ==
        Ranges{"198.51.100.0-198.51.100.255", "203.0.113.0-203.0.113.127"});
  wanted.gateways.clear();
  CHECK(closed(plan(input({wanted}))).size() == 2);
  // What may pass by the pod's own way is open, and closed again when a NAT pod is there.
  wanted.egress.on_unavailable = Egress::OnUnavailable::bypass;
  CHECK(closed(plan(input({wanted}))).empty());
  CHECK(closed(plan(input({wanted, egress("b", {"203.0.113.8/32"}, {})}))) ==
        Ranges{"203.0.113.8-203.0.113.8"});
  // A NAT pod's own address is where tunnel packets go.
  CHECK(closed(plan(input({egress("a", {"10.64.0.20/31"})}))) == Ranges{"10.64.0.20-10.64.0.20"});
}

TEST_CASE("client: replies of what came in go past the egress table") {
  ClientInput with = input({egress("a", {"0.0.0.0/0", "::/0"}, {})});
  const ClientPlan planned = plan(with);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto rule = std::ranges::find_if(planned.state.rules, [&](const PolicyRule& rule) {
      return rule.family == family && rule.table == constants::egress_table;
    });
    REQUIRE(rule != planned.state.rules.end());
    CHECK(to_text(*rule) == "pref 1900 not fwmark 0x80000000/0x80000000 table 117 protocol 112");
    CHECK(planned.state.tables.contains(family));
  }
  for (const char* const key :
       {"net/ipv4/tcp_fwmark_accept", "net/ipv4/fwmark_reflect", "net/ipv6/fwmark_reflect"}) {
    CHECK(planned.state.sysctls.at(key) == "1");
  }
  CHECK_FALSE(planned.state.sysctls.contains("net/ipv4/conf/eth0/src_valid_mark"));
  with.host.rp_filter_all = 1;
  CHECK(plan(with).state.sysctls.at("net/ipv4/conf/eth0/src_valid_mark") == "1");
}

TEST_CASE("client: a family without an address is fenced, and told of once there is one") {
  ClientInput later = input({egress("a", {"0.0.0.0/0", "::/0"}, {"10.64.0.21", "fd00:64::21"})});
  later.addresses = {address("10.64.0.11")};
  const auto told = [](const ClientPlan& planned) {
    return std::ranges::count_if(planned.destinations, [](const ClientDestination& one) {
      return one.destination == prefix("::/0") && one.way == ClientDestination::Way::fence;
    });
  };
  later.host.interfaces["eth0"].addresses = {prefix("10.64.0.11/32"), prefix("fe80::1/64")};
  CHECK(way(plan(later), "203.0.113.9") == "10.64.0.21");
  CHECK(way(plan(later), "2001:db8::9") == "fence");
  CHECK(plan(later).state.tables.contains(Family::ipv6));
  CHECK(told(plan(later)) == 0);
  later.host.interfaces["eth0"].addresses.push_back(prefix("2001:db8:a::1/64"));
  CHECK(way(plan(later), "2001:db8::9") == "fence");
  CHECK(told(plan(later)) == 1);
}

TEST_CASE("client: traffic leaves with the address that NAT pods know, once the pod has it") {
  ClientInput with = input({egress("a", {"0.0.0.0/0", "::/0"}, {"10.64.0.21", "fd00:64::21"})});
  const auto sources = [&] {
    std::set<std::string> found;
    for (const Route& route : plan(with).state.routes) {
      if (route.table != constants::egress_table || !route.source) continue;
      CHECK(route.type == Route::Type::unicast);
      found.insert(to_string(*route.source));
    }
    return found;
  };
  CHECK(sources().empty());  // the kernel takes no source that it does not have
  with.host.interfaces["eth0"].addresses = {prefix("10.64.0.11/32"), prefix("2001:db8:a::1/64"),
                                            prefix("fd00:64::11/128")};
  CHECK(sources() == std::set<std::string>{"10.64.0.11", "fd00:64::11"});
}

TEST_CASE("client: mode Service moves rp_filter from all interfaces to each of the others") {
  ClientEgress wanted = egress("a", {"0.0.0.0/0"}, {"10.96.0.7"});
  wanted.egress.mode = Egress::Mode::service;
  ClientInput strict = input({wanted});
  strict.host.rp_filter_all = 1;
  strict.host.interfaces["eth0"].rp_filter = 2;
  for (const char* name : {"lo", "net1", "pona4-0a400015"}) {
    Interface more;
    more.name = name;
    more.up = true;
    strict.host.interfaces[name] = more;
  }
  std::map<std::string, std::string> filters;
  for (const auto& [key, value] : plan(strict).state.sysctls) {
    if (key.ends_with("/rp_filter")) filters.emplace(key, value);
  }
  CHECK(filters == std::map<std::string, std::string>{{"net/ipv4/conf/all/rp_filter", "0"},
                                                      {"net/ipv4/conf/eth0/rp_filter", "2"},
                                                      {"net/ipv4/conf/net1/rp_filter", "1"}});
}

TEST_CASE("client: a NAT pod that drains has a small part, one that is not usable none") {
  ClientEgress wanted = egress("a", {"0.0.0.0/0"}, {"10.64.0.21", "10.64.0.22", "10.64.0.23"});
  wanted.gateways[1].draining = true;
  wanted.gateways[2].usable = false;
  const ClientPlan planned = plan(input({wanted}));
  std::vector<std::uint16_t> weights;
  for (const auto& [id, nexthop] : planned.state.nexthops) {
    for (const Nexthop::Member& member : nexthop.members) weights.push_back(member.weight);
  }
  std::ranges::sort(weights);
  CHECK(weights == std::vector<std::uint16_t>{1, 1, 255, 255});
  // It can be asked nevertheless.
  CHECK(planned.state.links.size() == 3);
}

TEST_CASE("client: pitfall 7: a client whose IPv6 is disabled has its way by IPv4") {
  ClientInput without = input({egress("a", {"0.0.0.0/0", "::/0"}, {"10.64.0.21", "fd00:64::21"})});
  without.host.ipv6 = false;
  const ClientPlan planned = plan(without);
  CHECK(way(planned, "203.0.113.9") == "10.64.0.21");
  for (const Route& route : planned.state.routes) {
    CHECK(route.destination.family() == Family::ipv4);
  }
  for (const PolicyRule& rule : planned.state.rules) CHECK(rule.family == Family::ipv4);
}

TEST_CASE("client: pitfall 11: two NAT pods whose tunnels' names would be one have two") {
  const ClientPlan planned =
      plan(input({egress("a", {"::/0"}, {"fd00:64::ad8f:cd4d", "fd00:64::c0d:9169"})}));
  std::set<Address> remotes;
  for (const auto& [name, tunnel] : planned.state.links) remotes.insert(*remote_of(tunnel));
  CHECK(remotes == std::set{address("fd00:64::ad8f:cd4d"), address("fd00:64::c0d:9169")});
}

// A kernel that has gone part of the way from one plan to another, at each step of it.
static void at_each_step(const State& from, const State& to,
                         const std::function<void(const State&)>& look, std::size_t least) {
  const auto both = [&] {
    State frame = from;
    frame.tables.insert(to.tables.begin(), to.tables.end());
    frame.fou_ports.insert(to.fou_ports.begin(), to.fou_ports.end());
    frame.sysctls.insert(to.sysctls.begin(), to.sysctls.end());
    return frame;
  }();
  std::size_t steps = 0;
  for (bool failed = true; failed;) {
    support::FakeKernel kernel;
    kernel.add_interface("eth0", {"10.64.0.11/32"});
    const auto reconcile = [&](const State& wanted) {
      kernel.apply(diff(kernel.observe(both), wanted));
    };
    reconcile(from);
    kernel.fail_at(++steps);
    failed = false;
    try {
      reconcile(to);
    } catch (const Error&) {
      failed = true;
    }
    look(kernel.state());
    reconcile(to);
    CHECK(diff(kernel.observe(both), to).empty());
  }
  CHECK(steps > least);
}

TEST_CASE("client: pitfall 17: wherever a pass ends, the next completes it, and nothing was open") {
  const State before = plan(input({egress("a", {"203.0.113.0/24"}, {"10.64.0.21"})})).state;
  const State after =
      plan(
          input({egress("a", {"203.0.113.0/24", "198.51.100.0/24"}, {"10.64.0.21", "10.64.0.22"})}))
          .state;
  const auto closed = [](const State& state) {
    for (const Route& route : state.routes) {
      if (route.table != constants::egress_table || route.type != Route::Type::unicast) continue;
      CHECK(std::ranges::any_of(state.routes, [&](const Route& fence) {
        return fence.type == Route::Type::unreachable && fence.destination == route.destination;
      }));
    }
  };
  at_each_step({}, before, closed, 10);
  at_each_step(before, after, closed, 5);
  at_each_step(after, before, closed, 5);
  at_each_step(after, {}, closed, 10);
}

TEST_CASE("client: who asks for nothing has nothing") { CHECK(plan(input({})).state == State{}); }

TEST_CASE("client: VXLAN takes packets from its NAT pods alone") {
  ClientEgress wanted = egress("a", {"0.0.0.0/0"});
  wanted.egress.encapsulation = Egress::Encapsulation::vxlan;
  const ClientPlan planned = plan(input({wanted}));
  REQUIRE(planned.state.tables.contains(Family::ipv4));
  CHECK(planned.state.links.at("pona-gpe").mtu == 1464);
  CHECK(std::ranges::count_if(planned.state.elements, [](const auto& element) {
          return element.first.set == ClientSet::gateways;
        }) == 1);
}

TEST_CASE("client: mode Service tunnels to the ClusterIP and takes answers from the NAT pods") {
  ClientEgress wanted = egress("a", {"0.0.0.0/0"}, {"10.96.0.7"});
  wanted.egress.mode = Egress::Mode::service;
  wanted.senders = {address("10.64.0.21")};
  ClientInput with = input({wanted});
  with.host.rp_filter_all = 1;
  const ClientPlan planned = plan(with);
  CHECK(way(planned, "203.0.113.9") == "10.96.0.7");
  CHECK(planned.state.links.contains("pona4-sink"));
  // Only the tunnels may be entered any way: eth0 stays as strict as it is.
  CHECK(planned.state.sysctls.at("net/ipv4/conf/all/rp_filter") == "0");
  CHECK(planned.state.sysctls.at("net/ipv4/conf/eth0/rp_filter") == "1");
}

TEST_CASE("client: what a Service's translation touches has whole checksums, and nothing else") {
  ClientEgress service = egress("a", {"203.0.113.0/24"}, {"10.96.0.7"});
  service.egress.mode = Egress::Mode::service;
  const ClientEgress direct = egress("b", {"198.51.100.0/24"}, {"10.64.0.21"});
  const ClientPlan both = plan(input({service, direct}));
  REQUIRE(both.whole_checksums.size() == 1);
  const Link& tunnel = both.state.links.at(*both.whole_checksums.begin());
  CHECK(*remote_of(tunnel) == address("10.96.0.7"));
  CHECK(plan(input({direct})).whole_checksums.empty());
  // One device of VXLAN is for both.
  ClientEgress vxlan = service;
  vxlan.egress.encapsulation = Egress::Encapsulation::vxlan;
  CHECK(plan(input({vxlan})).whole_checksums == std::set<std::string>{"pona-gpe"});
}

}  // namespace unit::plan_client_test
