#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "kube/decode/kinds.hpp"
#include "kube/decode/mapping_fields.hpp"

namespace kube {
namespace {

using core::Address;
using core::MappingPort;
using core::Prefix;

constexpr std::array<std::string_view, 4> port_fields = {"port", "servicePort", "protocol",
                                                         "endPort"};

void decode_addresses(const Field& field, std::vector<Address>& addresses) {
  const auto elements = field.elements();
  for (const Field& element : elements) {
    const auto text = element.string();
    if (!text) {
      if (element.missing()) element.reject("is empty, wanted is an address");
      continue;
    }
    const auto prefix = Prefix::parse(*text);
    if (!prefix) {
      element.reject(quote(*text) + " is not an IPv4 or IPv6 address");
    } else if (*prefix != Prefix::host(prefix->address)) {
      element.reject(quote(*text) + " is a network: list its single addresses");
    } else if (const std::string_view why = unusable(prefix->address); !why.empty()) {
      element.reject(quote(*text) + " " + std::string(why));
    } else if (std::ranges::find(addresses, prefix->address) != addresses.end()) {
      element.warn(quote(*text) + " is given twice");
    } else {
      addresses.push_back(prefix->address);
    }
  }
  if (field.missing() || (field.node()->type() == Node::Type::sequence && elements.empty())) {
    field.reject("at least one address is needed");
  }
}

void decode_sources(const Field& field, std::vector<Prefix>& sources) {
  for (const Field& element : field.elements()) {
    const auto text = element.string();
    if (!text) {
      if (element.missing()) element.reject("is empty, wanted is an address or a network");
      continue;
    }
    const auto prefix = Prefix::parse(*text);
    if (!prefix) {
      element.reject(quote(*text) + " is not an address or network like 198.51.100.0/24");
      continue;
    }
    sources.push_back(prefix->masked());
  }
  // Sorted: the order means nothing, so a mere change of order is no change.
  std::ranges::sort(sources);
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
}

MappingPort decode_mapping_port(const Field& field) {
  MappingPort port;
  field.expect_only(port_fields);
  const Field first = field.at("port");
  if (first.missing()) first.reject("missing: the port that is reached from outside");
  const auto low = first.integer(1, 65535);
  const Field end = field.at("endPort");
  const auto high = end.integer(1, 65535);
  const Field service = field.at("servicePort");
  const auto target = service.integer(1, 65535);
  port.protocol = decode_protocol(field.at("protocol"));
  if (!low) return port;
  port.ports = {static_cast<std::uint16_t>(*low), static_cast<std::uint16_t>(high.value_or(*low))};
  port.service_port = static_cast<std::uint16_t>(target.value_or(*low));
  if (port.ports.last < port.ports.first) {
    end.reject(std::to_string(*high) + " is below port " + std::to_string(*low));
  } else if (const std::uint32_t last = port.service_port + port.ports.size() - 1; last > 65535) {
    end.reject("port " + std::to_string(*high) + " would go to servicePort " +
               std::to_string(last) + ", beyond 65535");
  }
  return port;
}

void check_overlaps(const std::vector<Field>& fields, const std::vector<MappingPort>& ports) {
  std::vector<std::size_t> order(ports.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) {
    return std::tuple(ports[i].protocol, ports[i].ports.first, i);
  });
  std::size_t widest = order.empty() ? 0 : order.front();  // reaches furthest of those before
  for (const std::size_t i : order) {
    if (i == widest) continue;
    const bool comparable = ports[i].protocol == ports[widest].protocol;
    if (comparable && ports[i].ports.overlaps(ports[widest].ports)) {
      const std::size_t earlier = std::min(i, widest);
      const std::size_t later = std::max(i, widest);
      const std::string where = "spec.ports[" + std::to_string(earlier) + "]: remove one of them";
      fields[later].reject(std::string(core::to_string(ports[later].protocol)) + " " +
                           core::to_string(ports[later].ports) +
                           (ports[i].ports == ports[widest].ports
                                ? " is given twice, first in "
                                : " overlaps " + core::to_string(ports[earlier].ports) + " of ") +
                           where);
    }
    if (!comparable || ports[i].ports.last > ports[widest].ports.last) widest = i;
  }
}

void decode_ports(const Field& field, std::vector<MappingPort>& ports, std::size_t limit) {
  const auto elements = field.elements();
  if (elements.size() > limit) {
    field.reject(std::to_string(elements.size()) + " ports, the limit is " + std::to_string(limit) +
                 ": join neighbours to ranges by endPort, split the Mapping, or raise the limit");
    return;
  }
  bool whole = true;
  for (const Field& element : elements) {
    if (!element.is_map()) {
      if (element.missing()) element.reject("is empty, wanted is a map with port");
      whole = false;
      continue;
    }
    ports.push_back(decode_mapping_port(element));
    whole = whole && ports.back().ports.first > 0 && ports.back().ports.last > 0;
  }
  if (field.missing() || (field.node()->type() == Node::Type::sequence && elements.empty())) {
    field.reject("at least one port is needed");
  }
  if (whole) check_overlaps(elements, ports);
}

std::string decode_service_name(const Field& field) {
  if (field.missing()) {
    field.reject("missing: the name of the Service in the Mapping's namespace");
    return {};
  }
  const auto text = field.string();
  if (!text) return {};
  if (!is_dns_label(*text)) {
    field.reject(quote(*text) +
                 " is not a Service's name: lower-case letters, digits and \"-\", at "
                 "most 63" +
                 (text->find('/') == std::string_view::npos
                      ? std::string()
                      : std::string("; it is always in the Mapping's own namespace")));
  }
  return std::string(*text);
}

void check_mode(const Field& field) {
  const auto text = field.string();
  if (text && *text != "service") {
    field.reject(quote(*text) + " is not supported: only \"service\" is");
  }
}

void decode_spec(const Field& root, core::Mapping& mapping, const DecodeOptions& options) {
  const Field spec = root.at("spec");
  if (spec.missing()) spec.reject("missing");
  if (!spec.is_map()) return;
  spec.expect_only(mapping_fields);
  decode_addresses(spec.at("addresses"), mapping.addresses);
  decode_sources(spec.at("allowedSources"), mapping.allowed_sources);
  mapping.service = decode_service_name(spec.at("serviceName"));
  check_mode(spec.at("mode"));
  decode_ports(spec.at("ports"), mapping.ports, options.max_ports_per_mapping);
  const Field affinity = spec.at("sessionAffinity");
  if (!affinity.missing()) mapping.affinity = decode_affinity(affinity);
  mapping.preserve_client_ip = spec.at("preserveClientIP").boolean();
  constexpr std::uint32_t most = 1'000'000'000;
  mapping.max_connections_per_source =
      spec.at("maxConnectionsPerSource").integer(0, most).value_or(0);
  mapping.new_connections_per_second =
      spec.at("newConnectionsPerSecond").integer(0, most).value_or(0);
}

}  // namespace

core::Object decode_mapping(const Field& root, core::ObjectName name,
                            const DecodeOptions& options) {
  core::Mapping mapping;
  mapping.name = std::move(name);
  decode_spec(root, mapping, options);
  mapping.created = decode_created(root);
  if (options.served) {
    mapping.generation = root.at("metadata")
                             .at("generation")
                             .integer(0, std::numeric_limits<std::uint32_t>::max())
                             .value_or(0);
  }
  return mapping;
}

}  // namespace kube
