#include "cmd/diag/bundle/archive.hpp"

#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "core/error.hpp"
#include "core/printable.hpp"
#include "os/tar.hpp"

namespace cmd {
namespace {

constexpr int with_gzip_header = 15 + 16;  // zlib.h: windowBits
constexpr std::size_t longest_name_shown = 100;

[[noreturn]] void no_bundle(const std::string& why) {
  throw core::Error(core::Error::Kind::permanent, "this is no bundle that can be read: " + why);
}

// Calls `visit` with what comes out, piece by piece, until it says no or there is no more. False:
// the stream is broken or ends too early.
bool inflate_all(std::string_view bytes, const std::function<bool(std::string_view)>& visit) {
  z_stream stream{};
  if (inflateInit2(&stream, with_gzip_header) != Z_OK) return false;
  // Also when a visitor throws.
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> ended(&stream, inflateEnd);
  std::array<char, 65536> buffer{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), ~uInt{0}));
  int result = Z_OK;
  bool goes_on = true;
  while (result == Z_OK && goes_on) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    result = inflate(&stream, Z_NO_FLUSH);
    const std::size_t size = buffer.size() - stream.avail_out;
    if (size > 0) goes_on = visit({buffer.data(), size});
    if (size == 0 && stream.avail_in == 0 && result == Z_OK) result = Z_BUF_ERROR;
  }
  return result == Z_STREAM_END || !goes_on;
}

// Takes a tar in pieces of any size.
class TarReader {
 public:
  TarReader(const std::function<bool(std::string_view)>& wanted, const ArchiveLimits& limits)
      : wanted_(wanted), limits_(limits) {}

  // What follows the end is passed over: it is padding.
  void take(std::string_view bytes) {
    all_ += bytes.size();
    if (all_ > limits_.all) no_bundle("more comes out of it than any bundle holds");
    while (!bytes.empty() && !ended_) {
      if (content_ > 0) {
        const std::size_t size =
            static_cast<std::size_t>(std::min<std::uint64_t>(content_, bytes.size()));
        if (file_ != nullptr) file_->append(bytes.substr(0, size));
        content_ -= size;
        bytes.remove_prefix(size);
      } else if (padding_ > 0) {
        const std::size_t size = std::min(padding_, bytes.size());
        padding_ -= size;
        bytes.remove_prefix(size);
      } else {
        const std::size_t size = std::min(os::tar_block - block_.size(), bytes.size());
        block_.append(bytes.substr(0, size));
        bytes.remove_prefix(size);
        if (block_.size() == os::tar_block) begin_file();
      }
    }
  }

  std::map<std::string, std::string> finish() && {
    if (!ended_) no_bundle("it is cut off");
    return std::move(files_);
  }

 private:
  void begin_file() {
    const auto entry = os::read_tar_header(block_);
    block_.clear();
    if (!entry) no_bundle("what is in it is no tar archive");
    if (entry->end) {
      ended_ = true;
      return;
    }
    const std::string name = core::printable(entry->name, longest_name_shown);
    if (++count_ > limits_.files) no_bundle("there are too many files in it");
    if (entry->size > limits_.file) no_bundle(name + " in it is too big");
    content_ = entry->size;
    padding_ = os::tar_padding(entry->size);
    file_ = nullptr;
    if (!entry->plain || !wanted_(entry->name)) return;
    kept_ += static_cast<std::size_t>(entry->size);
    if (kept_ > limits_.kept) no_bundle("its files together are too big");
    const auto [at, fresh] = files_.try_emplace(entry->name);
    if (!fresh) no_bundle(name + " is in it twice");
    file_ = &at->second;
  }

  const std::function<bool(std::string_view)>& wanted_;
  const ArchiveLimits& limits_;
  std::map<std::string, std::string> files_;
  std::string* file_ = nullptr;  // that is being read, if it is wanted
  std::string block_;            // of a header
  std::uint64_t content_ = 0;    // bytes that are still to come
  std::size_t padding_ = 0;
  std::size_t all_ = 0, kept_ = 0, count_ = 0;
  bool ended_ = false;
};

}  // namespace

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw core::Error(core::Error::Kind::permanent, "cannot compute SHA-256");
  }
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

struct ArchiveWriter::Stream {
  z_stream zlib{};
};

ArchiveWriter::ArchiveWriter(std::int64_t time) : time_(time), stream_(new Stream) {
  if (deflateInit2(&stream_->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, with_gzip_header, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw core::Error(core::Error::Kind::permanent, "cannot compress");
  }
}

ArchiveWriter::~ArchiveWriter() { deflateEnd(&stream_->zlib); }

void ArchiveWriter::put(std::string_view bytes, int flush) {
  z_stream& zlib = stream_->zlib;
  std::array<char, 65536> buffer{};
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  zlib.avail_in = static_cast<uInt>(bytes.size());
  do {
    zlib.next_out = reinterpret_cast<Bytef*>(buffer.data());
    zlib.avail_out = static_cast<uInt>(buffer.size());
    deflate(&zlib, flush);
    out_.append(buffer.data(), buffer.size() - zlib.avail_out);
  } while (zlib.avail_out == 0);
}

void ArchiveWriter::add(std::string_view name, std::string_view text) {
  put(os::tar_header(name, text.size(), time_), Z_NO_FLUSH);
  put(text, Z_NO_FLUSH);
  put(std::string(os::tar_padding(text.size()), '\0'), Z_NO_FLUSH);
}

std::string ArchiveWriter::finish() && {
  put(std::string(2 * os::tar_block, '\0'), Z_FINISH);
  return std::move(out_);
}

std::map<std::string, std::string> read_archive(
    std::string_view bytes, const std::function<bool(std::string_view name)>& wanted,
    const ArchiveLimits& limits) {
  TarReader reader(wanted, limits);
  const bool whole = inflate_all(bytes, [&](std::string_view piece) {
    // To the end of the stream, where its own checksum is.
    reader.take(piece);
    return true;
  });
  if (!whole) no_bundle("it is no gzip file, or it is damaged or cut off");
  return std::move(reader).finish();
}

std::string gunzip(std::string_view bytes, std::size_t most) {
  std::string text;
  inflate_all(bytes, [&](std::string_view piece) {
    text.append(piece.substr(0, most - text.size()));
    return text.size() < most;
  });
  return text;
}

}  // namespace cmd
