// What the model says that a packet meets: the base chains in their order, with connection
// tracking, translation and routing of the lab between them, as simple as the lab is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/packet/rules/interpret.hpp"
#include "model/lab.hpp"
#include "model/observation.hpp"

namespace model {

// What was sent before of the same connection.
struct Earlier {
  core::packet::Connection connection;
  bool reply = false;     // the packet goes against its direction
  bool answered = false;  // there was one before, or it is this one
};

struct Prediction {
  std::vector<Met> met;
  bool dropped = false;
  core::packet::Packet packet;  // in the end
  std::uint32_t mark = 0;
  std::optional<core::packet::Connection> connection;
  std::vector<core::packet::Taken> taken;
};

// One way of a packet.
Prediction predict(const Lab& lab, core::packet::Ruleset& ruleset,
                   const core::packet::Packet& packet, Origin origin,
                   const std::optional<Earlier>& earlier, std::vector<std::size_t> script);

}  // namespace model
