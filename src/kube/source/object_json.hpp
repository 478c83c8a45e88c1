// Objects as the JSON that they would be read from: decode() with read_back_options() gives an
// equal object back. What pona does not read of an object is not in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/objects.hpp"
#include "kube/decode/decode.hpp"

namespace kube {

// Which node it was is not known any more, only that it was this one.
inline constexpr std::string_view this_node = "here";
DecodeOptions read_back_options(std::size_t max_ports_per_mapping);

// On one line, without a line break at the end.
void append_json(std::string& out, const core::Object& object);

// As JSON's string.
void append_quoted(std::string& out, std::string_view text);

}  // namespace kube
