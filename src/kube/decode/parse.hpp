// Text to Document, for YAML (libyaml) and JSON (nlohmann). What a field means is decode.hpp's.
// A YAML file is cut at its document markers first, so that a broken document costs only itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "kube/decode/document.hpp"

namespace kube {

// The text of one YAML document with the marker it begins with, as it stands in the file. The cuts
// of a text, put together, are the text.
struct Cut {
  std::string_view text;
  std::uint32_t line = 1;  // of its first character
  bool blank = false;      // nothing but comments, markers and directives
};

std::vector<Cut> cut_yaml(std::string_view text);

// Reads the one document of a cut. `document` has no root when the cut is blank.
std::optional<SyntaxError> parse_yaml(const Cut& cut, Document& document);

// Reads JSON values, one after the other, and gives each to `use`.
std::optional<SyntaxError> parse_json(std::string_view text, Document& document,
                                      const std::function<void(const Document&)>& use);

}  // namespace kube
