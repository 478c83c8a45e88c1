#include "kube/egress/agent_client.hpp"

#include <algorithm>
#include <utility>

#include "kube/decode/egress_labels.hpp"

namespace kube {
namespace {

std::string equals(std::string_view label, std::string_view value) {
  return std::string(label) + "=" + std::string(value);
}

}  // namespace

AgentClient::AgentClient(Transport& transport, const os::Clock& clock,
                         const AgentClientOptions& options)
    : transport_(transport),
      watches_(options.context, transport, clock),
      exchanges_(transport, clock),
      events_("pona.dev/agent", options.node, exchanges_, clock),
      writer_(options.node, exchanges_, clock) {
  const auto add = [&](const Resource& resource, core::Kind kind) -> Reflector* {
    DecodeOptions decoding;
    decoding.served = true;
    decoding.node = options.node;
    decoding.kinds = {kind};
    return &watches_.add(resource, [decoding](const Node& node) { return decode(node, decoding); });
  };
  const std::string nat =
      equals(app_name_label, nat_app_name) + "," + equals(app_component_label, nat_component);
  const std::string clients_of(clients_of_label);
  add({"pona.cybozu.com", "v1", "egresses", "", "", "", false}, core::Kind::egress);
  add({"", "v1", "pods", "", "spec.nodeName=" + options.node, "", false}, core::Kind::pod);
  add({"", "v1", "services", nat, "", "", false}, core::Kind::service);
  // A client list is of another kind, whatever else somebody wrote on it.
  add({"discovery.k8s.io", "v1", "endpointslices", nat + ",!" + clients_of, "", "", false},
      core::Kind::endpoint_slice);
  lists_ = add({"discovery.k8s.io", "v1", "endpointslices",
                clients_of + "," + equals(clients_node_label, options.node), "", "", false},
               core::Kind::egress_clients);
}

void AgentClient::step() {
  for (const Arrival& arrival : transport_.take()) {
    if (!exchanges_.take(arrival)) static_cast<void>(watches_.take(arrival));
  }
  watches_.step();
  // Before what the watch tells, which would not know the lists that answers are about.
  for (const Reply& reply : exchanges_.replies()) {
    if (!events_.take(reply)) static_cast<void>(writer_.take(reply));
  }
  pass_on();
  writer_.step();
  events_.step();
}

// To the owner and to the writer, what reflectors brought.
void AgentClient::pass_on() {
  for (auto& [id, object] : watches_.take_changes()) {
    changes_.insert_or_assign(id, std::move(object));
  }
  for (const auto& [id, seen] : watches_.take_seen()) {
    if (id.kind == core::Kind::egress) {
      writer_.egress_seen(id.name, seen);
    } else if (id.kind == core::Kind::egress_clients) {
      writer_.list_seen(id.name, lists_->cache().find(id), seen);
    }
  }
  if (lists_->synced()) writer_.set_listed();
}

os::Time AgentClient::due() const {
  return std::min({watches_.due(), exchanges_.due(), events_.due(), writer_.due()});
}

bool AgentClient::move_changes(core::ObjectChanges& into) {
  const bool any = !changes_.empty();
  for (auto& [id, object] : std::exchange(changes_, {})) {
    into.insert_or_assign(id, std::move(object));
  }
  return any;
}

std::optional<std::vector<Problem>> AgentClient::new_problems(
    const std::vector<std::string>& credentials) {
  std::vector<std::string> writing;
  if (std::string trouble = writer_.trouble(); !trouble.empty()) {
    writing.push_back(std::move(trouble));
  }
  return watches_.new_problems(credentials, writing);
}

}  // namespace kube
