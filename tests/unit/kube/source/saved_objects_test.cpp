// The file of saved objects: whose it is, and what is read of one that is cut or damaged.
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
#include "kube/source/saved_objects.hpp"
#include "kube/source/saved_record.hpp"
#include "support/catch.hpp"
#include "support/random_objects.hpp"
#include "support/temporary.hpp"
#include "unit/kube/source/persistent_rig.hpp"

namespace unit::saved_objects_test {

using namespace unit::persistent;

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

namespace {

std::string record(const std::string& json) {
  std::string line;
  kube::RecordLine made(line);
  line += json;
  made.end();
  return line;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a line of a kind that is not known costs itself only") {
  save({service("web"), service("mail")});
  std::string text = this->text();
  // In the head, and after it.
  const std::size_t first = text.find('\n') + 1;
  const std::size_t second = text.find('\n', first) + 1;
  const std::string unknown =
      GENERATE(R"({"apiVersion":"v9","kind":"Gateway","spec":{}})",
               R"({"deleted":"Gateway","namespace":"shop","name":"x"})", R"({"something":"else"})");
  text.replace(first, second - first, record(unknown));
  text += record(unknown) + record(R"({"time":1700000009})");
  write(text);
  Process process(file);
  process.take();
  CHECK(process.remembered->synced());
  CHECK(process.objects.size() == 1);
  CHECK(process.problems().find("line 2 is of a kind that this version does not know") !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(file.string() + ".corrupt"));
}

TEST_CASE_METHOD(Fixture, "a file of a newer version is told as such, and kept for it") {
  std::filesystem::create_directories(file.parent_path());
  const std::string newer =
      record(R"({"format":"pona objects","version":7,"source":"https://a","what":"ever"})") +
      "whatever a later version writes\n";
  write(newer);
  Process process(file);
  process.take();
  CHECK_FALSE(process.remembered->synced());
  CHECK(process.problems().find("was written by a newer version of pona (version 7 of the format; "
                                "this one reads 1)") != std::string::npos);
  CHECK(process.problems().find("corrupt") == std::string::npos);
  const std::filesystem::path aside = file.string() + ".version-7";
  std::ostringstream kept;
  kept << std::ifstream(aside, std::ios::binary).rdbuf();
  CHECK(kept.str() == newer);
  process.told->put(service("web"));
  process.told->whole = true;
  process.take();
  CHECK(process.problems().empty());
  CHECK(std::filesystem::exists(aside));
  const auto files = kube::ObjectJournal::files(file);
  CHECK(std::ranges::find(files, aside) != files.end());
}

TEST_CASE_METHOD(Fixture, "whose objects they are is saved, and given to who opens the source") {
  const auto life = [&](const std::string& cluster, bool whole) {
    kube::Recalled seen;
    kube::Memory memory;
    memory.file = file;
    memory.source = "https://a";
    const auto remembered = kube::remember(
        [&](const kube::Recalled& recalled) {
          seen = recalled;
          auto source = std::make_unique<Told>();
          source->cluster = cluster;
          source->whole = whole;
          source->put(service("web"));
          return source;
        },
        std::move(memory));
    remembered->take();
    return seen;
  };
  CHECK(life("", true).cluster.empty());
  // It was not known then; what is not whole says nothing.
  CHECK(life("one", true).objects.size() == 1);
  CHECK(life("two", false).cluster == "one");
  CHECK(life("one", true).cluster == "one");
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

}  // namespace unit::saved_objects_test
