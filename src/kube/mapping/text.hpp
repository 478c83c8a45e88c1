// Mappings as manifests: written anew, and edits of a file's text that leave everything else in it
// as it was. Only text to text; who calls checks the outcome by reading it again.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/objects.hpp"
#include "kube/source/manifest_file.hpp"

namespace kube {

std::string mapping_yaml(const core::Mapping& mapping);
std::string mapping_json(const core::Mapping& mapping);
std::string mapping_list_json(std::span<const core::Mapping> mappings);

// The Mapping as it would be read again: normalised. Throws core::Error (usage) with all that is
// wrong with it.
core::Mapping validated(const core::Mapping& mapping, const DecodeOptions& options);

// Where a Mapping stands in a file.
struct MappingPlace {
  const ManifestPart* part = nullptr;
  std::uint32_t line = 0;  // of the object, in the file
};

// The text with the fields replaced in which `after` differs from `before`; nothing where the way
// it is written (flow style, mostly) does not allow it.
std::optional<std::string> edit_yaml(std::string_view text, const MappingPlace& place,
                                     const core::Mapping& before, const core::Mapping& after);
std::optional<std::string> edit_json(std::string_view text, const core::Mapping& before,
                                     const core::Mapping& after);

// The text without the object; a document that holds nothing else goes as a whole.
std::optional<std::string> remove_yaml(std::string_view text, const MappingPlace& place);
std::optional<std::string> remove_json(std::string_view text, const core::ObjectName& name);

}  // namespace kube
