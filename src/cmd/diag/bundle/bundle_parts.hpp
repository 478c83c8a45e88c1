// What a bundle is made of, part by part. Rule: a part that fails costs itself alone, and the
// manifest says so. Another file is a line in the table of bundle_parts.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/diag/bundle/archive.hpp"
#include "cmd/diag/bundle/bundle.hpp"
#include "core/packet/record/redaction.hpp"

namespace cmd {

struct BundleFile {
  std::string name;
  std::string what;  // in words
  std::size_t size = 0;
  std::string sha256;
};

// Bundles as they are filled.
class BundleContent {
 public:
  // `redaction`: null where all stays as it is.
  BundleContent(ArchiveWriter& archive, const BundleOptions& options,
                core::packet::Redaction* redaction)
      : archive_(archive), options_(options), redaction_(redaction) {}

  [[nodiscard]] const BundleOptions& options() const { return options_; }
  // A text that is too big, alone or with all others, is left out, and told.
  void add(std::string_view name, std::string_view what, std::string_view text);
  void leave_out(const std::string& what, const std::string& why);
  // JSON that is not pona's values: it is redacted by its keys.
  void add_json(std::string_view name, std::string_view what, const std::string& json);
  [[nodiscard]] core::packet::Redaction* redaction() { return redaction_; }

  [[nodiscard]] const std::vector<BundleFile>& files() const { return files_; }
  // What is not in it, and why.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& left_out() const {
    return left_out_;
  }
  std::size_t here = 0;  // the place where it is made

 private:
  ArchiveWriter& archive_;
  const BundleOptions& options_;
  core::packet::Redaction* redaction_;
  std::vector<BundleFile> files_;
  std::vector<std::pair<std::string, std::string>> left_out_;
  std::size_t size_ = 0;
};

struct BundlePart {
  const char* what;  // in words
  void (*collect)(BundleContent& content);
};
const std::vector<BundlePart>& bundle_parts();

std::string bundle_manifest(const BundleContent& content, std::string_view host,
                            std::string_view made);

}  // namespace cmd
