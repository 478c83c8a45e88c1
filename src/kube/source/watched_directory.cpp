#include "kube/source/watched_directory.hpp"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "core/error.hpp"

namespace kube {
namespace {

namespace fs = std::filesystem;

// A file that is being written, or that vanished and may come back, is looked at after this time
// without another event: editors and shells replace files in several steps.
constexpr auto quiet = std::chrono::milliseconds(50);
constexpr auto retry_interval = std::chrono::seconds(1);
constexpr int max_depth = 64;

constexpr std::uint32_t tree_mask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO |
                                    IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |
                                    IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t above_mask = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                     IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t target_mask = IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

os::Fd open_or_throw(int fd, const char* what) {
  if (fd >= 0) return os::Fd(fd);
  throw core::Error(core::Error::Kind::permanent,
                    std::string("cannot watch for changes: ") + what + ": " + std::strerror(errno));
}

void add_to(const os::Fd& epoll, const os::Fd& fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd.get();
  epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

bool is_below(const fs::path& path, const fs::path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first ==
         directory.end();
}

bool is_link(const fs::path& path) {
  const int error = errno;
  struct stat status {};
  const bool link = lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
  errno = error;
  return link;
}

}  // namespace

bool is_manifest_name(std::string_view name) {
  if (name.starts_with('.') || name.starts_with('#') || name.ends_with('~')) return false;
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

Directory::Directory(fs::path root, bool watch)
    : root_(fs::absolute(root).lexically_normal()),
      watch_(watch),
      timer_(open_or_throw(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                           "timerfd_create")),
      epoll_(open_or_throw(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  if (!root_.has_filename()) root_ = root_.parent_path();  // "dir/" is "dir"
  add_to(epoll_, timer_);
  retry_at_ = Clock::now();
  arm();
}

// Others may have all instances of this user, and give one back at any time.
void Directory::open_inotify() {
  if (inotify_ || !watch_) return;
  inotify_ = os::Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (inotify_) add_to(epoll_, inotify_);
}

std::vector<FileChange> Directory::poll() {
  std::uint64_t expirations = 0;
  while (read(timer_.get(), &expirations, sizeof expirations) > 0) {
  }
  read_events();
  if (retry_at_ && *retry_at_ <= Clock::now()) rescan_ = true;
  if (rescan_) scan();
  expire();
  arm();
  std::vector<FileChange> changes;
  for (const auto& [path, kind] : changes_) changes.push_back({path, kind});
  changes_.clear();
  return changes;
}

void Directory::retry(const fs::path& path) {
  files_[path].reset();
  retry_at_ = Clock::now() + retry_interval;
  arm();
}

void Directory::read_events() {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t size = read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        for (auto& [path, known] : files_) known.reset();  // anything may have been missed
        rescan_ = true;
        continue;
      }
      const auto watch = watches_.find(event->wd);
      if (watch == watches_.end()) continue;
      if ((event->mask & IN_IGNORED) != 0) {
        watches_.erase(watch);
        continue;
      }
      take_event(event->mask, watch->second,
                 event->len == 0 ? std::string_view() : std::string_view(event->name));
    }
  }
}

void Directory::take_event(std::uint32_t mask, const Watch& watch, std::string_view name) {
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0 ||
      watch.children.contains(std::string(name))) {
    rescan_ = true;
  }
  if (watch.link_target) rescan_ = forget_links_ = true;
  if (!watch.directory) return;
  if (is_manifest_name(name) && (mask & IN_ISDIR) == 0) {
    take_file_event(mask, *watch.directory / name);
  } else if ((mask & IN_ISDIR) != 0 && (name.empty() || !name.starts_with('.'))) {
    rescan_ = true;
  } else if (name.starts_with("..")) {
    rescan_ = forget_links_ = true;  // kubelet's ..data, through which every file's link leads
  } else if (!name.starts_with('.') && !name.ends_with('~') &&
             ((mask & (IN_MOVED_FROM | IN_DELETE)) != 0 ||
              ((mask & (IN_MOVED_TO | IN_CREATE)) != 0 && is_link(*watch.directory / name)))) {
    rescan_ = true;  // a link to a directory, or what may have been one
  }
}

