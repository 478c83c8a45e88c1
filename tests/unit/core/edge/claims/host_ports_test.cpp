#include "core/edge/claims/host_ports.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "support/catch.hpp"

namespace unit::host_ports_test {

using namespace core;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

Listener listener(const std::string& at, std::uint16_t port, Protocol protocol = Protocol::tcp,
                  std::uint32_t device = 0) {
  return {port, protocol, address(at), device};
}

ForwardKey key(const std::string& at, std::uint16_t first, std::uint16_t last = 0,
               Protocol protocol = Protocol::tcp) {
  return {address(at), protocol, {first, last == 0 ? first : last}};
}

// eth0 with the default route, eth1 to clients, eth2 to the cluster, lo with an address of its own.
Host host() {
  Host host;
  const auto add = [&](const char* name, std::uint32_t index, std::vector<const char*> addresses) {
    Interface interface;
    interface.name = name;
    interface.index = index;
    interface.up = true;
    for (const char* text : addresses) interface.addresses.push_back(*Prefix::parse(text));
    host.interfaces[name] = interface;
  };
  add("lo", 1, {"127.0.0.1/8", "192.0.2.1/32"});
  add("eth0", 2, {"198.51.100.2/24", "198.51.100.9/32", "2001:db8::2/64"});
  add("eth1", 3, {"203.0.113.5/24"});
  add("eth2", 4, {"10.0.0.2/24", "10.0.0.9/32"});
  host.interfaces["eth0"].default4 = true;
  return host;
}

const std::vector<ExternalInterface> none;
const std::vector<ExternalInterface> eth1 = {{"eth1", 1, {}, {}}};

bool taken(const Listeners& listeners, const ForwardKey& key,
           const std::vector<ExternalInterface>& external = eth1) {
  return listener_at(listeners, key, host(), external) != nullptr;
}

std::vector<Forward> forwards(const std::vector<ForwardKey>& keys) {
  std::vector<Forward> result;
  for (const ForwardKey& key : keys) result.emplace_back().key = key;
  return result;
}

const std::map<ForwardKey, std::shared_ptr<const Forward>> none_before;
const ObjectId web{Kind::mapping, {"shop", "web"}};

using Before = std::map<ForwardKey, std::shared_ptr<const Forward>>;

Before planned(const ForwardKey& key, bool active) {
  auto forward = std::make_shared<Forward>();
  forward->key = key;
  forward->active = active;
  return {{key, forward}};
}

HostPorts::Claim claim(bool of_cluster, const Before& before = none_before) {
  return {web, of_cluster, before};
}

}  // namespace

TEST_CASE("4.6: a listener on the very address, protocol and port is in the way, others are not") {
  const Listeners ssh = {listener("203.0.113.5", 22)};
  CHECK(taken(ssh, key("203.0.113.5", 22)));
  CHECK(taken(ssh, key("203.0.113.5", 20, 30)));
  CHECK_FALSE(taken(ssh, key("203.0.113.5", 23)));
  CHECK_FALSE(taken(ssh, key("203.0.113.5", 22, 0, Protocol::udp)));
  CHECK_FALSE(taken(ssh, key("198.51.100.2", 22)));
  CHECK_FALSE(taken({}, key("203.0.113.5", 22)));
}

TEST_CASE(
    "a listener on all addresses counts on the host's own, not on those put up for Mappings") {
  const Listeners ssh = {listener("0.0.0.0", 22)};
  CHECK(taken(ssh, key("198.51.100.2", 22)));  // a default route
  CHECK(taken(ssh, key("198.51.100.9", 22)));
  CHECK(taken(ssh, key("10.0.0.2", 22)));              // towards the cluster
  CHECK_FALSE(taken(ssh, key("10.0.0.9", 22)));        // without a subnet
  CHECK_FALSE(taken(ssh, key("203.0.113.5", 22)));     // towards clients
  CHECK_FALSE(taken(ssh, key("192.0.2.1", 22)));       // on lo
  CHECK_FALSE(taken(ssh, key("192.0.2.77", 22)));      // not here
  CHECK_FALSE(taken(ssh, key("2001:db8::2", 22)));     // the other family
  CHECK_FALSE(taken(ssh, key("10.0.0.2", 22), none));  // nobody says which way the cluster is
  CHECK(taken(ssh, key("198.51.100.2", 22), none));
  CHECK(taken({listener("::", 22)}, key("2001:db8::2", 22)));
  CHECK_FALSE(taken({listener("::", 22)}, key("2001:db8::2", 22), none));  // the default is v4's
  CHECK(taken({listener("0.0.0.0", 22, Protocol::tcp, 2)}, key("198.51.100.2", 22)));
  CHECK_FALSE(taken({listener("0.0.0.0", 22, Protocol::tcp, 4)}, key("198.51.100.2", 22)));
}

