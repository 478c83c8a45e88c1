// A few of the connections that a plan is made for, as different as they get, for who asks what
// becomes of them on this host. Pure.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/edge/external_interfaces.hpp"
#include "core/edge/forward.hpp"
#include "core/host.hpp"
#include "core/obstacle.hpp"

namespace core {

struct SampledFlow {
  MappedFlow flow;
  ObjectId owner;
};
inline constexpr std::size_t most_sampled_flows = 16;

// `services`: endpoints are Services' own addresses. One of each external interface, family and
// protocol, and of what has endpoints; others as long as there are fewer than most_sampled_flows.
// The first ones of `forwards`, so the same each time.
std::vector<SampledFlow> sample_flows(std::span<const std::shared_ptr<const Forward>> forwards,
                                      const Host& host, std::span<const ExternalInterface> external,
                                      bool services = false);

}  // namespace core
