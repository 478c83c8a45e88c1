// The files of packaging/kubernetes/, put into the binary by cmake/generated.cmake. As they stand
// there: what ${…} stands for is install_text.hpp's business.
#pragma once

#include <string_view>

namespace cmd::manifests {

extern const std::string_view mapping_crd;
extern const std::string_view address_pool_crd;
extern const std::string_view egress_crd;
extern const std::string_view system_namespace;
extern const std::string_view edge_rbac;
extern const std::string_view edge_smartnat_finalizers;
extern const std::string_view edge_outside;
extern const std::string_view edge_daemonset;
extern const std::string_view controller_rbac;
extern const std::string_view controller_deployment;
extern const std::string_view agent_rbac;
extern const std::string_view agent_daemonset;

}  // namespace cmd::manifests
