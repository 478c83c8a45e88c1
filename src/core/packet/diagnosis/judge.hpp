// What a trace means: one code, why, at which step, and what mends it. Pure. Rule: of several
// things that are wrong the first one on the packet's way is the reason; what is wrong and did not
// stop it is told behind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/packet/diagnosis/model.hpp"
#include "core/packet/diagnosis/trace.hpp"

namespace core::packet {

// What objects say of the flow.
struct Promise {
  enum class Kind : std::uint8_t { none, edge, egress };
  Kind kind = Kind::none;
  std::string object;            // "Mapping shop/web"; empty: none is known
  std::vector<Address> sources;  // outside sees one of these
  bool mapped_address = false;   // the destination is one that objects map ports of
  bool closed = false;           // the Egress has no NAT pod
  bool draining = false;         // every NAT pod that the client's flows go to is to end
  // What is wrong with the object itself.
  std::optional<Finding> problem;
  std::optional<Finding> rival;  // another object asks for the same, and does not get it
};

// `trace` has its steps, ends and live part; its findings, facts and result are filled in.
void judge(Trace& trace, const Question& question, const Answer& answer, const Promise& promise,
           World& world);

}  // namespace core::packet
