// The model phase: a question answered by walks through a world, without a packet. Not here: what
// the answer means (judge).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/choices.hpp"
#include "core/packet/walk/network.hpp"
#include "core/packet/walk/walk.hpp"
#include "core/packet/walk/way.hpp"

namespace core::packet {

struct Question {
  // As it begins. An unspecified source is chosen as the kernel would.
  Packet probe;
  std::size_t place = 0;
  // The probe comes in here from the wire, from a client that is not there.
  std::optional<Attachment> from_wire;
  std::uint32_t mark = 0;
  std::optional<std::uint32_t> uid;
  bool evaluated = false;  // keep each rule that was looked at
  bool real = false;       // somebody else's packet, which has its entry of connection tracking
};

struct Answer {
  Way request;
  std::optional<Way> reply;  // empty: the request does not get to who would answer
  std::vector<Assumption> assumptions;
  std::vector<Taken> forks;
};

Answer ask_model(World& world, const Question& question, Choices& choices);

// What answers this packet where it was delivered: the answer of a socket (SYN and ACK, a datagram,
// an echo), or of a host where none listens (a reset, an ICMP error).
Packet answer_to(const Packet& packet, bool listens);

}  // namespace core::packet
