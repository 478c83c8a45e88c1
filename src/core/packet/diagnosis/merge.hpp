// Traces of one packet by several hosts, joined to one. Pure. Rule: what one host does not see
// another one may have seen; a finding that says no more than "out of view" gives way.
#pragma once

#include <string>
#include <vector>

#include "core/packet/diagnosis/trace.hpp"

namespace core::packet {

// In the order of the packet's way: the first one is where it was sent. `complaint` says why they
// cannot be joined, and the result means nothing then.
Trace merge(std::vector<Trace> traces, std::string& complaint);

}  // namespace core::packet
