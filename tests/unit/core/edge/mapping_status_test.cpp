#include "core/edge/mapping_status.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace unit::mapping_status_test {

using namespace core;
using Reported = MappingReport::State;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

constexpr std::int64_t now = 1'700'000'000;

// A Service of two pods and Mappings of it, planned by an edge that has 203.0.113.10.
class Edge {
 public:
  Edge() : plan_(EdgeSettings{}) {
    Host host;
    Interface eth1;
    eth1.name = "eth1";
    eth1.index = 3;
    eth1.up = true;
    eth1.addresses = {*Prefix::parse("203.0.113.10/24")};
    host.interfaces["eth1"] = eth1;
    plan_.update(host);
    Service service;
    service.name = {"shop", "web"};
    service.cluster_ips = {address("10.96.0.10"), address("2001:db8:96::10")};
    service.ports = {{"http", 80, Protocol::tcp, 0}};
    put(service);
    pods({"10.1.0.3", "10.1.0.2"});
  }

  void pods(const std::vector<std::string>& addresses) {
    EndpointSlice slice;
    slice.name = {"shop", "web-1"};
    slice.service = "web";
    slice.ports = {{"http", 8080, Protocol::tcp}};
    for (const std::string& pod : addresses) {
      slice.endpoints.push_back({address(pod), true, true, false});
    }
    put(slice);
  }

  void map(const std::string& name, const std::vector<std::string>& addresses,
           const std::vector<std::uint16_t>& service_ports = {80}) {
    Mapping mapping;
    mapping.name = {"shop", name};
    mapping.created = created_.emplace(name, created_.size()).first->second;
    mapping.service = "web";
    for (const std::string& text : addresses) mapping.addresses.push_back(address(text));
    std::uint16_t port = 443;
    for (const std::uint16_t service_port : service_ports) {
      mapping.ports.push_back({{port, port}, service_port, Protocol::tcp});
      ++port;
    }
    put(mapping);
  }

  [[nodiscard]] InstanceStatus status(const std::string& name) const {
    const ObjectName mapping{"shop", name};
    return instance_status({core::Kind::mapping, mapping},
                           *plan_.report({core::Kind::mapping, mapping}), plan_.forwards(),
                           {"edge-1", 3, now});
  }

 private:
  void put(const Object& object) {
    plan_.update(ObjectChanges{
        {{kind_of(object), name_of(object)}, std::make_shared<const Object>(object)}});
  }

  EdgePlan plan_;
  std::map<std::string, std::int64_t> created_;
};

MappingInstance instance(const std::string& name, Reported state, const std::string& message = "",
                         std::int64_t heartbeat = now, std::int64_t generation = 3) {
  return {name, state, {}, message, generation, heartbeat};
}

SharedStatus shared(const std::vector<MappingInstance>& instances,
                    const std::vector<Condition>& before = {}) {
  return shared_status(instances, before, nullptr, {"edge-1", 3, now});
}

// "True Accepted: message", without the colon where there is no message.
std::string said(const SharedStatus& status, std::size_t condition) {
  const Condition& one = status.conditions.at(condition);
  return std::string(to_string(one.status)) + " " + one.reason +
         (one.message.empty() ? "" : ": " + one.message);
}

}  // namespace

TEST_CASE("an edge says what it carries of a Mapping") {
  Edge edge;
  edge.map("web", {"203.0.113.10", "203.0.113.11"});
  const InstanceStatus status = edge.status("web");
  const MappingInstance entry{"edge-1", Reported::active, {address("203.0.113.10")}, "", 3, now};
  CHECK(status.entry == entry);
  const std::map<Address, std::vector<Address>> pods = {
      {address("203.0.113.10"), {address("10.1.0.2"), address("10.1.0.3")}}};
  CHECK(status.configured == pods);
}

TEST_CASE("an address without a pod behind it is in effect nevertheless") {
  Edge edge;
  edge.map("web", {"203.0.113.10"});
  edge.pods({});
  const std::map<Address, std::vector<Address>> nobody = {{address("203.0.113.10"), {}}};
  CHECK(edge.status("web").configured == nobody);
}

