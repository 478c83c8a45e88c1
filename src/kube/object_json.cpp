#include "kube/object_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "kube/mapping_fields.hpp"

namespace kube {
namespace {

using core::EndpointSlice;
using core::Service;

// Text, not the library's values: of these objects there are tens of thousands, and each value in
// them would be an allocation.
void append_number(std::string& out, std::uint32_t number) { out += std::to_string(number); }

template <typename List, typename Append>
void append_list(std::string& out, std::string_view key, const List& list, Append append) {
  append_quoted(out, key);
  out += ":[";
  for (const auto& element : list) {
    append(element);
    out += ',';
  }
  if (out.back() == ',') out.pop_back();
  out += ']';
}

void append_field(std::string& out, std::string_view key, std::string_view text) {
  append_quoted(out, key);
  out += ':';
  append_quoted(out, text);
}

// Leaves metadata open.
void append_head(std::string& out, std::string_view api_version, std::string_view kind,
                 const core::ObjectName& name) {
  out += '{';
  append_field(out, "apiVersion", api_version);
  out += ',';
  append_field(out, "kind", kind);
  out += R"(,"metadata":{)";
  append_field(out, "namespace", name.ns);
  out += ',';
  append_field(out, "name", name.name);
}

std::string_view type_text(Service::Type type) {
  switch (type) {
    case Service::Type::cluster_ip:
      return "ClusterIP";
    case Service::Type::node_port:
      return "NodePort";
    case Service::Type::load_balancer:
      return "LoadBalancer";
    case Service::Type::external_name:
      break;
  }
  return "ExternalName";
}

void append(std::string& out, const core::Mapping& mapping) { out += object_json(mapping).dump(); }

void append(std::string& out, const Service& service) {
  append_head(out, "v1", "Service", service.name);
  out += R"(},"spec":{)";
  append_field(out, "type", type_text(service.type));
  if (service.affinity == core::Affinity::client_ip) out += R"(,"sessionAffinity":"ClientIP")";
  out += ',';
  append_list(out, "clusterIPs", service.cluster_ips,
              [&](const core::Address& address) { append_quoted(out, to_string(address)); });
  out += ',';
  append_list(out, "ports", service.ports, [&](const core::ServicePort& port) {
    out += '{';
    append_field(out, "name", port.name);
    out += ',';
    append_field(out, "protocol", to_string(port.protocol));
    out += R"(,"port":)";
    append_number(out, port.port);
    out += R"(,"targetPort":)";
    append_number(out, port.target_port);
    out += '}';
  });
  out += "}}";
}

void append(std::string& out, const core::Endpoint& endpoint) {
  out += R"({"addresses":[)";
  append_quoted(out, to_string(endpoint.address));
  out += ']';
  // What the API takes for granted is most of them.
  if (!endpoint.ready || !endpoint.serving || endpoint.terminating) {
    out += R"(,"conditions":{"ready":)";
    out += endpoint.ready ? "true" : "false";
    out += R"(,"serving":)";
    out += endpoint.serving ? "true" : "false";
    out += R"(,"terminating":)";
    out += endpoint.terminating ? "true" : "false";
    out += '}';
  }
  out += '}';
}

void append(std::string& out, const EndpointSlice& slice) {
  append_head(out, "discovery.k8s.io/v1", "EndpointSlice", slice.name);
  if (!slice.service.empty()) {
    out += R"(,"labels":{)";
    append_field(out, "kubernetes.io/service-name", slice.service);
    out += '}';
  }
  out += "},";
  const bool ipv6 =
      !slice.endpoints.empty() && slice.endpoints.front().address.family() == core::Family::ipv6;
  append_field(out, "addressType", ipv6 ? "IPv6" : "IPv4");
  out += ',';
  append_list(out, "ports", slice.ports, [&](const core::EndpointPort& port) {
    out += '{';
    append_field(out, "name", port.name);
    out += ',';
    append_field(out, "protocol", to_string(port.protocol));
    if (port.port) {
      out += R"(,"port":)";
      append_number(out, *port.port);
    }
    out += '}';
  });
  out += ',';
  append_list(out, "endpoints", slice.endpoints,
              [&](const core::Endpoint& endpoint) { append(out, endpoint); });
  out += '}';
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char letter) {
    return letter >= 0x20 && letter < 0x7f && letter != '"' && letter != '\\';
  });
  if (!plain) {
    out += nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

void append_json(std::string& out, const core::Object& object) {
  std::visit([&](const auto& value) { append(out, value); }, object);
}

}  // namespace kube
