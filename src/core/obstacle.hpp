// What the rules of other programs do to mapped traffic: the question and its answer. Who reads
// those rules is net's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/ip.hpp"

namespace core {

// A connection that is expected: from any client to `mapped`, and from there to the endpoint.
struct MappedFlow {
  Protocol protocol = Protocol::tcp;
  Address mapped;
  std::uint16_t mapped_port = 0;
  Address endpoint;
  std::uint16_t endpoint_port = 0;
  std::string in;  // the interface that the client's packets come in by; empty: not known
  // The endpoint is a Service's address, which somebody else has to translate.
  bool service = false;

  friend bool operator==(const MappedFlow&, const MappedFlow&) = default;
};

// A chain of another program that lets no such packet pass, whoever the client is, or that does
// not get to what it has to do with it. What is not understood is none.
struct Obstacle {
  std::size_t flow = 0;  // which of those that were asked about
  bool reply = false;    // it stops what the endpoint answers
  std::string chain;     // "chain FORWARD of table ip filter"
  std::string effect;    // "drops mapped traffic: its policy is drop, …"
  std::string remedy;    // "let it pass with: " and the command

  friend bool operator==(const Obstacle&, const Obstacle&) = default;
};

}  // namespace core