TEST_CASE("an edge says why it carries nothing, or not all") {
  Edge edge;
  edge.map("elsewhere", {"203.0.113.11"});
  const InstanceStatus inactive = edge.status("elsewhere");
  CHECK(inactive.entry.state == Reported::inactive);
  CHECK(inactive.entry.message.find("none of its addresses is on this host") == 0);
  CHECK(inactive.entry.addresses.empty());
  CHECK(inactive.configured.empty());

  edge.map("first", {"203.0.113.10"});
  edge.map("second", {"203.0.113.10"});
  const InstanceStatus rejected = edge.status("second");
  CHECK(rejected.entry.state == Reported::rejected);
  CHECK(rejected.entry.message.find("belongs to the older Mapping shop/first") !=
        std::string::npos);
  CHECK(rejected.configured.empty());  // not the winner's, though the address is the same

  edge.map("first", {"203.0.113.10"}, {80, 81});
  const InstanceStatus degraded = edge.status("first");
  CHECK(degraded.entry.state == Reported::degraded);
  CHECK(degraded.entry.message.find("81") != std::string::npos);
  CHECK(degraded.configured.size() == 1);
}

TEST_CASE("a message is as long as people read, and loses no count") {
  MappingReport report;
  report.state = Reported::degraded;
  for (int i = 0; i < 1000; ++i) report.reasons.push_back("port " + std::to_string(i) + " is gone");
  report.reasons.push_back("port 1 is gone");
  const std::string message = instance_status({}, report, {}, {}).entry.message;
  CHECK(message.size() < 4200);
  CHECK(message.starts_with("port 0 is gone; port 1 is gone; "));
  std::size_t written = 0;
  for (std::size_t at = 0; (at = message.find("is gone", at)) != std::string::npos; ++at) ++written;
  CHECK(message.ends_with("; and " + std::to_string(1000 - written) + " more"));
}

TEST_CASE("an entry is written when it says something new, and before it is forgotten") {
  InstanceStatus written;
  written.entry = instance("edge-1", Reported::active);
  InstanceStatus next = written;
  CHECK_FALSE(worth_writing(written, next));
  next.entry.heartbeat = now + 59;
  CHECK_FALSE(worth_writing(written, next));
  next.entry.heartbeat = now + 60;
  CHECK(worth_writing(written, next));
  CHECK_FALSE(is_expired(written.entry, next.entry.heartbeat));
  next.entry.heartbeat = now - 1;  // the clock was set back
  CHECK(worth_writing(written, next));

  next = written;
  next.entry.generation = 4;
  CHECK(worth_writing(written, next));
  next = written;
  next.configured[address("203.0.113.10")];
  CHECK(worth_writing(written, next));
}

TEST_CASE("the conditions are what the edges say together") {
  using Row = std::tuple<std::vector<MappingInstance>, std::string, std::string, std::string>;
  const std::vector<Row> rows = {
      {{},
       "Unknown Pending: no edge has looked at it yet",
       "Unknown Pending: no edge has looked at it yet",
       ""},
      {{instance("b", Reported::active), instance("a", Reported::active)},
       "True Accepted",
       "True Programmed: carried by a, b",
       "no"},
      {{instance("a", Reported::inactive, "not here"), instance("b", Reported::active)},
       "True Accepted",
       "True Programmed: carried by b",
       "no"},
      {{instance("a", Reported::inactive, "not here"),
        instance("b", Reported::inactive, "not here")},
       "True Accepted",
       "False NoAddress: no edge has one of its addresses",
       "no"},
      {{instance("a", Reported::degraded, "port 81 is gone"), instance("b", Reported::active)},
       "True PartlyAccepted: port 81 is gone",
       "True Programmed: carried by a, b",
       "no"},
      {{instance("a", Reported::rejected, "taken"), instance("b", Reported::rejected, "taken")},
       "False Rejected: taken",
       "False NotAccepted: nothing of it is in effect",
       "taken"},
      {{instance("a", Reported::rejected, "taken"),
        instance("b", Reported::rejected, "no Service")},
       "False Rejected: taken; no Service",
       "False NotAccepted: nothing of it is in effect",
       "taken; no Service"},
      {{instance("a", Reported::rejected)},
       "False Rejected",
       "False NotAccepted: nothing of it is in effect",
       "rejected"},
      // An edge that lags behind does not spoil it for the others.
      {{instance("a", Reported::rejected, "taken"), instance("b", Reported::active)},
       "True Accepted",
       "True Programmed: carried by b",
       "no"},
  };
  for (const auto& [instances, accepted, programmed, invalid] : rows) {
    const SharedStatus status = shared(instances);
    REQUIRE(status.conditions.size() == 2);
    CHECK(status.conditions[0].type == "Accepted");
    CHECK(status.conditions[1].type == "Programmed");
    CHECK(said(status, 0) == accepted);
    CHECK(said(status, 1) == programmed);
    CHECK(status.invalid == invalid);
    CHECK(status.generation == 3);
    CHECK(status.conditions[0].generation == 3);
  }
}

