// What a Mapping's status in a cluster comes to, in words: for tables, and for those who wait.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kube/mapping/store.hpp"

namespace cmd {

struct MappingState {
  enum class Phase : std::uint8_t { pending, programmed, rejected };
  Phase phase = Phase::pending;
  std::string word;    // "Programmed", "NoAddress", …
  std::string reason;  // a sentence
};

// Only what is said of the object's present generation counts.
MappingState state_of(const kube::LiveObject& live);

// How many of the edges that are alive carry it: "2/3".
std::string instances_text(const kube::LiveObject& live, std::int64_t now);
// "edge-a:active,edge-b:inactive"; those that are silent for too long say so.
std::string instance_states(const kube::LiveObject& live, std::int64_t now);

// A line for each, for people.
std::vector<std::string> condition_lines(const kube::LiveObject& live, std::int64_t now);
std::vector<std::string> instance_lines(const kube::LiveObject& live, std::int64_t now);

// As kubectl says it: "45s", "12m", "3h", "9d".
std::string age_text(std::int64_t seconds);

}  // namespace cmd
