// Traces on standard output, in the form that was asked for.
#pragma once

#include <string>
#include <vector>

#include "core/packet/diagnosis/text.hpp"
#include "core/packet/diagnosis/trace.hpp"

namespace cmd {

// `format`: text, json, jsonl, mermaid, dot. The width of text is the terminal's.
void print_traces(const std::vector<core::packet::Trace>& traces, const std::string& format,
                  core::packet::TextOptions text);

}  // namespace cmd
