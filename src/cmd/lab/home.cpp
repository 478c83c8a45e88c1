#include "cmd/lab/home.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "cmd/lab/hints.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

namespace fs = std::filesystem;

// The mark of a lab that made /run/netns, and so removes it.
constexpr const char* made_netns_directory = "made-run-netns";

[[noreturn]] void fail(const std::string& message) {
  throw core::Error(core::Error::Kind::permanent, message);
}

std::vector<std::string> entries(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

bool valid_name(const std::string& name) {
  return !name.empty() && name.size() <= 40 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

}  // namespace

std::string LabHome::default_base() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (access("/run", W_OK) != 0 && runtime != nullptr && *runtime != '\0') {
    return std::string(runtime) + "/pona-lab";
  }
  return "/run/pona-lab";
}

std::vector<std::string> LabHome::names(const std::string& base) {
  std::vector<std::string> found = entries(base);
  std::erase_if(found, [](const std::string& name) { return !valid_name(name); });
  return found;
}

LabHome::LabHome(const std::string& base, std::string name)
    : name_(std::move(name)), path_(fs::path(base) / name_) {
  if (!valid_name(name_)) {
    throw core::Error(core::Error::Kind::usage,
                      "\"" + name_ + "\" is not a name for a lab: 1 to 40 of a-z, 0-9 and -");
  }
}

LabHome::LabHome(LabHome&& other) noexcept
    : name_(std::move(other.name_)),
      path_(std::move(other.path_)),
      lock_(std::move(other.lock_)),
      owned_(std::exchange(other.owned_, false)),
      lasting_(other.lasting_),
      kept_(other.kept_),
      open_(std::move(other.open_)) {}

LabHome LabHome::create(const std::string& base, const std::string& name, bool lasting) {
  LabHome lab(base, name);
  lab.lasting_ = lasting;
  std::error_code error;
  fs::create_directories(base, error);
  const bool made = !error && fs::create_directory(lab.path_, error);
  if (error) {
    const bool refused = error == std::errc::permission_denied;
    fail("cannot make " + lab.path_.string() + ": " + error.message() +
         (refused ? "; a lab that stays needs root: try sudo" : ""));
  }
  if (!made) {
    fail("there is a lab \"" + name +
         "\" already: " + told("pona lab down", {"", lab_options(base, name)}) + " removes it");
  }
  lab.owned_ = true;
  for (const char* part : {"netns", "processes", "logs", "manifests"}) {
    fs::create_directory(lab.path_ / part);
  }
  // Waits: who just looks whether it is locked holds the lock for a moment.
  if (!lab.lock(LOCK_EX)) fail("cannot lock " + (lab.path_ / "lock").string());
  return lab;
}

LabHome LabHome::open(const std::string& base, const std::string& name) {
  std::string chosen = name;
  if (chosen.empty()) {
    const std::vector<std::string> all = names(base);
    if (all.empty()) {
      fail("no lab is up: start one with " + told("pona lab up", {"", lab_options(base, "")}));
    }
    if (all.size() > 1) {
      throw core::Error(core::Error::Kind::usage,
                        "there are several labs: choose with --lab one of " + joined(all));
    }
    chosen = all.front();
  }
  LabHome lab(base, chosen);
  if (!fs::is_directory(lab.path_)) fail("there is no lab \"" + chosen + "\"");
  return lab;
}

LabHome::~LabHome() {
  if (!owned_ || kept_) return;
  try {
    remove();
  } catch (const std::exception& error) {
    print_line(std::cerr,
               "pona lab: cannot clean up: " + std::string(error.what()) + "; try again with " +
                   told("pona lab down", {"", lab_options(path_.parent_path().string(), name_)}));
  }
}

