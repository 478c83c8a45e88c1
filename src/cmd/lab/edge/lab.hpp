// The edge lab: what runs in it, and what its steps share. Of the steps, which show what the edge
// does, only the take-over leaves the lab other than it was.
#pragma once

#include <string>
#include <string_view>

#include "cmd/lab/kind.hpp"
#include "cmd/lab/tally.hpp"

namespace cmd {

// Builds the network, writes the manifests, starts the pods' servers and an edge on both
// appliances, and waits until they are ready.
std::vector<std::string> set_up_edge_lab(Lab& lab,
                                         const std::function<void(const std::string&)>& progress);

// The appliance that holds the addresses, and the other one.
struct Pair {
  std::string active;
  std::string other;
};
Pair appliances(const LabHome& lab);

inline Origin from_client(Lab& lab, std::string_view source = {}) {
  return from(lab, "client", source);
}

// Says what was seen; expects `asked` answers, and some of each pod.
void expect_spread(StepReport& report, const std::string& what, const Tally& tally, int asked);

}  // namespace cmd
