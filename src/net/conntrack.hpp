// Connection tracking entries: read by filter, deleted one by one. Not here: which entries must go
// (core::is_stale). Rule: an entry is deleted by its tuple and its id. The kernel derives the id
// from the tuple and the entry's place in memory, so a successor with the same tuple usually stays,
// no more.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "core/conntrack_flow.hpp"
#include "net/kernel.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"

namespace net {

// Empty for protocols that pona does not carry and messages that make no sense.
std::optional<core::Flow> decode_flow(const NetlinkMessage& message);

// Kernels before 5.8 ignore the filter and give everything: see fits().
Message encode_dump_flows(core::Family family, const core::FlowFilter& filter);
Message encode_delete_flow(const core::Flow& flow);

[[nodiscard]] bool fits(const core::Flow& flow, const core::FlowFilter& filter);

// As Kernel::sweep.
std::size_t sweep_flows(RequestSocket& netfilter, const core::FlowFilter& filter,
                        const std::function<bool(const core::Flow&)>& visit);

// All zero where nothing tracks connections yet.
Kernel::ConntrackFill read_conntrack_fill();

}  // namespace net
