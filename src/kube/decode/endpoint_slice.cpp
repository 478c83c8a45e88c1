#include <string>
#include <utility>

#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

std::optional<core::EndpointPort> decode_endpoint_port(const Field& field) {
  core::EndpointPort port;
  if (!field.is_map()) return std::nullopt;
  if (const Field protocol = field.at("protocol"); !protocol.missing()) {
    const auto text = protocol.string();
    if (!text || !core::parse_protocol(*text)) {
      protocol.reject((text ? quote(*text) : "it") + " is not supported: tcp, udp and sctp are");
      return std::nullopt;
    }
  }
  port.name = field.at("name").string().value_or("");
  port.protocol = decode_protocol(field.at("protocol"));
  if (const Field given = field.at("port"); !given.missing()) {  // else it stands for all of them
    const auto number = given.integer(1, 65535);
    if (!number) return std::nullopt;
    port.port = static_cast<std::uint16_t>(*number);
  }
  return port;
}

std::optional<core::Endpoint> decode_endpoint(const Field& field, core::Family family,
                                              const std::string& node) {
  if (!field.is_map()) return std::nullopt;
  const Field addresses = field.at("addresses");
  const auto elements = addresses.elements();
  if (elements.empty()) {
    if (addresses.missing() || addresses.node()->type() == Node::Type::sequence) {
      addresses.reject("at least one address is needed");
    }
    return std::nullopt;
  }
  const auto address = decode_address(elements.front());
  if (!address) return std::nullopt;
  if (address->family() != family) {
    elements.front().reject(quote(core::to_string(*address)) + " is not of the addressType " +
                            (family == core::Family::ipv4 ? "IPv4" : "IPv6"));
    return std::nullopt;
  }
  core::Endpoint endpoint;
  endpoint.address = *address;
  const Field conditions = field.at("conditions");
  if (conditions.is_map()) {
    // Empty: it says something else than yes or no, and nobody may guess what.
    const auto condition = [&](std::string_view name, bool usual) -> std::optional<bool> {
      const Field field = conditions.at(name);
      return field.missing() ? usual : field.boolean();
    };
    const auto ready = condition("ready", true);
    const auto serving = condition("serving", ready.value_or(false));
    const auto terminating = condition("terminating", false);
    if (!ready || !serving || !terminating) return std::nullopt;
    endpoint.ready = *ready;
    endpoint.serving = *serving;
    endpoint.terminating = *terminating;
  }
  if (!node.empty()) {
    endpoint.here = field.at("nodeName").string().value_or("") == node;
  }
  return endpoint;
}

}  // namespace

core::Object decode_endpoint_slice(const Field& root, core::ObjectName name,
                                   const DecodeOptions& options) {
  core::EndpointSlice slice;
  slice.name = std::move(name);
  const Field metadata = root.at("metadata");
  const Field labels = metadata.at("labels");
  if (labels.is_map()) {
    slice.service = labels.at("kubernetes.io/service-name").string().value_or("");
  }
  const Field ports = root.at("ports");
  for (const Field& element : ports.elements()) {
    if (auto port = decode_endpoint_port(element.contained())) {
      slice.ports.push_back(std::move(*port));
    }
  }
  const Field type = root.at("addressType");
  if (type.missing()) type.reject("missing: IPv4, IPv6 or FQDN");
  const auto text = type.string();
  if (!text || *text == "FQDN") return slice;
  if (*text != "IPv4" && *text != "IPv6") {
    type.reject(quote(*text) + " is not supported: IPv4, IPv6 and FQDN are");
    return slice;
  }
  const auto family = *text == "IPv4" ? core::Family::ipv4 : core::Family::ipv6;
  const Field endpoints = root.at("endpoints");
  for (const Field& element : endpoints.elements()) {
    if (const auto endpoint = decode_endpoint(element.contained(), family, options.node)) {
      slice.endpoints.push_back(*endpoint);
    }
  }
  return slice;
}

}  // namespace kube