bool LabHome::lock(int operation) {
  if (lock_) return true;
  os::Fd fd(::open((path_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd || flock(fd.get(), operation) != 0) return false;
  lock_ = std::move(fd);
  return true;
}

bool LabHome::owned_by_other() const {
  if (lock_) return false;
  const os::Fd fd(::open((path_ / "lock").c_str(), O_RDWR | O_CLOEXEC));
  return fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
}

void LabHome::remove() {
  if (!lock(LOCK_EX | LOCK_NB)) {
    fail("the lab \"" + name_ + "\" is still running: stop its pona lab run first (Ctrl-C)");
  }
  // Not SIGTERM: a NAT pod would drain first. What they made is in the namespaces and goes with
  // them.
  for (const std::string& process : processes()) end(process, SIGKILL);
  for (const std::string& name : namespaces()) remove_namespace(name);
  std::error_code error;
  const bool made = fs::exists(path_ / made_netns_directory, error);
  fs::remove_all(path_, error);
  if (error) fail("cannot remove " + path_.string() + ": " + error.message());
  // Both go only when empty; a mount point never does.
  if (path_.parent_path().filename() == "pona-lab") fs::remove(path_.parent_path(), error);
  if (made) fs::remove("/run/netns", error);
}

void LabHome::remove_namespace(const std::string& name) {
  const fs::path path = path_ / "netns" / name;
  std::error_code error;
  if (fs::read_symlink(seen_as(name), error) == path) fs::remove(seen_as(name), error);
  open_.erase(name);
  net::Namespace::remove(path);
}

fs::path LabHome::seen_as(const std::string& name) const {
  return fs::path("/run/netns") / ("pona-lab-" + name_ + "-" + name);
}

void LabHome::add_namespace(const std::string& name) {
  const fs::path path = path_ / "netns" / name;
  open_.emplace(name, net::Namespace::create(path));
  // A convenience only: without it ip netns does not list it, and everything else works.
  std::error_code error;
  if (fs::create_directory("/run/netns", error)) std::ofstream(path_ / made_netns_directory);
  fs::create_symlink(path, seen_as(name), error);
}

const net::Namespace& LabHome::at(const std::string& name) const {
  if (const auto found = open_.find(name); found != open_.end()) return found->second;
  const std::vector<std::string> all = namespaces();
  if (std::ranges::find(all, name) == all.end()) {
    throw core::Error(core::Error::Kind::usage,
                      "the lab \"" + name_ + "\" has no \"" + name + "\": it has " + joined(all));
  }
  return open_.emplace(name, net::Namespace::open(path_ / "netns" / name)).first->second;
}

std::vector<std::string> LabHome::namespaces() const { return entries(path_ / "netns"); }

void LabHome::start(const std::string& process, const std::string& where,
                    std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pona");
  const Process started =
      cmd::start(at(where), {std::move(arguments), path_ / "logs" / (process + ".log"), lasting_});
  std::ofstream file(path_ / "processes" / process);
  if (!(file << to_string(started) << '\n' << std::flush)) {
    cmd::end(started, SIGKILL);
    fail("cannot write " + (path_ / "processes" / process).string());
  }
}

std::optional<Process> LabHome::recorded(const std::string& process) const {
  std::ifstream file(path_ / "processes" / process);
  return parse_process(std::string(std::istreambuf_iterator<char>(file), {}));
}

void LabHome::end(const std::string& process, int signal) {
  if (const auto known = recorded(process)) cmd::end(*known, signal);
  std::error_code error;
  fs::remove(path_ / "processes" / process, error);
}

void LabHome::send(const std::string& process, int signal) const {
  if (const auto known = recorded(process)) cmd::send(*known, signal);
}

bool LabHome::running(const std::string& process) const {
  const auto known = recorded(process);
  return known && cmd::running(*known);
}

std::vector<std::string> LabHome::processes() const { return entries(path_ / "processes"); }

std::string LabHome::log_tail(const std::string& process) const {
  constexpr std::size_t shown = 15;
  std::ifstream file(path_ / "logs" / (process + ".log"));
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (lines.size() > shown) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += "    " + line + '\n';
  return text;
}

}  // namespace cmd