void Directory::take_file_event(std::uint32_t mask, const fs::path& path) {
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0 && is_link(path)) {
    files_[path].reset();
    rescan_ = true;
  } else if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0) {
    report_file(path, FileChange::Kind::whole);
  } else if ((mask & IN_ATTRIB) != 0) {
    rescan_ = true;  // permissions, or one link less
  } else {
    changes_.erase(path);
    pending_[path] = Clock::now() + quiet;
  }
}

void Directory::expire() {
  const auto now = Clock::now();
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto [path, due] = *next;
    if (due > now) {
      ++next;
      continue;
    }
    next = pending_.erase(next);
    if (!changes_.contains(path)) report_file(path, FileChange::Kind::unfinished);
  }
}

void Directory::report_file(const fs::path& path, FileChange::Kind kind) {
  pending_.erase(path);
  const auto found = stamp(path);
  if (found) {
    files_.insert_or_assign(path, *found);
    changes_[path] = kind;
  } else if (is_link(path)) {
    retry_at_ = Clock::now();  // it leads nowhere, which is for a scan to report
  } else if (errno == ENOENT || errno == ENOTDIR || errno == 0) {
    files_.erase(path);
    changes_[path] = FileChange::Kind::gone;
  } else {
    changes_[path] = kind;  // whoever opens it gets the error
  }
}

// Of a regular file; errno is 0 where the path is something else.
std::optional<Directory::Stamp> Directory::stamp(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode)) {
    errno = 0;
    return std::nullopt;
  }
  return Stamp{status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
               nanoseconds(status.st_ctim)};
}

void Directory::problem(const fs::path& path, std::string reason) {
  problems_.push_back({path.string(), std::move(reason)});
}

void Directory::scan() {
  rescan_ = false;
  retry_at_.reset();
  problems_.clear();
  if (std::exchange(forget_links_, false)) {
    for (auto& [path, known] : files_) {
      if (is_link(path)) known.reset();
    }
  }
  Scan scan;
  open_inotify();
  watch_above(scan);
  struct stat status {};
  const int error = stat(root_.c_str(), &status) != 0 ? errno
                    : S_ISDIR(status.st_mode)         ? 0
                                                      : ENOTDIR;
  if (error == 0) {
    scan.visited.insert({status.st_dev, status.st_ino});
    scan_directory(scan, root_, 0);
    listed_ = listed_ || scan.complete;
    looked_ = looked_ || std::ranges::find(scan.unseen, root_) == scan.unseen.end();
  } else {
    const bool missing = error == ENOENT;
    problem(root_, std::string("the directory of manifests ") +
                       (missing ? "does not exist: waiting for it"
                                : std::string("cannot be read: ") + std::strerror(error)) +
                       (listed_ ? "; what was read before stays in effect" : ""));
    if (!missing) retry_at_ = Clock::now() + retry_interval;
    scan.unseen.push_back(root_);
  }
  compare(scan);
  for (const auto& [wd, watch] : watches_) {
    if (!scan.watches.contains(wd)) inotify_rm_watch(inotify_.get(), wd);
  }
  watches_ = std::move(scan.watches);
}

// So that the root's own appearance and replacement are noticed.
void Directory::watch_above(Scan& scan) {
  for (fs::path path = root_; path.has_relative_path();) {
    const fs::path child = std::exchange(path, path.parent_path());
    Watch* const watch = add_watch(scan, path, above_mask);
    if (watch == nullptr) continue;
    watch->children.insert(child.filename());
    // Made since it was tried: then the watch is needed further down.
    if (child == root_ || !fs::exists(child)) return;
    path = root_;
  }
}

