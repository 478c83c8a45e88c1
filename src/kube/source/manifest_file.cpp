#include "kube/source/manifest_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "kube/decode/parse.hpp"
#include "kube/decode/utf16.hpp"
#include "os/fd.hpp"

namespace kube {
namespace {

// Finds the part of an earlier version by its text's hash. Most files change in one place, so that
// the next one is nearly always the right one and the index is not even made.
class Earlier {
 public:
  explicit Earlier(const std::vector<ManifestPart>& parts) : parts_(parts) {}

  const ManifestPart* find(std::size_t hash, std::size_t size) {
    if (next_ < parts_.size() && matches(next_, hash, size)) return &parts_[next_++];
    if (index_.empty()) {
      for (std::size_t i = 0; i < parts_.size(); ++i) index_.emplace(parts_[i].hash, i);
    }
    const auto found = index_.find(hash);
    if (found == index_.end() || !matches(found->second, hash, size)) return nullptr;
    next_ = found->second + 1;
    return &parts_[found->second];
  }

 private:
  [[nodiscard]] bool matches(std::size_t i, std::size_t hash, std::size_t size) const {
    return parts_[i].hash == hash && parts_[i].size == size;
  }

  const std::vector<ManifestPart>& parts_;
  std::unordered_map<std::size_t, std::size_t> index_;
  std::size_t next_ = 0;
};

void add_objects(ManifestPart& part, const Document& document, const DecodeOptions& options) {
  const auto root = document.root();
  if (!root || root->type() == Node::Type::null) return;
  for (Decoded& decoded : decode(*root, options)) {
    const bool valid = decoded.object != nullptr;
    if (decoded.ignored) {
      ++part.ignored;
    } else if (valid) {
      part.items.push_back({decoded.line - part.line, std::move(decoded.object)});
    } else if (!decoded.id) {
      part.broken = true;
    }
    for (const Finding& finding : decoded.findings) {
      part.notes.push_back({finding.line - part.line, to_string(finding, decoded.id),
                            valid ? std::nullopt : decoded.id});
    }
  }
}

void add_error(ManifestPart& part, SyntaxError error) {
  part.broken = true;
  part.notes.push_back({error.line - part.line, std::move(error.reason), std::nullopt});
}

}  // namespace

std::vector<ManifestPart> read_manifest(const std::filesystem::path& path, std::string_view text,
                                        const DecodeOptions& options,
                                        const std::vector<ManifestPart>& previous) {
  if (is_utf16(text)) return read_manifest(path, to_utf8(std::string(text)), options, previous);
  const bool json = path.extension() == ".json";
  std::vector<Cut> cuts;
  if (json) {
    cuts.push_back({text, 1, false});
  } else {
    cuts = cut_yaml(text);
  }
  Earlier earlier(previous);
  Document document;
  std::vector<ManifestPart> parts;
  parts.reserve(cuts.size());
  for (const Cut& cut : cuts) {
    const std::size_t hash = std::hash<std::string_view>()(cut.text);
    const ManifestPart* const same = earlier.find(hash, cut.text.size());
    ManifestPart part = same == nullptr ? ManifestPart() : *same;
    part.hash = hash;
    part.begin = static_cast<std::size_t>(cut.text.data() - text.data());
    part.size = cut.text.size();
    part.line = cut.line;
    if (same == nullptr && json) {
      const auto error = parse_json(
          cut.text, document, [&](const Document& whole) { add_objects(part, whole, options); });
      if (error) add_error(part, *error);
    } else if (same == nullptr) {
      if (const auto error = parse_yaml(cut, document)) {
        add_error(part, *error);
      } else {
        add_objects(part, document, options);
      }
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace kube
