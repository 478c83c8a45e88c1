#include "cmd/agent/install_plugin.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "core/error.hpp"
#include "os/directories.hpp"
#include "os/write_file.hpp"

namespace cmd {
namespace {

namespace fs = std::filesystem;

constexpr const char* program = "pona";
constexpr const char* link_name = "pona-cni";
constexpr const char* running = "/proc/self/exe";
constexpr mode_t program_mode = 0755;
constexpr std::streamsize piece = 64 * 1024;

// Whoever writes a file in place is given this time between two writes.
constexpr int quiet = 200;
// After an error, and where another program undoes what is done here, between two changes.
constexpr int pause = 1000;
constexpr int changes_without_pause = 5;
// Whatever no event told: the file behind a link, or a directory that cannot be watched.
constexpr int rescan = 30'000;

constexpr std::uint32_t finished = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr std::uint32_t unfinished = IN_CREATE | IN_MODIFY | IN_ATTRIB;
constexpr std::uint32_t gone = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;

std::string reason() { return std::strerror(errno); }

[[noreturn]] void fail(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, what + ": " + reason());
}

// By pieces: the agent is to stay small, and the program is not.
bool same_content(const fs::path& a, const fs::path& b) {
  std::error_code error;
  const auto size = fs::file_size(a, error);
  if (error || fs::file_size(b, error) != size || error) return false;
  std::ifstream left(a, std::ios::binary);
  std::ifstream right(b, std::ios::binary);
  std::vector<char> one(piece);
  std::vector<char> other(piece);
  while (left && right) {
    left.read(one.data(), piece);
    right.read(other.data(), piece);
    if (left.gcount() != right.gcount() ||
        !std::equal(one.begin(), one.begin() + left.gcount(), other.begin())) {
      return false;
    }
  }
  return left.eof() && right.eof();
}

void copy_program(const fs::path& target) {
  const fs::path temporary = target.parent_path() / (std::string(".") + program);
  std::error_code error;
  fs::remove(temporary, error);
  if (!fs::copy_file(running, temporary, error)) {
    throw core::Error(core::Error::Kind::permanent,
                      "cannot write " + temporary.string() + ": " + error.message());
  }
  const os::Fd file(::open(temporary.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || fchmod(file.get(), program_mode) != 0 || fsync(file.get()) != 0 ||
      rename(temporary.c_str(), target.c_str()) != 0) {
    const std::string why = reason();
    fs::remove(temporary, error);
    throw core::Error(core::Error::Kind::permanent,
                      "cannot replace " + target.string() + ": " + why);
  }
}

os::Fd open_or_throw(int fd, const char* what) {
  if (fd < 0) fail(std::string("cannot watch the CNI configuration: ") + what);
  return os::Fd(fd);
}

}  // namespace

void install_plugin(const fs::path& directory) {
  std::error_code error;
  os::make_directories(directory, error);
  const fs::path target = directory / program;
  // A link here may lead anywhere: it is replaced, not followed.
  if (fs::is_symlink(target, error) || !same_content(running, target)) {
    copy_program(target);
  } else if (chmod(target.c_str(), program_mode) != 0) {
    fail("cannot make " + target.string() + " executable");
  }

  const fs::path link = directory / link_name;
  if (fs::is_symlink(link, error) && fs::read_symlink(link, error) == program) return;
  const std::string temporary = directory / (std::string(".") + link_name);
  unlink(temporary.c_str());
  if (symlink(program, temporary.c_str()) != 0 || rename(temporary.c_str(), link.c_str()) != 0) {
    fail("cannot make the link " + link.string());
  }
}

void remove_plugin(const fs::path& directory) {
  for (const char* name : {link_name, program}) {
    const fs::path path = directory / name;
    if (unlink(path.c_str()) != 0 && errno != ENOENT) fail("cannot remove " + path.string());
  }
}

ConflistKeeper::ConflistKeeper(fs::path directory, ChainOptions options)
    : directory_(std::move(directory)),
      options_(std::move(options)),
      timer_(open_or_throw(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                           "timerfd_create")),
      epoll_(open_or_throw(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  await(timer_);
}

void ConflistKeeper::await(const os::Fd& fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
}

// Others may have all instances of this user, and give one back at any time. 0, or an error.
int ConflistKeeper::open_inotify() {
  if (inotify_) return 0;
  inotify_ = os::Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return errno;
  await(inotify_);
  return 0;
}

std::vector<std::string> ConflistKeeper::step() {
  std::vector<std::string> done;
  if (!take_events()) return done;
  problems_.clear();
  arm(rescan);
  watch();
  // A mount of a container keeps showing a directory that the node has deleted.
  struct stat status {};
  if (stat(directory_.c_str(), &status) == 0 && status.st_nlink == 0) {
    problems_.push_back(
        directory_.string() +
        ": was deleted and created again on the node, which this container does not "
        "see: restart it");
    return done;
  }
  const ChainFiles files = read_all();
  apply(plan_chain(files, options_), files, done);
  return done;
}

std::vector<std::string> ConflistKeeper::uninstall() {
  std::vector<std::string> done;
  problems_.clear();
  const ChainFiles files = read_all();
  apply(plan_unchain(files), files, done);
  return done;
}

// Whether it is time to look. A file that its writer is done with is looked at at once: the next
// pod may be on its way.
bool ConflistKeeper::take_events() {
  std::uint64_t expirations = 0;
  bool look = ::read(timer_.get(), &expirations, sizeof expirations) > 0;
  look = std::exchange(first_, false) || look;
  bool wait = false;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) break;
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if ((event->mask & IN_IGNORED) != 0 && event->wd == watch_) watch_ = -1;
      const bool ours = (event->mask & (gone | IN_Q_OVERFLOW)) != 0 ||
                        (event->len > 0 && is_chain_file(event->name));
      look = look || (ours && (event->mask & ~unfinished) != 0);
      wait = wait || (ours && (event->mask & unfinished) != 0);
    }
  }
  if (!look && wait) arm(quiet);
  return look;
}

