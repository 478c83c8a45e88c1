#include "cmd/lab/edge/network.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstring>

#include "cmd/lab/network.hpp"
#include "net/announce.hpp"
#include "net/links.hpp"

namespace cmd {
namespace {

constexpr std::array<std::string_view, 2> appliance_names = {"appliance", "standby"};

struct Placed {
  std::string_view link;
  std::string_view address;
};

constexpr std::array<Placed, 5> moving = {{{"ext1", first_external4},
                                           {"ext2", external4},
                                           {"ext2", external6},
                                           {"cluster", "10.244.0.1"},
                                           {"cluster", "fd00:10:244::1"}}};

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

void build_network(LabHome& lab) {
  need_ipv6();
  add_host(lab, "client", {.strict = true});
  add_host(lab, "router", {.router = true, .strict = true});
  add_host(lab, "cluster", {});
  for (const std::string_view name : appliance_names) {
    add_host(lab, std::string(name), {.router = true});
  }
  for (const Pod& pod : pods) add_host(lab, std::string(pod.name), {});

  build_outside(lab);
  net::Links cluster(lab.at("cluster"));
  add_bridge(cluster, "pods", {});
  build_appliance(lab, std::string(appliance_names[0]), "2");
  build_appliance(lab, std::string(appliance_names[1]), "3");
  for (const Pod& pod : pods) build_pod(lab, pod);
  take_addresses(lab, std::string(appliance_names[0]));
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
  const os::Fd fd = lab.at(appliance).socket(AF_INET, SOCK_DGRAM);
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
