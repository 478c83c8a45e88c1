// Whether rules of other programs will stop what a Mapping is to carry, where this host is to carry
// it. Reads only.
#pragma once

#include <string>
#include <vector>

#include "cmd/mapping/request.hpp"
#include "core/objects.hpp"

namespace cmd {

// Warnings for operators; none where none of its addresses is on this host.
std::vector<std::string> foresee_mapping(const MappingRequest& request, bool cluster,
                                         const core::Mapping& mapping);

}  // namespace cmd
