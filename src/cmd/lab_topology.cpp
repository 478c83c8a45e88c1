#include "cmd/lab_topology.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstring>

#include "core/error.hpp"
#include "net/announce.hpp"
#include "net/link.hpp"
#include "net/sysctl.hpp"

namespace cmd {
namespace {

constexpr std::array<std::string_view, 2> appliances = {"appliance", "standby"};

struct Placed {
  std::string_view link;
  std::string_view address;
};

constexpr std::array<Placed, 5> moving = {{{"ext1", first_external4},
                                           {"ext2", external4},
                                           {"ext2", external6},
                                           {"cluster", "10.244.0.1"},
                                           {"cluster", "fd00:10:244::1"}}};

core::Prefix prefix(std::string_view text) { return core::Prefix::parse(text).value(); }

void set_sysctls(bool router, bool strict) {
  // Before any link is made. Some defaults come from the host and would make the lab depend on it.
  for (const char* scope : {"all", "default"}) {
    const std::string ipv4 = std::string("net/ipv4/conf/") + scope + '/';
    const std::string ipv6 = std::string("net/ipv6/conf/") + scope + '/';
    net::write_sysctl(ipv4 + "rp_filter", strict ? "1" : "0");
    net::write_sysctl(ipv4 + "arp_ignore", "0");
    net::write_sysctl(ipv4 + "arp_announce", "0");
    net::write_sysctl(ipv6 + "disable_ipv6", "0");
    net::write_sysctl(ipv6 + "accept_ra", "0");
    net::write_sysctl(ipv6 + "accept_dad", "0");  // link-local addresses are usable at once as well
    net::write_sysctl(ipv6 + "dad_transmits", "0");
    net::write_sysctl(ipv6 + "forwarding", router ? "1" : "0");
  }
  net::write_sysctl("net/ipv4/ip_forward", router ? "1" : "0");
}

void add_bridge(net::Links& links, const std::string& name,
                std::initializer_list<std::string_view> addresses) {
  links.add_bridge(name);
  for (const std::string_view text : addresses) links.add_address(name, prefix(text));
  links.set_up(name, true);
}

void add_leg(LabHome& lab, const std::string& host, const std::string& link,
             const std::string& switch_in, const std::string& port, const std::string& bridge,
             std::initializer_list<std::string> addresses) {
  net::Links here(lab.at(host));
  here.add_veth(link, lab.at(switch_in), port);
  for (const std::string& text : addresses) here.add_address(link, prefix(text));
  here.set_up(link, true);
  net::Links there(lab.at(switch_in));
  if (!bridge.empty()) there.set_bridge(port, bridge);
  there.set_up(port, true);
}

void add_default_routes(LabHome& lab, const std::string& host, std::string_view ipv4,
                        std::string_view ipv6) {
  net::Links links(lab.at(host));
  links.add_route(prefix("0.0.0.0/0"), address(ipv4));
  links.add_route(prefix("::/0"), address(ipv6));
}

void build_outside(LabHome& lab) {
  add_leg(lab, "client", "eth0", "router", "client", "",
          {std::string(client4) + "/24", std::string(client6) + "/64"});
  net::Links client(lab.at("client"));
  for (const std::string_view other : more_clients4) {
    client.add_address("eth0", prefix(std::string(other) + "/24"));
  }
  client.add_address("eth0", prefix(std::string(office4) + "/24"));
  add_default_routes(lab, "client", "198.51.100.1", "2001:db8:c::1");

  net::Links router(lab.at("router"));
  router.add_address("client", prefix("198.51.100.1/24"));
  router.add_address("client", prefix("2001:db8:c::1/64"));
  add_bridge(router, "ext1", {"192.0.2.1/24", "2001:db8:1::1/64"});
  add_bridge(router, "ext2", {"203.0.113.1/24", "2001:db8:2::1/64"});
}

void build_appliance(LabHome& lab, const std::string& name, const std::string& host) {
  add_leg(lab, name, "ext1", "router", "ext1-" + name, "ext1",
          {"192.0.2." + host + "/24", "2001:db8:1::" + host + "/64"});
  add_leg(lab, name, "ext2", "router", "ext2-" + name, "ext2",
          {"203.0.113." + host + "/24", "2001:db8:2::" + host + "/64"});
  add_leg(lab, name, "cluster", "cluster", name, "pods",
          {"10.244.0." + host + "/24", "fd00:10:244::" + host + "/64"});
  add_default_routes(lab, name, "192.0.2.1", "2001:db8:1::1");
}

void build_pod(LabHome& lab, const Pod& pod) {
  const std::string name(pod.name);
  add_leg(lab, name, "eth0", "cluster", name, "pods",
          {std::string(pod.ipv4) + "/24", std::string(pod.ipv6) + "/64"});
  add_default_routes(lab, name, "10.244.0.1", "fd00:10:244::1");
}

}  // namespace

core::Address address(std::string_view text) { return core::Address::parse(text).value(); }

std::string_view picture() {
  return R"(
                               ext1 192.0.2.10     +-----------+
   client ------- router ==========================| appliance |==+==== pod1 10.244.0.11
   198.51.100.10         \\    ext2 203.0.113.10   +-----------+  |
   2001:db8:c::10         \\        2001:db8:2::10                +==== pod2 10.244.0.12
                           \\                      +-----------+  |
                            =======================|  standby  |==+==== pod3 10.244.0.13
                                                   +-----------+
)";
}

