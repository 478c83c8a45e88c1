// The names by which objects of the egress side are found: labels and annotations. The decoders
// read them, and whoever writes such objects writes them from here.
#pragma once

#include <string_view>

namespace kube {

// On a pod, with the Egress's namespace behind it: the names of the Egresses that it uses.
inline constexpr std::string_view egress_annotation_prefix = "egress.pona.cybozu.com/";

// On NAT pods: a runtime that tells the CNI plugin a pod's annotations tells it so that the agent
// is to set this pod's parameters before its containers start.
inline constexpr std::string_view nat_pod_annotation = "pona.dev/nat-pod";

// On an EndpointSlice: it lists clients of this Egress, in whose namespace it lies, …
inline constexpr std::string_view clients_of_label = "egress.pona.cybozu.com/clients-of";
// … that run on this node, whose agent wrote it.
inline constexpr std::string_view clients_node_label = "egress.pona.cybozu.com/node";
// Whoever is said to implement the Service instead, kube-proxy passes the slice over. (It complains
// about slices without the name of a Service otherwise.)
inline constexpr std::string_view service_proxy_label = "service.kubernetes.io/service-proxy-name";
inline constexpr std::string_view managed_by_label = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view agent_manager = "pona-agent";

// On NAT pods, their Service and its EndpointSlices, which take over a Service's labels.
inline constexpr std::string_view app_name_label = "app.kubernetes.io/name";
inline constexpr std::string_view app_instance_label = "app.kubernetes.io/instance";  // the Egress
inline constexpr std::string_view app_component_label = "app.kubernetes.io/component";
inline constexpr std::string_view nat_app_name = "pona";
inline constexpr std::string_view nat_component = "egress";

}  // namespace kube