Directory::Watch* Directory::add_watch(Scan& scan, const fs::path& path, std::uint32_t mask) {
  if (!watch_) return nullptr;
  const int wd =
      inotify_ ? inotify_add_watch(inotify_.get(), path.c_str(), mask | IN_MASK_ADD) : -1;
  if (wd >= 0) return &scan.watches[wd];
  if (!inotify_ || errno == ENOSPC || errno == ENOMEM) {
    if (scan.watched) {
      problem(inotify_ ? path : root_, std::string("not watched, only looked at every second: ") +
                                           (!inotify_ ? "there is no inotify instance left; raise "
                                                        "fs.inotify.max_user_instances"
                                            : errno == ENOSPC ? "raise fs.inotify.max_user_watches"
                                                              : std::strerror(errno)));
    }
    scan.watched = false;
    retry_at_ = Clock::now() + retry_interval;
  }
  return nullptr;
}

void Directory::scan_directory(Scan& scan, const fs::path& path, int depth) {
  const auto give_up = [&](const std::string& reason) {
    problem(path, reason);
    scan.unseen.push_back(path);
    scan.complete = false;
    retry_at_ = Clock::now() + retry_interval;
  };
  if (depth > max_depth) return give_up("nested too deeply: not read");
  // Watched before it is listed: whatever comes in between is in one of them.
  if (Watch* const watch = add_watch(scan, path, tree_mask)) watch->directory = path;
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(path.c_str()));
  if (!directory) {
    if (errno == ENOENT && path != root_) return;
    return give_up(std::string("cannot be listed: ") + std::strerror(errno) +
                   "; what was read from it before stays in effect");
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(directory.get())) names.emplace_back(entry->d_name);
  if (errno != 0) return give_up(std::string("cannot be listed: ") + std::strerror(errno));
  std::ranges::sort(names);
  for (const std::string& name : names) {
    if (!name.starts_with('.')) scan_entry(scan, path / name, name, depth);
  }
}

void Directory::scan_entry(Scan& scan, const fs::path& path, std::string_view name, int depth) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    // Of what may be a directory, nobody can say what is in it.
    if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR) {
      problem(path, std::string("cannot be read: ") + std::strerror(errno) +
                        "; what was read from it before stays in effect");
      scan.unseen.push_back(path);
      scan.complete = false;
      retry_at_ = Clock::now() + retry_interval;
      return;
    }
    if (!is_manifest_name(name)) return;
    if (is_link(path)) {
      problem(path, std::string("the link leads nowhere: ") + std::strerror(errno) +
                        "; what was read from it before stays in effect");
      scan.unseen.push_back(path);
      retry_at_ = Clock::now() + retry_interval;
    }
    return;
  }
  if (S_ISDIR(status.st_mode)) {
    // Links may lead to a directory twice, or around in a circle.
    if (scan.visited.insert({status.st_dev, status.st_ino}).second) {
      scan_directory(scan, path, depth + 1);
    }
  } else if (S_ISREG(status.st_mode) && is_manifest_name(name)) {
    if (is_link(path)) {
      if (Watch* const watch = add_watch(scan, path, target_mask)) watch->link_target = true;
    }
    if (const auto found = stamp(path)) scan.files.emplace(path, *found);
  }
}

void Directory::compare(Scan& scan) {
  for (const auto& [path, found] : scan.files) {
    const auto known = files_.find(path);
    const bool same = known != files_.end() && known->second == found;
    if (!same && !pending_.contains(path)) changes_[path] = FileChange::Kind::whole;
    files_.insert_or_assign(path, found);
  }
  for (const auto& file : files_) {
    const fs::path& path = file.first;
    const bool unseen = std::ranges::any_of(
        scan.unseen, [&](const fs::path& directory) { return is_below(path, directory); });
    if (!unseen && !scan.files.contains(path)) pending_.try_emplace(path, Clock::now() + quiet);
  }
}

void Directory::arm() {
  std::optional<Clock::time_point> due = retry_at_;
  for (const auto& [path, at] : pending_) due = due ? std::min(*due, at) : at;
  itimerspec spec{};
  if (due) {
    // 0 would disarm it.
    const auto at =
        std::max<std::int64_t>(1, std::chrono::nanoseconds(due->time_since_epoch()).count());
    spec.it_value.tv_sec = at / 1'000'000'000;
    spec.it_value.tv_nsec = at % 1'000'000'000;
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace kube