void build_network(LabHome& lab) {
  if (!net::Fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0))) {
    throw core::Error(core::Error::Kind::permanent,
                      "the lab shows IPv6 too, and this kernel has it switched off (ipv6.disable)");
  }
  for (const char* name : {"client", "router", "cluster"}) lab.add_namespace(name);
  for (const std::string_view name : appliances) lab.add_namespace(std::string(name));
  for (const Pod& pod : pods) lab.add_namespace(std::string(pod.name));

  for (const std::string& name : lab.namespaces()) {
    const bool appliance = name == appliances[0] || name == appliances[1];
    const bool strict = name == "client" || name == "router";
    lab.at(name).run([&] { set_sysctls(appliance || name == "router", strict); });
  }

  build_outside(lab);
  net::Links cluster(lab.at("cluster"));
  add_bridge(cluster, "pods", {});
  build_appliance(lab, std::string(appliances[0]), "2");
  build_appliance(lab, std::string(appliances[1]), "3");
  for (const Pod& pod : pods) build_pod(lab, pod);
  take_addresses(lab, std::string(appliances[0]));
}

void take_addresses(LabHome& lab, const std::string& appliance) {
  const net::Namespace& where = lab.at(appliance);
  net::Links links(where);
  for (const Placed& each : moving) {
    links.add_address(std::string(each.link), core::Prefix::host(address(each.address)));
  }
  for (const Placed& each : moving) {
    const net::LinkInfo link = links.get(std::string(each.link));
    net::announce(where, link.index, link.mac, address(each.address));
  }
}

void drop_addresses(LabHome& lab, const std::string& appliance) {
  net::Links links(lab.at(appliance));
  for (const Placed& each : moving) {
    links.remove_address(std::string(each.link), core::Prefix::host(address(each.address)));
  }
}

bool holds_addresses(const LabHome& lab, const std::string& appliance) {
  // Binding asks the kernel the one question that matters.
  const net::Fd fd = lab.at(appliance).socket(AF_INET, SOCK_DGRAM);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  std::memcpy(&own.sin_addr, address(external4).bytes().data(), sizeof own.sin_addr);
  return bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
}

void cut_off(LabHome& lab, const std::string& appliance) {
  net::Links links(lab.at(appliance));
  for (const char* link : {"ext1", "ext2", "cluster"}) links.set_up(link, false);
}

}  // namespace cmd
