#include "kube/source/object_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/kinds.hpp"
#include "kube/decode/mapping_fields.hpp"

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
  if (!name.ns.empty()) {
    append_field(out, "namespace", name.ns);
    out += ',';
  }
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

void append_created(std::string& out, const std::optional<std::int64_t>& created) {
  if (!created) return;
  out += ',';
  append_field(out, "creationTimestamp", format_timestamp(*created));
}

void append(std::string& out, const core::Mapping& mapping) {
  auto json = object_json(mapping);
  if (mapping.generation != 0) json["metadata"]["generation"] = mapping.generation;
  out += dump_json(json);
}

// The addresses that are asked for, and the word among them that is none: the fault quotes it.
std::string wishes_of(const core::LoadBalancer& balancer) {
  std::string text;
  for (const core::Address& address : balancer.requested) text += to_string(address) + ',';
  const std::size_t begin = balancer.fault.find('"');
  const std::size_t end = balancer.fault.rfind('"');
  if (begin < end) text += balancer.fault.substr(begin + 1, end - begin - 1);
  if (text.ends_with(',')) text.pop_back();
  return text;
}

bool wished_in_spec(const core::LoadBalancer& balancer) {
  return balancer.fault.starts_with("spec.");
}

void append_annotations(std::string& out, const core::LoadBalancer& balancer) {
  out += R"(,"annotations":{)";
  append_field(out, address_pool_annotation, balancer.pool);
  const std::string wishes = wishes_of(balancer);
  if (!wishes.empty() && !wished_in_spec(balancer)) {
    out += ',';
    append_field(out, addresses_annotation, wishes);
  }
  out += '}';
}

void append_spec(std::string& out, const core::LoadBalancer& balancer) {
  out += ',';
  append_field(out, "loadBalancerClass", core::constants::load_balancer_class);
  if (wished_in_spec(balancer)) {
    out += ',';
    append_field(out, "loadBalancerIP", wishes_of(balancer));
  }
  out += ',';
  append_list(out, "ipFamilies", balancer.families, [&](core::Family family) {
    append_quoted(out, family == core::Family::ipv4 ? "IPv4" : "IPv6");
  });
  out += ',';
  append_list(out, "loadBalancerSourceRanges", balancer.allowed_sources,
              [&](const core::Prefix& prefix) { append_quoted(out, to_string(prefix)); });
  if (balancer.local) out += R"(,"externalTrafficPolicy":"Local")";
}

void append_status(std::string& out, const core::LoadBalancer& balancer) {
  out += R"(,"status":{"loadBalancer":{)";
  append_list(out, "ingress", balancer.assigned, [&](const core::Address& address) {
    out += '{';
    append_field(out, "ip", to_string(address));
    out += '}';
  });
  out += "}}";
}

void append(std::string& out, const Service& service) {
  append_head(out, "v1", "Service", service.name);
  if (service.load_balancer) {
    append_created(out, service.load_balancer->created);
    append_annotations(out, *service.load_balancer);
  }
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
  if (service.load_balancer) append_spec(out, *service.load_balancer);
  out += '}';
  if (service.load_balancer) append_status(out, *service.load_balancer);
  out += '}';
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
  if (endpoint.here) {
    out += ',';
    append_field(out, "nodeName", this_node);
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

void append(std::string& out, const core::AddressPool& pool) {
  append_head(out, address_pool_api_version, "AddressPool", pool.name);
  out += R"(},"spec":{)";
  append_list(out, "addresses", pool.ranges, [&](const core::AddressPool::Range& range) {
    append_quoted(out, to_string(range.first) + '-' + to_string(range.last));
  });
  out += ',';
  append_list(out, "allowedNamespaces", pool.allowed_namespaces,
              [&](const std::string& ns) { append_quoted(out, ns); });
  out += R"(,"autoAssign":)";
  out += pool.auto_assign ? "true" : "false";
  out += "}}";
}

// Nobody keeps these over a restart; who would has to say here how they are read back.
template <typename Unsaved>
[[noreturn]] void append(std::string& /*out*/, const Unsaved& object) {
  throw core::Error(core::Error::Kind::permanent,
                    core::to_string(core::ObjectId{core::kind_of(object), object.name}) +
                        " is of a kind that is not saved");
}

}  // namespace

DecodeOptions read_back_options(std::size_t max_ports_per_mapping) {
  return {max_ports_per_mapping, true, std::string(this_node), edge_kinds, false};
}

void append_quoted(std::string& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char letter) {
    return letter >= 0x20 && letter < 0x7f && letter != '"' && letter != '\\';
  });
  if (!plain) {
    out += dump_json(nlohmann::json(text));
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
