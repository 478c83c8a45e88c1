// The manifest files below a directory and what becomes of them, by inotify. It never looks into a
// file. Level, not edge: a change says "look at this file", and looking once too often is harmless.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kube/source.hpp"
#include "os/fd.hpp"

namespace kube {

// *.yaml, *.yml, *.json; not hidden, and not what editors leave behind.
bool is_manifest_name(std::string_view name);

struct FileChange {
  enum class Kind : std::uint8_t {
    whole,       // its writer is done with it
    unfinished,  // somebody may still be writing: what is not in it may only not be in it yet
    gone,
  };
  std::filesystem::path path;
  Kind kind = Kind::whole;

  friend bool operator==(const FileChange&, const FileChange&) = default;
};

class Directory {
 public:
  // The directory need not exist: its appearance is waited for. Where the kernel has no inotify
  // instance left, it is looked at every second. Throws core::Error when the process has no
  // descriptors left.
  // Who looks once need not `watch`.
  explicit Directory(std::filesystem::path root, bool watch = true);

  [[nodiscard]] int wake_fd() const { return epoll_.get(); }

  // What happened since the last call; the first gives every file there is. Never blocks.
  std::vector<FileChange> poll();

  // A file that could not be read: it is offered again in a while.
  void retry(const std::filesystem::path& path);

  // The whole tree was listed at least once.
  [[nodiscard]] bool listed() const { return listed_; }
  // As far as it can be.
  [[nodiscard]] bool looked() const { return looked_; }
  [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }

 private:
  using Clock = std::chrono::steady_clock;

  // Distinguishes the versions of a file that a scan comes across.
  struct Stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    std::int64_t modified;
    std::int64_t changed;

    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  // What one inotify watch is for; several may fall on one inode.
  struct Watch {
    std::optional<std::filesystem::path> directory;  // of the tree
    std::set<std::string> children;  // names that lead to the root, in a directory above it
    bool link_target = false;        // a file of the tree behind a symbolic link
  };
  struct Scan {
    std::map<std::filesystem::path, Stamp> files;
    std::vector<std::filesystem::path> unseen;  // what is below them is not known
    std::set<std::pair<dev_t, ino_t>> visited;
    std::unordered_map<int, Watch> watches;
    bool complete = true;  // every directory was listed
    bool watched = true;   // and is watched
  };

  void read_events();
  void take_event(std::uint32_t mask, const Watch& watch, std::string_view name);
  void take_file_event(std::uint32_t mask, const std::filesystem::path& path);
  void open_inotify();
  void scan();
  void scan_directory(Scan& scan, const std::filesystem::path& path, int depth);
  void scan_entry(Scan& scan, const std::filesystem::path& path, std::string_view name, int depth);
  void watch_above(Scan& scan);
  Watch* add_watch(Scan& scan, const std::filesystem::path& path, std::uint32_t mask);
  void compare(Scan& scan);
  void expire();
  void report_file(const std::filesystem::path& path, FileChange::Kind kind);
  void problem(const std::filesystem::path& path, std::string reason);
  void arm();
  static std::optional<Stamp> stamp(const std::filesystem::path& path);

  std::filesystem::path root_;
  bool watch_;
  os::Fd inotify_;
  os::Fd timer_;
  os::Fd epoll_;
  std::unordered_map<int, Watch> watches_;
  // Every file there was at the last look; without a stamp if it is to be read again.
  std::map<std::filesystem::path, std::optional<Stamp>> files_;
  std::map<std::filesystem::path, Clock::time_point> pending_;  // looked at when they are quiet
  std::map<std::filesystem::path, FileChange::Kind> changes_;
  std::vector<Problem> problems_;
  std::optional<Clock::time_point> retry_at_;
  bool rescan_ = true;
  bool forget_links_ = false;  // read files behind links anew: their stamps may lie
  bool listed_ = false;
  bool looked_ = false;
};

}  // namespace kube
