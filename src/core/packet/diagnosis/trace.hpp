// The answer to "what becomes of this packet, and why": the model's ways, what was seen of a real
// packet, and the judgement, as a value. Printers read it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/choices.hpp"
#include "core/packet/cookie.hpp"
#include "core/packet/walk/way.hpp"

namespace core::packet {

struct Finding {
  int code = 0;           // PONA-Dnnn
  bool fatal = true;      // else it is worth to know, and the packet got through
  bool answered = false;  // fatal, although an answer may come back: it left as somebody else
  std::size_t step = 0;   // in Trace::steps, from 0; steps.size(): none
  std::string why;
  struct Fix {
    std::string command;  // may be a sentence where no command mends it
    std::string effect;
  };
  std::vector<Fix> fixes;
};

struct Trace {
  enum class Result : std::uint8_t { ok, fail, inconclusive, differs, unprivileged };
  std::string host;                 // where it was made
  std::vector<std::string> places;  // names, by index
  Cookie cookie;                    // what the packet is known by; all 0: none was sent
  Packet probe;                     // as sent
  std::string kind;                 // "edge", "egress", "path"
  std::string object;               // "Mapping shop/web"; empty: none
  std::vector<Step> steps;          // of the request, then of the reply
  Way::End request_end = Way::End::unknown;
  Way::End reply_end = Way::End::unknown;
  bool reply_expected = true;
  bool live = false;              // a real packet was seen
  bool answered = false;          // and so was its answer, where it began
  std::string live_note;          // why there is no live part
  std::vector<Finding> findings;  // the first one is the reason of `result`
  std::vector<Assumption> assumptions;
  std::vector<Taken> forks;              // of kind balancing
  std::vector<std::string> differences;  // between model and live
  std::vector<std::string> facts;        // checks that were fine: "mtu 1450 ok"
  std::optional<bool> symmetric;         // the reply takes the request's way back
  std::optional<Address> seen_source;    // what outside sees
  Result result = Result::inconclusive;
  double model_ms = 0;
  double live_ms = 0;
};

}  // namespace core::packet
