// One manifest file: its text cut into parts, and what each part came to. Used by whoever watches
// files and by whoever edits them; it opens none itself but by read_text().
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/decode/decode.hpp"

namespace kube {

// A YAML document, or a whole JSON file: what is parsed, and breaks, as one.
struct ManifestPart {
  struct Item {
    std::uint32_t line = 0;  // from the part's first, which is 0
    std::shared_ptr<const core::Object> object;
  };
  struct Note {
    std::uint32_t line = 0;  // as above
    std::string text;
    std::optional<core::ObjectId> invalid;  // the object that it cost, if that is known
  };

  std::size_t hash = 0;
  std::size_t begin = 0;  // in the file's text
  std::size_t size = 0;
  std::uint32_t line = 1;
  std::vector<Item> items;
  std::vector<Note> notes;
  std::uint32_t ignored = 0;  // objects of kinds that pona does not read
  bool broken = false;        // it may have held objects that nobody can name
};

// Parses `text`; parts that are the same as in `previous` are taken from there.
std::vector<ManifestPart> read_manifest(const std::filesystem::path& path, std::string_view text,
                                        const DecodeOptions& options,
                                        const std::vector<ManifestPart>& previous = {});

}  // namespace kube
