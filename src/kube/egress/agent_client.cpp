#include "kube/egress/agent_client.hpp"

#include "kube/decode/egress_labels.hpp"

namespace kube {
namespace {

std::string equals(std::string_view label, std::string_view value) {
  return std::string(label) + "=" + std::string(value);
}

}  // namespace

AgentClient::AgentClient(Transport& transport, const os::Clock& clock,
                         const AgentClientOptions& options)
    : ClientFrame(transport, clock,
                  {.context = options.context,
                   .author = "pona.dev/agent",
                   .instance = options.node,
                   // Watches do not know yet the lists that replies are about.
                   .replies_first = true,
                   .trust = options.trust}),
      writer_(options.node, exchanges(), clock) {
  add(writer_);
  const auto watch = [&](const Resource& resource, core::Kind kind) -> Reflector* {
    DecodeOptions decoding;
    decoding.served = true;
    decoding.node = options.node;
    decoding.kinds = {kind};
    return &watches().add(resource,
                          [decoding](const Node& node) { return decode(node, decoding); });
  };
  const std::string nat =
      equals(app_name_label, nat_app_name) + "," + equals(app_component_label, nat_component);
  const std::string clients_of(clients_of_label);
  watch({"pona.cybozu.com", "v1", "egresses", "", "", "", false}, core::Kind::egress);
  watch({"", "v1", "pods", "", "spec.nodeName=" + options.node, "", false}, core::Kind::pod);
  watch({"", "v1", "services", nat, "", "", false}, core::Kind::service);
  // A client list is of another kind, whatever else somebody wrote on it.
  watch({"discovery.k8s.io", "v1", "endpointslices", nat + ",!" + clients_of, "", "", false},
        core::Kind::endpoint_slice);
  lists_ = watch({"discovery.k8s.io", "v1", "endpointslices",
                  clients_of + "," + equals(clients_node_label, options.node), "", "", false, true},
                 core::Kind::egress_clients);
}

void AgentClient::pass_on() {
  keep(watches().take_changes());
  for (const auto& [id, seen] : watches().take_seen()) {
    if (id.kind == core::Kind::egress) {
      writer_.egress_seen(id.name, seen);
    } else if (id.kind == core::Kind::egress_clients) {
      writer_.list_seen(id.name, lists_->cache().find(id), seen);
    }
  }
  if (lists_->synced()) writer_.set_listed();
}

}  // namespace kube