TEST_CASE(
    "4.6: claims of a cluster are refused, those of files warned of; the setting changes either") {
  EdgeSettings settings;
  HostPorts ports(settings);
  ports.set({listener("198.51.100.2", 22)});
  const std::vector<ForwardKey> both = {key("198.51.100.2", 22), key("198.51.100.2", 80)};

  auto left = forwards(both);
  const auto reasons = ports.judge(claim(true), host(), none, left);
  REQUIRE(left.size() == 1);
  CHECK(left.front().key == both[1]);
  CHECK(reasons == std::vector<std::string>{
                       "198.51.100.2:22/tcp is in use: this host itself listens at "
                       "198.51.100.2:22; take another address or port, stop what listens there, or "
                       "set --host-ports take"});
  CHECK(ports.refused().at(web) == std::set<ForwardKey>{both[0]});
  CHECK(ports.warnings().empty());

  left = forwards(both);
  CHECK(ports.judge(claim(false), host(), none, left).empty());
  CHECK(left.size() == 2);
  CHECK(ports.refused().empty());
  CHECK(ports.warnings() ==
        std::vector<std::string>{"Mapping shop/web takes 198.51.100.2:22/tcp, where this host "
                                 "itself listens at 198.51.100.2:22: clients reach the Mapping's "
                                 "endpoints instead"});
  ports.forget(web);
  CHECK(ports.warnings().empty());

  for (const auto& [policy, of_cluster, kept, warned] :
       {std::tuple{HostPortPolicy::refuse, false, 1U, 0U},
        std::tuple{HostPortPolicy::warn, true, 2U, 1U},
        std::tuple{HostPortPolicy::take, true, 2U, 0U}}) {
    settings.host_ports = policy;
    left = forwards(both);
    ports.judge(claim(of_cluster), host(), none, left);
    CHECK(left.size() == kept);
    CHECK(ports.warnings().size() == warned);
  }
}

TEST_CASE("4.6: a claim in effect is not lost to a listener that comes later, nor by a restart") {
  const EdgeSettings settings;
  HostPorts ports(settings);
  const Listeners ssh = {listener("198.51.100.2", 22)};
  const ForwardKey at22 = key("198.51.100.2", 22);
  CHECK(ports.set(ssh) == ssh);
  CHECK(ports.set(ssh).empty());
  auto left = forwards({at22});
  CHECK(ports.judge(claim(true, planned(at22, true)), host(), none, left).empty());
  CHECK(left.size() == 1);
  CHECK(ports.warnings().size() == 1);
  // Once it stands, it need not be told again.
  CHECK(ports.judge(claim(true), host(), none, left).empty());
  ports.forget(web);
  CHECK(ports.judge(claim(true), host(), none, left).size() == 1);
  CHECK(ports.refusals() == 1);

  HostPorts next(settings);
  next.set(ssh);
  next.hold({at22});
  left = forwards({at22});
  CHECK(next.judge(claim(true), host(), none, left).empty());
  CHECK(left.size() == 1);
  next.hold({});

  CHECK(next.set({}) == ssh);
  CHECK(next.judge(claim(true), host(), none, left).empty());
  CHECK(next.warnings().empty());
}

TEST_CASE("4.6: what waits for its address is older than a listener that comes, no more") {
  const EdgeSettings settings;
  const ForwardKey at22 = key("198.51.100.2", 22);
  const Before waiting = planned(at22, false);
  HostPorts ports(settings);
  ports.set({listener("198.51.100.2", 22)});
  auto left = forwards({at22});
  SECTION("the listener came") {
    CHECK(ports.judge(claim(true, waiting), host(), none, left).empty());
    ports.settle();
    CHECK(ports.judge(claim(true, waiting), host(), none, left).empty());
  }
  SECTION("the address came") {
    ports.settle();
    CHECK(ports.judge(claim(true, waiting), host(), none, left).size() == 1);
    CHECK(left.empty());
  }
}

TEST_CASE("4.6: of many claims that stand against listeners, few are named") {
  EdgeSettings settings;
  HostPorts ports(settings);
  Listeners many;
  std::vector<ForwardKey> keys;
  for (std::uint16_t port = 1; port <= 50; ++port) {
    many.insert(listener("198.51.100.2", port));
    keys.push_back(key("198.51.100.2", port));
  }
  ports.set(many);
  auto left = forwards(keys);
  ports.judge(claim(false), host(), none, left);
  REQUIRE(ports.warnings().size() == 21);
  CHECK(ports.warnings().back().starts_with("30 more claims"));
}

}  // namespace unit::host_ports_test
