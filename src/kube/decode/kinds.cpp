#include "kube/decode/kinds.hpp"

#include <array>

#include "kube/decode/egress_labels.hpp"

namespace kube {
namespace {

bool always(const core::Object& /*object*/) { return true; }

bool is_balanced_by_us(const core::Object& object) {
  return std::get<core::Service>(object).load_balancer.has_value();
}

// EndpointSlices are of two kinds: those of Services, and lists of clients that pona wrote.
bool lists_clients(const Field& root) {
  const auto metadata = root.node()->find("metadata");
  const auto labels = metadata ? metadata->find("labels") : std::nullopt;
  return labels && labels->find(clients_of_label);
}
bool lists_endpoints(const Field& root) { return !lists_clients(root); }

using core::Kind;

constexpr std::array kinds = std::to_array<KnownKind>({
    {"smartnat.aureacentral.com/", "v1alpha1", "Mapping", Kind::mapping, decode_mapping, true,
     always},
    {"", "v1", "Service", Kind::service, decode_service, true, is_balanced_by_us},
    {"discovery.k8s.io/", "v1", "EndpointSlice", Kind::endpoint_slice, decode_endpoint_slice, true,
     nullptr, lists_endpoints},
    {"", "v1", "Endpoints", Kind::endpoint_slice, decode_endpoints},
    {"discovery.k8s.io/", "v1", "EndpointSlice", Kind::egress_clients, decode_egress_clients, true,
     always, lists_clients},
    {"pona.dev/", "v1alpha1", "AddressPool", Kind::address_pool, decode_address_pool, false},
    {"pona.cybozu.com/", "v1", "Egress", Kind::egress, decode_egress, true, always},
    {"pona.cybozu.com/", "v1beta1", "Egress", Kind::egress, decode_egress, true, always},
    {"", "v1", "Pod", Kind::pod, decode_pod},
});

}  // namespace

std::span<const KnownKind> known_kinds() { return kinds; }

std::string api_version_of(core::Kind kind) {
  for (const KnownKind& known : kinds) {
    if (known.kind == kind) return std::string(known.group) + std::string(known.version);
  }
  return "v1";
}

std::optional<std::int64_t> decode_created(const Field& root) {
  const Field metadata = root.at("metadata");
  const Field field = metadata.at("creationTimestamp");
  const auto text = field.string();
  if (!text) return std::nullopt;
  const auto seconds = parse_timestamp(*text);
  if (!seconds) field.reject(quote(*text) + " is not a time like 2024-01-31T23:59:59Z");
  return seconds;
}

}  // namespace kube
