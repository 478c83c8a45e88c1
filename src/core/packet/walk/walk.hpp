// The way of one packet through the namespaces of a world, as their kernels would take it: hooks in
// the order of their priorities, connection tracking and its translations, routes, neighbours,
// devices, tunnels. Reads only. Not here: the question and its answer (trace_model), the judgement
// (judge).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/packet/choices.hpp"
#include "core/packet/walk/connections.hpp"
#include "core/packet/walk/network.hpp"
#include "core/packet/walk/way.hpp"

namespace core::packet {

struct WalkOptions {
  bool evaluated = false;  // keeps each rule that was looked at
  // A link that leads to a client who is only imagined: what goes out there is gone.
  std::optional<Attachment> edge_of_view{};
  std::size_t most_steps = 200;  // more is a loop
};

// Keeps the connections that its packets make, so that an answer finds its way back.
class Walker {
 public:
  Walker(World& world, Choices& choices, WalkOptions options = {})
      : world_(world), choices_(choices), options_(options) {}

  // As a socket in this namespace sends it; `mark` is the socket's.
  Way send(std::size_t place, const Packet& packet, std::uint32_t mark = 0,
           std::optional<std::uint32_t> uid = {});
  // As it comes in by a link, from the wire.
  Way receive(const Attachment& link, const Packet& packet);

  // In the order in which they were made, each once.
  [[nodiscard]] const std::vector<Assumption>& assumptions() const { return assumptions_; }
  void assume(std::size_t place, const std::string& where, const std::string& text);

 private:
  class Run;

  World& world_;
  Choices& choices_;
  WalkOptions options_;
  std::map<std::size_t, Connections> connections_;
  std::vector<Assumption> assumptions_;
  std::set<FlowTuple> transparent_;  // answers of sockets that have others' addresses
};

}  // namespace core::packet
