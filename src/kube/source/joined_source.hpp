// Two sources as one. An object that both hold is the first's, and a problem says so.
#pragma once

#include <memory>

#include "kube/source.hpp"

namespace kube {

// `first_name` stands for the first in messages: "the manifests". Throws core::Error when the
// process has no descriptors left.
std::unique_ptr<Source> join(std::unique_ptr<Source> first, std::string first_name,
                             std::unique_ptr<Source> second);

}  // namespace kube
