// Endpoints, the older form of EndpointSlices, which hand-written manifests still have. A cluster
// mirrors each into slices; these are what is read of it there.
#include <algorithm>
#include <string>
#include <utility>

#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

void add_endpoints(core::EndpointSlice& slice, const Field& addresses, bool ready,
                   const std::string& node) {
  for (const Field& element : addresses.elements()) {
    const Field field = element.contained();
    if (!field.is_map()) continue;
    const Field ip = field.at("ip");
    if (ip.missing()) ip.reject("missing: an endpoint needs an address");
    const auto address = decode_address(ip);
    if (!address) continue;
    core::Endpoint endpoint;
    endpoint.address = *address;
    endpoint.ready = endpoint.serving = ready;
    if (!node.empty()) endpoint.here = field.at("nodeName").string().value_or("") == node;
    slice.endpoints.push_back(endpoint);
  }
}

}  // namespace

// `name` is that of a slice: "endpoints/NAME/SUBSET".
core::Object decode_endpoints(const Field& root, core::ObjectName name,
                              const DecodeOptions& options) {
  core::EndpointSlice slice;
  slice.service = root.at("metadata").at("name").string().value_or("");
  const std::size_t number = std::stoul(name.name.substr(name.name.rfind('/') + 1));
  slice.name = std::move(name);
  const Field list = root.at("subsets");
  const std::vector<Field> subsets = list.elements();
  if (number >= subsets.size()) return slice;
  const Field& subset = subsets[number];
  if (!subset.is_map()) return slice;
  const Field ports = subset.at("ports");
  for (const Field& element : ports.elements()) {
    const Field field = element.contained();
    if (!field.is_map()) continue;
    const auto port = field.at("port").integer(1, 65535);
    if (!port) continue;
    slice.ports.push_back({std::string(field.at("name").string().value_or("")),
                           static_cast<std::uint16_t>(*port),
                           decode_protocol(field.at("protocol"))});
  }
  add_endpoints(slice, subset.at("addresses"), true, options.node);
  add_endpoints(slice, subset.at("notReadyAddresses"), false, options.node);
  return slice;
}

std::size_t subsets_of(const Node& endpoints) {
  const auto subsets = endpoints.find("subsets");
  if (!subsets || subsets->type() != Node::Type::sequence) return 1;
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::distance(subsets->begin(), subsets->end())));
}

}  // namespace kube
