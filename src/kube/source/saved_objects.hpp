// The objects of a source in a file, for a start without the source. The file is a journal, because
// saving must cost as much as the change: a head with all objects of one moment, written as a whole
// or not at all, and after it what changed since, appended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/object_id_hash.hpp"
#include "core/objects.hpp"
#include "kube/decode/decode.hpp"
#include "os/fd.hpp"

namespace kube {

using ObjectMap = std::unordered_map<core::ObjectId, std::shared_ptr<const core::Object>, HashId>;

struct SavedObjects {
  enum class State : std::uint8_t {
    missing,
    whole,
    mended,   // usable, but what is appended to it could not be read again
    broken,   // not even its head is whole
    newer,    // written by a version of pona that is newer than this one
    foreign,  // of another source
  };
  State state = State::missing;
  ObjectMap objects;         // of `whole` and `mended`
  std::int64_t time = 0;     // of the last record, Unix seconds
  std::string cluster;       // the UID of the cluster they are of; empty: it was not known
  std::size_t head = 0;      // bytes
  std::int64_t version = 0;  // of the format, of `newer`
  std::vector<std::string> remarks;

  [[nodiscard]] bool usable() const { return state == State::whole || state == State::mended; }
};

// Calls back with each object once.
using EachObject = std::function<void(const std::function<void(const core::Object&)>&)>;

// `source` is what the file must have been written for: a server's URL. Never fails: what is wrong
// is among the remarks.
SavedObjects read_saved_objects(const std::filesystem::path& path, const std::string& source,
                                const DecodeOptions& decoding);

// Writes the file. One process at a time does: whoever holds the lock. All throw core::Error.
class ObjectJournal {
 public:
  ObjectJournal(std::filesystem::path path, std::string source);

  // Takes the lock, in a directory that is made where it is missing; again: nothing happens.
  void lock();
  [[nodiscard]] bool locked() const { return lock_.get() >= 0; }

  // Goes on with the file that is there; `head` as it was read.
  void open(std::size_t head);
  // Replaces the file by one with these objects, `count` of them.
  void rewrite(std::size_t count, const EachObject& each, const std::string& cluster,
               std::int64_t time);
  // When it returns, the changes outlive this process, though not a crash of the machine: that
  // would cost an fsync for each, and after such a crash the kernel holds nothing that could be
  // newer than the file. Write-back makes up for it within half a minute.
  void append(const core::ObjectChanges& changes, std::int64_t time);
  // More was appended than the head holds.
  [[nodiscard]] bool overgrown() const;

  // Out of the way, beside, under its name and this ending.
  void set_aside(const std::string& ending);
  // What follows cannot be saved: under the name of outdated(), where the next rewrite() removes
  // it.
  void retire();
  [[nodiscard]] std::filesystem::path outdated() const;

  // All that was made at this path, and what there is of it.
  void remove();
  static std::vector<std::filesystem::path> files(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  void make_directory() const;

  std::filesystem::path path_;
  std::string source_;
  os::Fd lock_;
  os::Fd file_;
  std::size_t head_ = 0;  // bytes
  std::size_t size_ = 0;
};

}  // namespace kube
