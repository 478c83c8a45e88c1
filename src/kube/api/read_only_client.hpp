// The client of a program that reads a cluster's objects and writes nothing.
#pragma once

#include <string>
#include <vector>

#include "kube/api/client_frame.hpp"
#include "kube/decode/decode.hpp"

namespace kube {

class WatchClient : public ClientFrame {
 public:
  // `transport` must outlive it.
  WatchClient(Transport& transport, const os::Clock& clock, const std::string& context,
              const std::vector<Resource>& resources, const DecodeOptions& decoding,
              const Trust& trust = {});
};

}  // namespace kube
