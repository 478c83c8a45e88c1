// Objects as the JSON of the manifests that they would be read from: decode() gives an equal object
// back. What pona does not read of an object is not in it.
#pragma once

#include <string>

#include "core/objects.hpp"

namespace kube {

// On one line, without a line break at the end.
void append_json(std::string& out, const core::Object& object);

// As JSON's string.
void append_quoted(std::string& out, std::string_view text);

}  // namespace kube
