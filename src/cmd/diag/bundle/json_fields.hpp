// Fields of the model's values (core/packet/record) as lines of JSON: {"KIND":{…}}. What is 0,
// empty or missing is not written.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/packet/record/fields.hpp"

namespace cmd {

// With the end of the line.
void append_line(std::string& out, std::string_view kind,
                 const std::function<void(core::packet::Fields&)>& value);

// Calls `visit` for each line. `items`: how many of lists there may still be, of all lines
// together; each is taken off. Throws core::Error, that says which line of `file` is wrong.
void read_lines(std::string_view text, const std::string& file, std::size_t& items,
                const std::function<void(std::string_view kind, core::packet::Fields&)>& visit);

}  // namespace cmd