void ConflistKeeper::watch() {
  // By path each time: it may be another directory by now.
  std::error_code ignored;
  os::make_directories(directory_, ignored);
  if (const int error = open_inotify(); error != 0) {
    problems_.push_back(directory_.string() +
                        ": not watched, only looked at now and then: " + std::strerror(error) +
                        (error == EMFILE ? "; raise fs.inotify.max_user_instances" : ""));
    arm(pause);
    return;
  }
  const int old = std::exchange(watch_, inotify_add_watch(inotify_.get(), directory_.c_str(),
                                                          finished | unfinished | IN_DELETE_SELF |
                                                              IN_MOVE_SELF | IN_ONLYDIR));
  const int error = errno;
  if (old >= 0 && old != watch_) inotify_rm_watch(inotify_.get(), old);
  if (watch_ >= 0) return;
  problems_.push_back(directory_.string() + ": cannot be watched: " + std::strerror(error));
  arm(pause);
}

void ConflistKeeper::arm(int milliseconds) {
  itimerspec spec{};
  spec.it_value.tv_sec = milliseconds / 1000;
  spec.it_value.tv_nsec = milliseconds % 1000 * 1'000'000L;
  timerfd_settime(timer_.get(), 0, &spec, nullptr);
}

std::optional<std::string> ConflistKeeper::read(const std::string& name) const {
  std::ifstream file(directory_ / name, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return file ? std::optional(std::move(text)) : std::nullopt;
}

ChainFiles ConflistKeeper::read_all() {
  ChainFiles files;
  std::error_code error;
  std::error_code missing;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (is_chain_file(name) && !entry->is_directory(missing)) files.emplace(name, read(name));
  }
  if (error) problems_.push_back(directory_.string() + ": cannot be read: " + error.message());
  return files;
}

void ConflistKeeper::apply(const ChainPlan& plan, const ChainFiles& files,
                           std::vector<std::string>& done) {
  for (const std::string& problem : plan.problems) {
    problems_.push_back((directory_ / problem).string());
  }
  for (const ChainEdit& edit : plan.edits) {
    const fs::path path = directory_ / edit.name;
    const auto known = files.find(edit.name);
    // Rewritten since it was read: its event is on its way.
    if (read(edit.name) != (known == files.end() ? std::nullopt : known->second)) continue;
    if (!may_change(edit.name)) {
      problems_.push_back(path.string() + ": another program undoes what pona's agent does to it");
      arm(pause);
      continue;
    }
    struct stat like {};
    try {
      if (!edit.text) {
        if (unlink(path.c_str()) != 0) fail("cannot remove it");
      } else if (stat((directory_ / edit.like).c_str(), &like) == 0) {
        os::write_file(path, *edit.text, like.st_mode & 07777);
      } else {
        continue;
      }
      done.push_back(edit.what);
    } catch (const core::Error& error) {
      problems_.push_back(path.string() + ": " + error.what());
      arm(pause);
    }
  }
}

bool ConflistKeeper::may_change(const std::string& name) {
  const auto now = std::chrono::steady_clock::now();
  Changes& changes = changes_[name];
  if (now - changes.since >= std::chrono::milliseconds(pause)) changes = {now, 0};
  return ++changes.count <= changes_without_pause;
}

}  // namespace cmd