TEST_CASE("3.4: ports and edges are texts, and of many the others are counted") {
  CHECK(ports_text({}).empty());
  std::vector<MappingPort> ports = {{{443, 443}, 443, Protocol::tcp},
                                    {{8000, 8010}, 80, Protocol::udp}};
  CHECK(ports_text(ports) == "443/tcp, 8000-8010/udp");
  ports.clear();
  for (std::uint16_t port = 1000; port < 1200; ++port) {
    ports.push_back({{port, port}, port, Protocol::sctp});
  }
  const std::string text = ports_text(ports);
  CHECK(text.find("1000/sctp, 1001/sctp, ") == 0);
  CHECK(text.size() < 300);
  const auto named = static_cast<std::size_t>(std::ranges::count(text, '/'));
  CHECK(text.ends_with(" and " + std::to_string(200 - named) + " more"));

  const SharedStatus status =
      shared({instance("edge-3", Reported::inactive), instance("edge-2", Reported::degraded),
              instance("edge-1", Reported::active), instance("edge-4", Reported::rejected),
              instance("edge-5", Reported::active, "", now - 1000)});
  CHECK(status.edges == "edge-1, edge-2");
  CHECK(shared({instance("edge-3", Reported::inactive)}).edges.empty());
  CHECK(shared({instance(std::string(400, 'e'), Reported::active)}).edges.size() == 400);
}

TEST_CASE("with many Mappings an entry says itself how seldom it is written") {
  CHECK(heartbeat_period(10) == 60);
  CHECK(heartbeat_period(10000) == 2000);
  auto slow = instance("a", Reported::active, "", now - 3000);
  CHECK(is_expired(slow, now));
  slow.heartbeat_period = 2000;
  CHECK_FALSE(is_expired(slow, now));
}

TEST_CASE("the dead do not speak, and the old only while there is nobody else") {
  const auto dead = instance("a", Reported::active, "", now - 300 - 1);
  CHECK(said(shared({dead}), 1) == "Unknown Pending: no edge has looked at it yet");
  CHECK(said(shared({instance("a", Reported::active, "", now - 300)}), 1) ==
        "True Programmed: carried by a");
  CHECK(said(shared({dead, instance("b", Reported::inactive)}), 1) ==
        "False NoAddress: no edge has one of its addresses");

  // While the change to generation 3 is on its way, what was carried still is.
  const auto old = instance("a", Reported::active, "", now, 2);
  CHECK(said(shared({old}), 1) == "True Programmed: carried by a");
  CHECK(said(shared({old, instance("b", Reported::rejected, "taken")}), 0) ==
        "False Rejected: taken");
}

TEST_CASE("a condition keeps the time since when it is so") {
  std::vector<Condition> before = shared({instance("a", Reported::active)}).conditions;
  CHECK(before[0].since == now);
  for (Condition& condition : before) condition.since = now - 1000;

  const SharedStatus same = shared({instance("b", Reported::active)}, before);
  CHECK(same.conditions[1].message == "carried by b");
  CHECK(same.conditions[1].since == now - 1000);

  const SharedStatus other = shared({instance("a", Reported::inactive)}, before);
  CHECK(other.conditions[0].since == now - 1000);
  CHECK(other.conditions[1].since == now);
}

TEST_CASE("SmartNat's serviceVIP is the first cluster IP") {
  Service service;
  const StatusContext context{"edge-1", 3, now};
  CHECK(shared_status({}, {}, nullptr, context).service_vip.empty());
  CHECK(shared_status({}, {}, &service, context).service_vip.empty());
  service.cluster_ips = {address("10.96.0.10"), address("2001:db8:96::10")};
  CHECK(shared_status({}, {}, &service, context).service_vip == "10.96.0.10");
}

}  // namespace unit::mapping_status_test
