// Objects of a cluster, by its API server, for a program that reads them and writes nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kube/api/kubeconfig.hpp"
#include "kube/api/reflector.hpp"
#include "kube/decode/decode.hpp"
#include "kube/source.hpp"

namespace kube {

// Nothing is connected yet when it returns; what goes wrong then is among the problems, and tried
// again for ever. Throws core::Error when the process has no descriptors left.
std::unique_ptr<Source> open_watch(const ClientConfig& config, const std::string& user_agent,
                                   const std::vector<Resource>& resources, DecodeOptions decoding);

}  // namespace kube
