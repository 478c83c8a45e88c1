// A trace for people: steps in columns, then what is wrong, why and what mends it. Other forms:
// picture. JSON is not core's business.
#pragma once

#include <string>
#include <vector>

#include "core/packet/diagnosis/trace.hpp"

namespace core::packet {

struct TextOptions {
  bool reply = false;       // the answer's steps as well
  bool evaluated = false;   // the rules that were looked at, below each step
  std::size_t width = 100;  // characters of a line, where it can be broken
};

// Each line without its end.
std::vector<std::string> to_lines(const Trace& trace, const TextOptions& options);
// Of `--explain`.
std::vector<std::string> explain(int code, std::size_t width);
// "PONA-D104 policy-drop: dropped by a chain's policy"
std::string headline(int code);

// The places that it passes, with the words between: "client --> edge ~dnat~> pod".
std::string path_text(const Trace& trace);

std::string to_mermaid(const Trace& trace);
std::string to_dot(const Trace& trace);

std::string_view to_string(Trace::Result result);  // "ok", "fail", …
int exit_status(Trace::Result result);             // as pona-diag(8) has them

}  // namespace core::packet
