// An Egress to the objects that make it work: its NAT pods' Deployment, the Service before them,
// and what they and the agents may do. Pure: JSON text in, JSON text out. What of it is to be sent
// is egress_writer's business.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/objects.hpp"

namespace kube {

inline constexpr std::string_view controller_manager = "pona-controller";

struct WorkloadSettings {
  std::string image;                     // of NAT pods, where the template names none
  std::string image_pull_policy;         // empty: as the API server takes it
  std::string agent_ns = "pona-system";  // of the agents' ServiceAccount pona-agent
  bool any_template = false;             // templates may ask for whatever the API server takes
};

// What else decides what a template may ask for.
struct TemplateContext {
  std::set<std::string> accounts;  // of the Egress's namespace, that carry account_label
  std::string deployment;          // the Egress's own, as the server has it; empty: there is none
};

// In the order in which they are made: who runs may then do what it must.
enum class WorkloadPart : std::uint8_t {
  account,
  role,
  binding,
  agent_role,
  agent_binding,
  service,
  deployment,
  budget,
};
inline constexpr std::array workload_parts = {WorkloadPart::account,       WorkloadPart::role,
                                              WorkloadPart::binding,       WorkloadPart::agent_role,
                                              WorkloadPart::agent_binding, WorkloadPart::service,
                                              WorkloadPart::deployment,    WorkloadPart::budget};

struct WorkloadKind {
  std::string_view group;  // empty: the core group
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
};
const WorkloadKind& kind_of(WorkloadPart part);
// All that is in the Egress's namespace.
core::ObjectName name_of(WorkloadPart part, const core::ObjectName& egress);
// Whose it may be by its kind and name; nothing: no Egress's.
std::optional<WorkloadPart> part_of(std::string_view plural, const core::ObjectName& name,
                                    core::ObjectName& egress);

// What there should be, each part as a document for server-side apply. A part that is missing
// should not be there.
using Workload = std::map<WorkloadPart, std::string>;

// `json` is the whole object that `egress` was read from, in version v1. What of its template is
// not allowed is left out of the Deployment, and noted in `left_out`.
Workload plan_egress_workload(const WorkloadSettings& settings, const core::Egress& egress,
                              std::string_view json, const TemplateContext& context,
                              std::vector<std::string>& left_out);

// "app.kubernetes.io/component=egress,…": the labels of the Egress's NAT pods.
std::string nat_selector(std::string_view egress);

// Whether `wanted` is in effect in `found`, an object as the server has it: all its fields are
// there. What the server or others added to them does not matter.
bool is_in_effect(std::string_view wanted, std::string_view found);

}  // namespace kube
