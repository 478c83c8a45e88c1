#include "cmd/mapping/foresee.hpp"

#include <algorithm>

#include "cmd/edge/foresee.hpp"
#include "cmd/edge/source.hpp"
#include "core/edge/plan_edge.hpp"
#include "core/error.hpp"
#include "core/state/scope.hpp"
#include "net/kernel.hpp"

namespace cmd {

std::vector<std::string> foresee_mapping(const MappingRequest& request, bool cluster,
                                         const core::Mapping& mapping) {
  try {
    const core::Host host = net::open_kernel(core::edge_scope(), false)->host();
    const auto is_here = [&](const core::Address& address) { return host.is_local(address); };
    if (std::ranges::none_of(mapping.addresses, is_here)) return {};
    EdgeOptions options;
    if (cluster) {
      options.kubeconfig = request.kubeconfig.empty() ? "auto" : request.kubeconfig;
      options.context = request.context;
    } else {
      options.manifests = request.manifests;
    }
    options.max_ports_per_mapping = static_cast<std::uint32_t>(request.max_ports);
    const auto source = open_source(options, Purpose::look, [](const std::string&) {});
    core::EdgePlan plan(options.settings);
    plan.update(host);
    plan.update(take_all(*source, options));
    const core::ObjectId id{core::Kind::mapping, mapping.name};
    plan.update(core::ObjectChanges{{id, std::make_shared<const core::Object>(mapping)}});
    return foresee_rules(plan, id);
  } catch (const core::Error&) {
    return {};  // who may not look is told so by the edge
  }
}

}  // namespace cmd
