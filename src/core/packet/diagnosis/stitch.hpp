// The model and what was seen of a real packet, laid over each other: which steps were witnessed,
// where the packet was seen last, what became of it. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/diagnosis/model.hpp"
#include "core/packet/diagnosis/trace.hpp"
#include "core/packet/observation.hpp"

namespace core::packet {

// What a real packet was seen to do, apart from what was expected of it.
struct Witness {
  bool sent = false;             // it was seen where it begins
  std::optional<Packet> answer;  // seen where the probe began: SYN-ACK, reset, echo, ICMP error
  std::optional<Relation> kind;  // of `answer`
  std::optional<double> after;   // milliseconds from the probe to its answer
  // Rules that dropped it, and the kernel's own reasons.
  std::vector<TraceEvent> drops;
  std::vector<DropEvent> reasons;
  std::optional<std::size_t> last_request;  // index of the step where the request was seen last
  std::optional<std::size_t> last_reply;    // likewise of the answer
  std::optional<std::size_t> answered_by;   // the place where the answer was seen first
  bool incomplete = false;                  // something was lost on the way to us
};

// Whether nothing more is to be waited for; `home`: where the answer is to arrive, by which link
// (0: any).
enum class Patience : std::uint8_t { wait, wait_longer, enough };
Patience patience_of(const std::vector<Observation>& observations, const Attachment& home,
                     const std::optional<Address>& client, bool neighbour_may_be_silent);

// Marks the steps of `trace` that were seen, puts ports that the kernel chose at random into them,
// and says what was seen. `simulated`: the client is not there, and its answer goes out by `home`.
Witness witness(Trace& trace, const std::vector<Observation>& observations, const Attachment& home,
                const std::optional<Address>& client);

// How many steps of this model a packet was seen at: of several models the best one is the truth.
std::size_t agreement(const Answer& answer, const std::vector<Observation>& observations);

}  // namespace core::packet
