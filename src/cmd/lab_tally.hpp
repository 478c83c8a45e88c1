// Many requests in the lab, and who answered them. Used by the steps of the edge lab only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab_edge.hpp"
#include "cmd/lab_traffic.hpp"

namespace cmd {

struct Tally {
  std::map<std::string, int> answers;  // pod -> how often
  int asked = 0;
  std::vector<std::string> errors;

  void add(const Answer& answer);
  // Where nothing works, a few attempts tell as much as many.
  [[nodiscard]] bool hopeless() const { return errors.size() >= 3; }
};

std::string to_string(const Tally& tally);  // "pod1 21, pod2 18, 1 failed (no answer)"

// Empty: the kernel chooses the address.
Origin from_client(EdgeLab& lab, std::string_view source = {});

// Up to `times` requests for the pod's name, each on a connection of its own.
Tally get_many(const Origin& origin, const Peer& to, int times);

// Says what was seen; expects `asked` answers, and some of each pod.
void expect_spread(StepReport& report, const std::string& what, const Tally& tally, int asked);

}  // namespace cmd
