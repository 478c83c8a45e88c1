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

namespace unit::persistent_source_test {

using namespace std::chrono_literals;
using namespace core;

namespace {

// What a test has it say.
class Told : public kube::Source {
 public:
  [[nodiscard]] int wake_fd() const override { return wake_; }
  ObjectChanges take() override { return std::exchange(changes, {}); }
  [[nodiscard]] bool synced() const override { return whole; }
  [[nodiscard]] std::vector<kube::Problem> problems() const override { return {}; }
  [[nodiscard]] std::size_t ignored() const override { return 0; }

  Told() = default;
  ~Told() override { close(wake_); }

  void put(Object object) {
    auto pointer = std::make_shared<const Object>(std::move(object));
    changes[{kind_of(*pointer), name_of(*pointer)}] = pointer;
  }
  void remove(const ObjectId& id) { changes[id] = nullptr; }

  ObjectChanges changes;
  bool whole = false;

 private:
  int wake_ = eventfd(0, EFD_CLOEXEC);  // never rings: these tests do not wait for it
};

Service service(const std::string& name, std::uint16_t port = 80) {
  Service result;
  result.name = {"shop", name};
  result.ports = {{"http", port, Protocol::tcp, 0}};
  return result;
}

ObjectId id(const std::string& name) { return {Kind::service, {"shop", name}}; }

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

}  // namespace

TEST_CASE_METHOD(Fixture, "a source that cannot be read: the saved objects are given, as stale") {
  save({service("web"), service("mail")});
  Process process(file);
  CHECK_FALSE(process.remembered->synced());  // nothing is given yet
  process.wait();
  process.take();
  CHECK(process.objects.size() == 2);
  CHECK(process.objects.at(id("web")) == Object(service("web")));
  CHECK(process.remembered->synced());
  CHECK(process.remembered->stale_since() == 1'700'000'000);
  CHECK(process.take().empty());
}

TEST_CASE_METHOD(Fixture, "without a file nothing is complete before the source is") {
  Process process(file);
  process.told->put(service("web"));
  process.take();
  CHECK_FALSE(process.remembered->synced());
  CHECK(process.remembered->stale_since() == std::nullopt);
  CHECK_FALSE(std::filesystem::exists(file));
  process.told->whole = true;
  process.take();
  CHECK(process.remembered->synced());
  CHECK(std::filesystem::exists(file));
}

TEST_CASE_METHOD(Fixture, "the source's first complete look takes away what it does not hold") {
  save({service("web"), service("mail"), service("old")});
  Process process(file);
  process.take();
  process.told->put(service("mail", 25));
  process.told->put(service("web"));
  CHECK(process.take().size() == 1);
  CHECK(process.objects.at(id("mail")) == Object(service("mail", 25)));
  CHECK(process.objects.contains(id("old")));
  CHECK(process.remembered->stale_since());
  process.told->whole = true;
  const ObjectChanges last = process.take();
  CHECK(last == ObjectChanges{{id("old"), nullptr}});
  CHECK(process.remembered->stale_since() == std::nullopt);
  CHECK(process.remembered->synced());

  Process next(file);
  next.take();
  CHECK(next.objects == process.objects);
}

TEST_CASE_METHOD(Fixture, "beside manifests both must be complete, and staleness is told") {
  save({service("web")});
  Process process(file);
  auto manifests = std::make_unique<Told>();
  Told* const told = manifests.get();
  const auto joined =
      kube::join(std::move(manifests), "the manifests", std::exchange(process.remembered, nullptr));
  CHECK(joined->take().size() == 1);
  CHECK_FALSE(joined->synced());
  told->whole = true;
  joined->take();
  CHECK(joined->synced());
  CHECK(joined->stale_since() == 1'700'000'000);
  process.told->whole = true;
  CHECK(joined->take().at(id("web")) == nullptr);
  CHECK_FALSE(joined->stale_since());
}

TEST_CASE_METHOD(Fixture, "what is as it was is no news and writes nothing") {
  save({service("web")});
  const std::string before = text();
  Process process(file);
  process.take();
  process.told->put(service("web"));
  process.told->whole = true;
  CHECK(process.take().empty());
  CHECK(text() == before);
}

TEST_CASE_METHOD(Fixture, "a change costs its own size, and many become a new head") {
  std::vector<Service> services;
  for (int i = 0; i < 1000; ++i) services.push_back(service("s" + std::to_string(i)));
  save(services);
  const std::size_t head = text().size();
  Process process(file);
  process.take();
  for (const Service& each : services) process.told->put(each);
  process.told->whole = true;
  process.take();
  process.told->put(service("s1", 81));
  process.take();
  CHECK(text().size() > head);
  CHECK(text().size() < head + 400);
  std::size_t largest = 0;
  for (int i = 0; i < 12000; ++i) {
    process.told->put(service("s1", static_cast<std::uint16_t>(1000 + i)));
    process.take();
    largest = std::max(largest, static_cast<std::size_t>(std::filesystem::file_size(file)));
  }
  CHECK(largest < head + (std::size_t{1} << 20) + 1000);
  Process next(file);
  next.take();
  CHECK(next.objects == process.objects);
}

TEST_CASE_METHOD(Fixture, "the file and its directory are the owner's alone") {
  const mode_t mask = umask(0);
  save({service("web")});
  umask(mask);
  for (const std::string name : {"objects.journal", "objects.journal.lock"}) {
    struct stat status {};
    REQUIRE(stat((file.parent_path() / name).c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
  }
  struct stat status {};
  REQUIRE(stat(file.parent_path().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
}

TEST_CASE_METHOD(Fixture, "wherever a crash cuts the journal, what was acted on is there") {
  save({service("web")});
  const std::size_t head = text().size();
  {
    Process process(file);
    process.take();
    process.told->put(service("web"));
    process.told->whole = true;
    process.take();
    process.told->put(service("mail"));
    process.take();
    process.told->put(service("web", 81));
    process.take();
    process.told->remove(id("mail"));
    process.take();
  }
  const std::string whole = text();
  for (std::size_t size = head; size <= whole.size(); ++size) {
    write(whole.substr(0, size));
    Process process(file);
    process.take();
    INFO(size);
    REQUIRE(process.remembered->synced());
    REQUIRE(process.objects.contains(id("web")));
    REQUIRE(process.problems().empty());
    const bool last = size == whole.size();
    if (last) CHECK(process.objects == std::map<ObjectId, Object>{{id("web"), service("web", 81)}});
    // The remains are gone: what is appended next can be read.
    process.told->put(service("next"));
    process.take();
    Process next(file, true);
    next.take();
    REQUIRE(next.objects == process.objects);
    REQUIRE(next.problems().empty());
  }
}

TEST_CASE_METHOD(Fixture,
                 "a file whose head is damaged anywhere is set aside, and nothing is lost") {
  save({service("web"), service("mail")});
  const std::string whole = text();
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    write(damaged);
    Process process(file);
    process.take();
    INFO(at);
    REQUIRE_FALSE(process.remembered->synced());
    REQUIRE(process.objects.empty());
    REQUIRE(process.problems().find("set aside") != std::string::npos);
    REQUIRE(std::filesystem::exists(file.string() + ".corrupt"));
    process.told->put(service("web"));
    process.told->whole = true;
    process.take();
    REQUIRE(process.problems().empty());
    Process next(file, true);
    next.take();
    REQUIRE(next.objects == process.objects);
  }
}

TEST_CASE_METHOD(Fixture, "a damaged line after the head costs itself only") {
  save({service("web")});
  Process process(file);
  process.take();
  for (const char* name : {"web", "one", "two", "three"}) {
    process.told->put(service(name));
    process.told->whole = true;
    process.take();
  }
  std::string damaged = text();
  damaged[damaged.find("\"two\"") + 1] = 'X';
  process.remembered.reset();
  write(damaged);
  Process next(file);
  next.take();
  CHECK(next.objects.size() == 3);
  CHECK(next.objects.contains(id("three")));
  CHECK(next.remembered->synced());
  CHECK(next.problems().find("damaged") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "texts that are no file of ours are set aside") {
  for (const std::string text : {"", "\n", "hello", "hello\n", "00000000 {}\n"}) {
    std::filesystem::create_directories(file.parent_path());
    write(text);
    Process process(file);
    process.take();
    CHECK_FALSE(process.remembered->synced());
    CHECK(process.problems().find("set aside") != std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture, "another server's objects are not used, and stay until ours are read") {
  save({service("web")});
  const std::string before = text();
  Process process(file, false, 30s, "https://b");
  process.take();
  CHECK_FALSE(process.remembered->synced());
  CHECK(process.objects.empty());
  CHECK(process.problems().find("https://a") != std::string::npos);
  CHECK(text() == before);
  process.told->whole = true;
  process.take();
  CHECK(process.problems().empty());
  CHECK(text() != before);
}

TEST_CASE_METHOD(Fixture, "of two processes the second saves nothing, until the first is gone") {
  save({service("web")});
  auto first = std::make_unique<Process>(file);
  first->take();
  const std::string before = text();
  Process second(file, false, 20ms);
  second.take();
  CHECK(second.remembered->synced());
  second.told->put(service("mail"));
  second.take();
  CHECK(second.problems().find("another process") != std::string::npos);
  CHECK(text() == before);
  first.reset();
  while (!second.problems().empty()) {
    second.wait();
    second.take();
  }
  Process next(file, true);
  next.take();
  CHECK(next.objects == second.objects);
}

TEST_CASE_METHOD(Fixture, "who only looks leaves no trace") {
  Process nothing(file, true);
  nothing.told->whole = true;
  nothing.take();
  CHECK_FALSE(std::filesystem::exists(file.parent_path()));
  save({service("web")});
  std::filesystem::remove(file.string() + ".lock");
  const std::string before = text();
  Process process(file, true);
  process.told->put(service("mail"));
  process.take();
  CHECK(process.objects.size() == 2);
  CHECK(text() == before);
  CHECK_FALSE(std::filesystem::exists(file.string() + ".lock"));
}

TEST_CASE_METHOD(Fixture, "a file that cannot be written is a problem, and mended by itself") {
  save({service("web")});
  Process process(file, false, 20ms);
  process.take();
  process.told->put(service("web"));
  process.told->whole = true;
  process.take();
  // What is full, to this process.
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit full{text().size() + 10, limit.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  const std::string before = text();
  process.told->put(service("mail"));
  CHECK(process.take().size() == 1);
  const std::string problems = process.problems();
  const std::string after = text();
  std::ostringstream retired_text;
  retired_text << std::ifstream(file.string() + ".outdated").rdbuf();
  const std::string retired = retired_text.str();
  {
    // A restart now must not take away what could not be saved; after a reboot it is better than
    // nothing.
    Process restarted(file, true);
    restarted.take();
    CHECK_FALSE(restarted.remembered->synced());
    CHECK(restarted.objects.empty());
    CHECK(restarted.problems().find("lacks the last changes") != std::string::npos);
    Process rebooted(file, true, 30s, "https://a", INT64_MAX);
    rebooted.take();
    CHECK(rebooted.remembered->synced());
    CHECK(rebooted.objects.size() == 1);
  }
  process.told->put(service("more"));
  CHECK(process.take().size() == 1);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHECK(problems.find("not saved") != std::string::npos);
  CHECK(after.empty());
  CHECK(retired == before);
  while (!process.problems().empty()) {
    process.wait();
    process.take();
  }
  CHECK_FALSE(std::filesystem::exists(file.string() + ".outdated"));
  Process next(file, true);
  next.take();
  CHECK(next.objects == process.objects);
}

TEST_CASE_METHOD(Fixture, "a file or directory that somebody removes comes back") {
  save({service("web")});
  Process process(file, false, 20ms);
  process.take();
  std::filesystem::remove_all(file.parent_path());
  process.told->put(service("mail"));
  process.take();
  while (!process.problems().empty()) {
    process.wait();
    process.take();
  }
  Process next(file, true);
  next.take();
  CHECK(next.objects == process.objects);
}

TEST_CASE_METHOD(Fixture, "after any changes, the file holds what was given") {
  std::mt19937 chance(11);
  const auto below = [&](std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(chance);
  };
  std::map<ObjectId, Object> objects;
  for (int life = 0; life < 30; ++life) {
    Process process(file);
    process.take();
    CHECK(process.objects == objects);
    // A new source has all of it again, or cannot be read at all.
    const bool reachable = life == 0 || below(3) != 0;
    for (const auto& [key, object] : process.objects) {
      if (reachable && below(5) != 0) process.told->put(object);
    }
    process.told->whole = reachable;
    for (int i = 0; i < 20; ++i) {
      const Object object = support::random_object(chance);
      if (below(3) != 0) {
        process.told->put(object);
      } else if (!process.objects.empty()) {
        process.told->remove(process.objects.begin()->first);
      }
      process.take();
    }
    objects = process.objects;
  }
}

}  // namespace unit::persistent_source_test
