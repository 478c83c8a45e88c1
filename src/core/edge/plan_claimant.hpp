// What one claimant comes to: its forwards, and what there is to say of it. Not here: what changes
// because of it (plan_edge). Pure.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/edge/claims/edge_budgets.hpp"
#include "core/edge/claims/host_ports.hpp"
#include "core/edge/edge_objects.hpp"
#include "core/edge/edge_settings.hpp"
#include "core/edge/external_interfaces.hpp"
#include "core/host.hpp"

namespace core {

struct ClaimantSurroundings {
  const EdgeObjects& objects;
  EdgeBudgets& budgets;
  HostPorts& host_ports;
  const EdgeSettings& settings;
  const Host& host;
  const std::vector<ExternalInterface>& external;
};

// Writes entry.report, and takes from the budgets what the claimant comes to. What entry.forwards
// holds is in effect. A forward that is as
// it was is the same value as in entry.forwards: then nobody has to compare again.
std::map<ForwardKey, std::shared_ptr<const Forward>> plan_claimant(
    const ClaimantSurroundings& around, const ObjectId& id, EdgeObjects::Claimant& entry);

}  // namespace core
