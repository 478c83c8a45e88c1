#include <string>
#include <utility>

#include "kube/decode/egress_labels.hpp"
#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

using core::EgressClients;

// Without the pod it could not be told whose address it is: it counts for nothing.
void decode_client(const Field& field, EgressClients& list) {
  if (!field.is_map()) return;
  const Field addresses = field.at("addresses");
  const auto elements = addresses.elements();
  if (elements.empty()) {
    addresses.warn("an address is needed, this client is left out");
    return;
  }
  const auto address = decode_address(elements.front());
  if (!address) return;
  EgressClients::Client client;
  client.address = *address;
  const Field target = field.at("targetRef");
  if (target.is_map() && target.at("kind").string() == "Pod") {
    client.pod.ns = target.at("namespace").string().value_or("");
    client.pod.name = target.at("name").string().value_or("");
    client.uid = target.at("uid").string().value_or("");
  }
  if (client.pod.ns.empty() || client.pod.name.empty() || client.uid.empty()) {
    target.warn("a pod with namespace, name and uid is needed, this client is left out");
    return;
  }
  list.clients.push_back(std::move(client));
}

}  // namespace

core::Object decode_egress_clients(const Field& root, core::ObjectName name,
                                   const DecodeOptions& /*options*/) {
  EgressClients list;
  list.name = std::move(name);
  const Field metadata = root.at("metadata");
  const Field labels = metadata.at("labels");
  const Field egress = labels.at(clients_of_label);
  list.egress = egress.string().value_or("");
  if (!is_egress_name(list.egress)) egress.reject(quote(list.egress) + " is not an Egress's name");
  list.node = labels.at(clients_node_label).string().value_or("");
  const Field endpoints = root.at("endpoints");
  for (const Field& element : endpoints.elements()) decode_client(element, list);
  return list;
}

}  // namespace kube
