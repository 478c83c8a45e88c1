#include "support/random_objects.hpp"

#include <algorithm>

namespace support {
namespace {

using namespace core;

class ObjectMaker {
 public:
  explicit ObjectMaker(std::mt19937& chance) : chance_(chance) {}

  Object object() {
    switch (below(4)) {
      case 0:
        return mapping();
      case 1:
        return service();
      case 2:
        return pool();
      default:
        return slice();
    }
  }

 private:
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(chance_);
  }
  bool coin() { return below(2) == 0; }
  std::uint16_t port() { return static_cast<std::uint16_t>(1 + below(65535)); }

  template <typename Make>
  auto some(std::uint32_t least, Make make) {
    std::vector<decltype(make())> list;
    const std::uint32_t size = least + below(4);
    while (list.size() < size) {
      auto element = make();
      if (std::find(list.begin(), list.end(), element) == list.end()) list.push_back(element);
    }
    return list;
  }

  ObjectName name() {
    const auto number = [&] { return std::to_string(below(100)); };
    return {"ns" + number(), "name-" + number()};
  }

  Address address(Family family) {
    std::array<std::uint8_t, 16> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(below(256));
    bytes[0] = family == Family::ipv4 ? 198 : 0x20;
    return Address(std::span(bytes.data(), family == Family::ipv4 ? 4 : 16));
  }
  Address address() { return address(coin() ? Family::ipv4 : Family::ipv6); }

  Prefix prefix() {
    const Address base = address();
    const auto bits = static_cast<std::uint32_t>(base.size() * 8);
    return Prefix{base, static_cast<std::uint8_t>(below(bits + 1))}.masked();
  }

  Protocol protocol() {
    constexpr std::array all = {Protocol::tcp, Protocol::udp, Protocol::sctp};
    return all[below(all.size())];
  }
  std::string port_name() { return coin() ? "" : "port-" + std::to_string(below(100)); }

  // Ascending, so that they do not overlap.
  std::vector<MappingPort> mapping_ports() {
    std::vector<MappingPort> ports;
    std::uint16_t next = static_cast<std::uint16_t>(1 + below(10000));
    for (std::uint32_t i = 0; i <= below(4); ++i) {
      const auto last = static_cast<std::uint16_t>(next + (coin() ? 0 : below(100)));
      ports.push_back({{next, last}, static_cast<std::uint16_t>(1 + below(60000)), protocol()});
      next = static_cast<std::uint16_t>(last + 1 + below(1000));
    }
    return ports;
  }

  Mapping mapping() {
    Mapping result;
    result.name = name();
    if (coin()) result.created = below(2'000'000'000);
    if (coin()) result.generation = below(100);
    result.addresses = some(1, [&] { return address(); });
    result.allowed_sources = some(0, [&] { return prefix(); });
    std::sort(result.allowed_sources.begin(), result.allowed_sources.end());
    result.service = "service-" + std::to_string(below(100));
    result.ports = mapping_ports();
    if (coin()) result.affinity = coin() ? Affinity::none : Affinity::client_ip;
    if (coin()) result.preserve_client_ip = coin();
    if (coin()) result.max_connections_per_source = below(1000);
    if (coin()) result.new_connections_per_second = below(1000);
    return result;
  }

  Service service() {
    constexpr std::array types = {Service::Type::cluster_ip, Service::Type::node_port,
                                  Service::Type::load_balancer, Service::Type::external_name};
    Service result;
    result.name = name();
    result.type = types[below(types.size())];
    if (result.type != Service::Type::external_name) {
      result.cluster_ips = some(0, [&] { return address(); });
    }
    result.ports = some(0, [&] {
      return ServicePort{port_name(), port(), protocol(), coin() ? port() : std::uint16_t{0}};
    });
    result.affinity = coin() ? Affinity::none : Affinity::client_ip;
    if (result.type == Service::Type::load_balancer && coin()) result.load_balancer = balancer();
    return result;
  }

  LoadBalancer balancer() {
    LoadBalancer result;
    if (coin()) result.created = below(2'000'000'000);
    result.assigned = some(0, [&] { return address(); });
    result.requested = some(0, [&] { return address(); });
    if (coin())
      result.fault = "annotation pona.dev/addresses: \"any\" is not an IPv4 or IPv6 address";
    if (!result.fault.empty() && coin()) {
      result.fault = "spec.loadBalancerIP: \"a \"b\" is not an IPv4 or IPv6 address";
    }
    if (coin()) result.pool = "pool";
    result.families = {coin() ? Family::ipv4 : Family::ipv6};
    if (coin()) result.families = {Family::ipv6, Family::ipv4};
    result.allowed_sources = some(0, [&] { return prefix(); });
    result.local = coin();
    return result;
  }

  AddressPool pool() {
    AddressPool result;
    result.name = {"", name().name};
    result.ranges = some(1, [&] {
      const Address first = address();
      const Address last = first.plus(below(1000));
      return last < first ? AddressPool::Range{first, first} : AddressPool::Range{first, last};
    });
    for (std::uint32_t i = 0; i < below(3); ++i) {
      result.allowed_namespaces.push_back("ns" + std::to_string(i));
    }
    result.auto_assign = coin();
    return result;
  }

  EndpointSlice slice() {
    EndpointSlice result;
    result.name = name();
    if (coin()) result.service = "service-" + std::to_string(below(100));
    result.ports = some(0, [&] {
      return EndpointPort{port_name(), coin() ? std::optional(port()) : std::nullopt, protocol()};
    });
    const Family family = coin() ? Family::ipv4 : Family::ipv6;
    result.endpoints = some(0, [&] {
      return Endpoint{address(family), coin(), coin(), coin(), coin()};
    });
    return result;
  }

  std::mt19937& chance_;
};

}  // namespace

Object random_object(std::mt19937& chance) { return ObjectMaker(chance).object(); }

}  // namespace support
