// A Mapping and its Service -> where each of its ports leads. Pure; knows nothing of the kernel.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/edge/forward.hpp"
#include "core/edge/obstruction.hpp"
#include "core/edge/plan_edge.hpp"
#include "core/objects.hpp"

namespace core {

struct ResolveInput {
  ObjectId owner;  // the Mapping, or the Service that comes to one
  const Mapping* mapping = nullptr;
  const Service* service = nullptr;          // null: there is none
  std::vector<const EndpointSlice*> slices;  // of the Service
  const EdgeSettings* settings = nullptr;
  const std::array<SourcesOfFamily, 2>* sources = nullptr;  // the Mapping's, by family
};

struct Resolved {
  // Complete but for what depends on the host: active, via.
  std::vector<Forward> forwards;
  std::vector<std::string> reasons;  // why something is missing
  Obstructions obstructions;         // the same in words for programs
};

Resolved resolve(const ResolveInput& input);

}  // namespace core
