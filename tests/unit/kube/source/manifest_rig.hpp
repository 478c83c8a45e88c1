// A directory of manifests, and a source that reads it.
#pragma once

#include "kube/source/manifest_source.hpp"

#include <poll.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "kube/source/watched_directory.hpp"
#include "support/catch.hpp"

namespace unit::manifests {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

inline std::string service(const std::string& name, int port = 80) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         "}\nspec: {ports: [{port: " + std::to_string(port) + "}]}\n---\n";
}

inline void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

// What changes tell: "+a:80 -b".
inline std::string print(const core::ObjectChanges& changes) {
  std::string text;
  for (const auto& [id, object] : changes) {
    if (!text.empty()) text += ' ';
    text += (object ? '+' : '-') + id.name.name;
    if (object) {
      for (const auto& port : std::get<core::Service>(*object).ports) {
        text += ':' + std::to_string(port.port);
      }
    }
  }
  return text;
}

inline std::string print(const std::vector<kube::Problem>& problems) {
  std::string text;
  for (const auto& problem : problems) {
    text += fs::path(problem.where).filename().string() + ": " + problem.reason + '\n';
  }
  return text;
}

class Tree {
 public:
  Tree() {
    std::string name = (fs::temp_directory_path() / "pona-manifests-XXXXXX").string();
    top_ = mkdtemp(name.data());
    root_ = top_ / "m";
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(top_, ignored);
  }

  [[nodiscard]] const fs::path& root() const { return root_; }
  [[nodiscard]] const fs::path& top() const { return top_; }
  [[nodiscard]] fs::path path(const std::string& name) const { return root_ / name; }

  // Opens the source over what is there by now.
  std::string open() {
    source_ = kube::open_manifests({root_});
    return print(source_->take());
  }
  kube::Source& source() { return *source_; }

  // What is to be had within `limit`; it returns with the first news.
  std::string take(std::chrono::milliseconds limit = 5s) {
    const auto until = Clock::now() + limit;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      pollfd wake{source_->wake_fd(), POLLIN, 0};
      if (left < 0 || poll(&wake, 1, static_cast<int>(left)) <= 0) return {};
      const std::string changes = print(source_->take());
      if (!changes.empty()) return changes;
    }
  }
  // Nothing happens to the objects for longer than any delay that is built in.
  bool still() { return take(200ms).empty(); }

  // Lets everything that is under way come in; for news that are problems only.
  std::string problems() {
    take(200ms);
    return print(source_->problems());
  }

 private:
  fs::path top_;
  fs::path root_;
  std::unique_ptr<kube::Source> source_;
};

class Manifests : public Tree {
 public:
  Manifests() { fs::create_directory(root()); }
};

}  // namespace unit::manifests
