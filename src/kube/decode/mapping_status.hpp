// A Mapping's status as it stands in the cluster, for those who show it and those who write it.
// Programs made it, and a reader has nobody to tell: what is malformed is passed over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/edge/mapping_status.hpp"
#include "kube/decode/document.hpp"

namespace kube {

struct MappingStatusView {
  std::int64_t observed_generation = 0;  // 0: nobody said
  std::vector<core::Condition> conditions;
  std::vector<core::MappingInstance> instances;
  std::map<core::Address, std::vector<core::Address>> configured;  // as core::InstanceStatus has it
  std::string invalid;
  std::string service_vip;
  std::string ports;
  std::string edges;

  // Null: there is none of this type.
  [[nodiscard]] const core::Condition* condition(std::string_view type) const;

  friend bool operator==(const MappingStatusView&, const MappingStatusView&) = default;
};

// Of a whole object, of which nothing but `status` is read. Never throws. Conditions and instances
// without a name or a known state are left out; their other fields are as if missing.
MappingStatusView decode_mapping_status(const Node& object);

}  // namespace kube
