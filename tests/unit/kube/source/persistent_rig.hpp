// A source with a memory, the processes that use it, and its file.
#pragma once

#include "kube/source/persistent_source.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <sstream>
#include <utility>

#include "kube/source/joined_source.hpp"
#include "support/catch.hpp"
#include "support/random_objects.hpp"
#include "support/temporary.hpp"

namespace unit::persistent {

using namespace std::chrono_literals;
using namespace core;

// What a test has it say.
class Told : public kube::Source {
 public:
  [[nodiscard]] int wake_fd() const override { return wake_; }
  ObjectChanges take() override { return std::exchange(changes, {}); }
  [[nodiscard]] bool synced() const override { return whole; }
  [[nodiscard]] std::vector<kube::Problem> problems() const override { return {}; }
  [[nodiscard]] std::size_t ignored() const override { return 0; }
  [[nodiscard]] std::string cluster_uid() const override { return cluster; }

  Told() = default;
  ~Told() override { close(wake_); }

  void put(Object object) {
    auto pointer = std::make_shared<const Object>(std::move(object));
    changes[{kind_of(*pointer), name_of(*pointer)}] = pointer;
  }
  void remove(const ObjectId& id) { changes[id] = nullptr; }

  ObjectChanges changes;
  bool whole = false;
  std::string cluster;

 private:
  int wake_ = eventfd(0, EFD_CLOEXEC);  // never rings: these tests do not wait for it
};

inline Service service(const std::string& name, std::uint16_t port = 80) {
  Service result;
  result.name = {"shop", name};
  result.ports = {{"http", port, Protocol::tcp, 0}};
  return result;
}

inline ObjectId id(const std::string& name) { return {Kind::service, {"shop", name}}; }

// One process' life: a source over `told`, and what its owner has been given.
struct Process {
  explicit Process(const std::filesystem::path& file, bool read_only = false,
                   std::chrono::milliseconds retry = 30s, const std::string& server = "https://a",
                   std::int64_t booted = 0) {
    auto source = std::make_unique<Told>();
    told = source.get();
    kube::Memory memory;
    memory.file = file;
    memory.source = server;
    memory.read_only = read_only;
    memory.retry = retry;
    memory.booted = booted;
    memory.clock.unix_seconds = [] { return std::int64_t{1'700'000'000}; };
    remembered = kube::remember(std::move(source), std::move(memory));
  }

  ObjectChanges take() {
    ObjectChanges changes = remembered->take();
    for (const auto& [key, object] : changes) {
      if (object) {
        objects.insert_or_assign(key, *object);
      } else {
        objects.erase(key);
      }
    }
    return changes;
  }
  void wait() {
    pollfd fd{remembered->wake_fd(), POLLIN, 0};
    REQUIRE(poll(&fd, 1, 10000) == 1);
  }
  [[nodiscard]] std::string problems() const {
    std::string text;
    for (const auto& problem : remembered->problems()) {
      text += problem.where + ": " + problem.reason + '\n';
    }
    return text;
  }

  Told* told;
  std::unique_ptr<kube::Source> remembered;
  std::map<ObjectId, Object> objects;
};

struct Fixture {
  support::Temporary directory;
  std::filesystem::path file = directory.path() / "state" / "objects.journal";

  void write(const std::string& text) const { std::ofstream(file, std::ios::binary) << text; }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << std::ifstream(file, std::ios::binary).rdbuf();
    return out.str();
  }
  // A process that had a complete look at these.
  void save(const std::vector<Service>& services) const {
    Process process(file);
    for (const Service& each : services) process.told->put(each);
    process.told->whole = true;
    process.take();
    REQUIRE(process.problems().empty());
  }
};

}  // namespace unit::persistent
