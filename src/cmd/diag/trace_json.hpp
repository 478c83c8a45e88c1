// Traces as JSON: schema pona.diag.trace/v1 of pona-diag(8).
#pragma once

#include <string>
#include <vector>

#include "core/packet/diagnosis/trace.hpp"

namespace cmd {

// One document: the trace, or a list of them where there are several.
std::string traces_json(const std::vector<core::packet::Trace>& traces);
// What traces_json wrote of one trace. Throws core::Error where `text` is something else; what a
// trace of another version has besides is passed over.
core::packet::Trace parse_trace(const std::string& text);
// A line for each step, and one for each result.
std::string traces_jsonl(const std::vector<core::packet::Trace>& traces);

}  // namespace cmd
