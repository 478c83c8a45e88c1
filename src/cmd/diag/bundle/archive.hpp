// A bundle as bytes: a compressed tar of named texts, with their checksums. Not here: what the
// texts are (write_bundle, read_bundle). Rule: who reads one trusts nothing in it: sizes, counts
// and names are bounded, and no name becomes a path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace cmd {

inline constexpr std::string_view manifest_file = "manifest.json";

std::string sha256_hex(std::string_view text);

class ArchiveWriter {
 public:
  // `time`: of its files, Unix seconds.
  explicit ArchiveWriter(std::int64_t time);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  void add(std::string_view name, std::string_view text);
  std::string finish() &&;  // all of it, compressed

 private:
  struct Stream;
  void put(std::string_view bytes, int flush);

  std::int64_t time_;
  std::unique_ptr<Stream> stream_;
  std::string out_;
};

struct ArchiveLimits {
  std::size_t file = std::size_t{128} << 20;  // bytes
  std::size_t kept = std::size_t{256} << 20;  // of all files that are wanted
  std::size_t all = std::size_t{1} << 30;     // of all that comes out of the compression
  std::size_t files = 20'000;
};
// The files that are `wanted`, by name. Throws core::Error, that says what is wrong with it.
std::map<std::string, std::string> read_archive(
    std::string_view bytes, const std::function<bool(std::string_view name)>& wanted,
    const ArchiveLimits& limits = {});

// The content of a gzip file of at most `most` bytes, cut off there.
std::string gunzip(std::string_view bytes, std::size_t most);

}  // namespace cmd
