// Waits until edges carry a Mapping, and says meanwhile what it waits for.
#pragma once

#include <chrono>
#include <string>

#include "core/objects.hpp"
#include "kube/mapping/store.hpp"

namespace cmd {

// Returns how it is carried. Throws core::Error with the reason when it was rejected, removed, or
// is not carried after `limit`.
std::string wait_until_programmed(kube::MappingStore& store, const core::ObjectName& name,
                                  std::chrono::seconds limit);

}  // namespace cmd
