// JSON of daemons and of checks with other addresses and names. Rule: a text that is no address, no
// name of a known kind and no word of pona is left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/packet/record/redaction.hpp"

namespace cmd {

// What is no JSON becomes "".
std::string redact_json(std::string_view json, core::packet::Redaction& redaction);

// "10.0.0.1", "10.0.0.0/8", "10.0.0.1:80", "[2001:db8::1]:5000-5010/udp" with another address;
// nothing: it is none of these.
std::optional<std::string> redact_address_text(const std::string& text,
                                               core::packet::Redaction& redaction);

}  // namespace cmd
