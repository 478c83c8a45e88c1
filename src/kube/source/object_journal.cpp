#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "kube/source/object_json.hpp"
#include "kube/source/saved_format.hpp"
#include "kube/source/saved_objects.hpp"
#include "kube/source/saved_record.hpp"
#include "os/directories.hpp"
#include "os/write_file.hpp"

namespace kube {
namespace {

constexpr std::size_t least_growth = std::size_t{1} << 20;
constexpr std::size_t written_at_once = std::size_t{1} << 20;
constexpr mode_t private_mode = 0600;

[[noreturn]] void fail(const std::string& what) {
  throw core::Error(core::Error::Kind::transient, what + ": " + std::strerror(errno));
}

// Nobody but the owner may see them, whatever the umask or a file that was there before say.
os::Fd open_private(const std::string& path, int flags) {
  os::Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, private_mode));
  if (fd.get() < 0 || fchmod(fd.get(), private_mode) != 0) fail("cannot write " + path);
  return fd;
}

bool write_all(const os::Fd& fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(fd.get(), text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

void append_head(std::string& out, const std::string& source, std::size_t objects,
                 const std::string& cluster, std::int64_t time) {
  RecordLine line(out);
  out += R"({"format":)";
  append_quoted(out, saved_format);
  out += R"(,"version":)" + std::to_string(saved_version) + R"(,"source":)";
  append_quoted(out, source);
  if (!cluster.empty()) {
    out += R"(,"cluster":)";
    append_quoted(out, cluster);
  }
  out += R"(,"objects":)" + std::to_string(objects) + R"(,"time":)" + std::to_string(time) + '}';
  line.end();
}

void append_object(std::string& out, const core::Object& object) {
  RecordLine line(out);
  append_json(out, object);
  line.end();
}

void append_deletion(std::string& out, const core::ObjectId& id) {
  RecordLine line(out);
  out += R"({"deleted":)";
  append_quoted(out, core::to_string(id.kind));
  out += R"(,"namespace":)";
  append_quoted(out, id.name.ns);
  out += R"(,"name":)";
  append_quoted(out, id.name.name);
  out += '}';
  line.end();
}

}  // namespace

ObjectJournal::ObjectJournal(std::filesystem::path path, std::string source)
    : path_(std::move(path)), source_(std::move(source)) {}

// Only the last part is ours, and only when it is new.
void ObjectJournal::make_directory() const {
  const std::filesystem::path directory = path_.parent_path();
  std::error_code error;
  os::make_directories(directory.parent_path(), error);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    fail("cannot make the directory " + directory.string());
  }
}

void ObjectJournal::lock() {
  if (locked()) return;
  make_directory();
  // A file of its own, as the other one is replaced again and again.
  const std::string path = path_.string() + ".lock";
  os::Fd fd = open_private(path, O_RDWR | O_CREAT);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail("cannot lock " + path);
    throw core::Error(core::Error::Kind::transient, "another process saves its objects there");
  }
  lock_ = std::move(fd);
}

void ObjectJournal::open(std::size_t head) {
  os::Fd file = open_private(path_.string(), O_WRONLY | O_APPEND);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) fail("cannot write " + path_.string());
  file_ = std::move(file);
  size_ = static_cast<std::size_t>(status.st_size);
  head_ = head;
}

void ObjectJournal::rewrite(std::size_t count, const EachObject& each, const std::string& cluster,
                            std::int64_t time) {
  lock();
  make_directory();  // somebody may have removed it meanwhile
  // One name, so that crashes leave one of it at most.
  const std::string path = path_.string() + ".new";
  std::size_t size = 0;
  try {
    os::Fd file = open_private(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC);
    std::string text;
    const auto flush = [&] {
      if (!write_all(file, text)) fail("cannot write " + path);
      size += text.size();
      text.clear();
    };
    append_head(text, source_, count, cluster, time);
    each([&](const core::Object& object) {
      append_object(text, object);
      if (text.size() >= written_at_once) flush();
    });
    flush();
    if (fsync(file.get()) != 0) fail("cannot write " + path);
    if (rename(path.c_str(), path_.c_str()) != 0) fail("cannot replace " + path_.string());
    file_ = std::move(file);
  } catch (const core::Error&) {
    unlink(path.c_str());  // what it holds may be what there is no room for
    throw;
  }
  head_ = size_ = size;
  unlink(outdated().c_str());
  os::sync_directory(path_.parent_path());
}

void ObjectJournal::append(const core::ObjectChanges& changes, std::int64_t time) {
  std::string text;
  for (const auto& [id, object] : changes) {
    if (object) {
      append_object(text, *object);
    } else {
      append_deletion(text, id);
    }
  }
  RecordLine line(text);
  text += R"({"time":)" + std::to_string(time) + '}';
  line.end();
  struct stat status {};
  if (fstat(file_.get(), &status) == 0 && status.st_nlink == 0) {
    throw core::Error(core::Error::Kind::transient, path_.string() + " was removed");
  }
  if (!write_all(file_, text)) {
    const int reason = errno;
    // Half a change is a damaged line for whoever reads it.
    static_cast<void>(!ftruncate(file_.get(), static_cast<off_t>(size_)));
    errno = reason;
    fail("cannot write " + path_.string());
  }
  size_ += text.size();
}

bool ObjectJournal::overgrown() const { return size_ - head_ > std::max(head_, least_growth); }

void ObjectJournal::retire() {
  if (rename(path_.c_str(), outdated().c_str()) != 0) fail("cannot rename " + path_.string());
}

std::filesystem::path ObjectJournal::outdated() const { return path_.string() + ".outdated"; }

void ObjectJournal::remove() {
  lock();
  for (const auto& file : files(path_)) {
    if (unlink(file.c_str()) != 0) fail("cannot remove " + file.string());
  }
}

std::vector<std::filesystem::path> ObjectJournal::files(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const char* ending : {"", ".new", ".outdated", ".corrupt", ".lock"}) {
    const std::filesystem::path file = path.string() + ending;
    if (!path.empty() && std::filesystem::exists(file, ignored)) found.push_back(file);
  }
  if (path.empty()) return found;
  const std::string newer = path.filename().string() + ".version-";
  for (std::filesystem::directory_iterator at(path.parent_path(), ignored), end;
       !ignored && at != end; at.increment(ignored)) {
    if (at->path().filename().string().starts_with(newer)) found.push_back(at->path());
  }
  return found;
}

void ObjectJournal::set_aside(const std::string& ending) {
  const std::string aside = path_.string() + ending;
  if (rename(path_.c_str(), aside.c_str()) != 0) fail("cannot rename " + path_.string());
  os::sync_directory(path_.parent_path());
}

}  // namespace kube
