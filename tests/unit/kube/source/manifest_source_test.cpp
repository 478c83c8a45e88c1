// The directory source against real directories, with the steps that editors, shells, rsync and the
// kubelet take. Waiting is by poll(2) on the source's descriptor.
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

namespace unit::manifest_source_test {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::string service(const std::string& name, int port = 80) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         "}\nspec: {ports: [{port: " + std::to_string(port) + "}]}\n---\n";
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

// What changes tell: "+a:80 -b".
std::string print(const core::ObjectChanges& changes) {
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

std::string print(const std::vector<kube::Problem>& problems) {
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

}  // namespace

TEST_CASE_METHOD(Manifests, "the first look gives everything at any depth, and syncs") {
  fs::create_directories(path("x/y/z"));
  write(path("a.yaml"), service("a") + service("b"));
  write(path("x/y/z/c.yml"), service("c"));
  write(path("x/d.json"),
        R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"d"},"spec":{}})");
  write(path("x/pod.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n");
  for (const auto* const name : {".e.yaml", "e.yaml~", ".e.yaml.swp", "#e.yaml#", ".#e.yaml",
                                 "e.txt", "e.yaml.bak", "x/.e.yml"}) {
    write(path(name), service("e"));
  }
  fs::create_directory(path(".git"));
  write(path(".git/e.yaml"), service("e"));
  CHECK(open() == "+a:80 +b:80 +c:80 +d");
  CHECK(source().synced());
  CHECK(source().problems().empty());
  CHECK(source().ignored() == 1);
  CHECK(still());
}

TEST_CASE_METHOD(Manifests, "of the kinds in it, those are read that are asked for") {
  write(path("a.yaml"), service("a") + "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n");
  kube::ManifestOptions options;
  options.directory = root();
  options.kinds = {core::Kind::pod};
  const auto source = kube::open_manifests(options);
  const core::ObjectChanges changes = source->take();
  REQUIRE(changes.size() == 1);
  CHECK(changes.begin()->first == core::ObjectId{core::Kind::pod, {"default", "p"}});
  CHECK(source->ignored() == 1);
}

TEST_CASE_METHOD(Manifests, "nothing is synced before the first take") {
  auto source = kube::open_manifests({root()});
  CHECK_FALSE(source->synced());
  pollfd wake{source->wake_fd(), POLLIN, 0};
  CHECK(poll(&wake, 1, 1000) == 1);
  source->take();
  CHECK(source->synced());
}

TEST_CASE_METHOD(Manifests, "a written file is live within 100 ms, and only what changed") {
  write(path("a.yaml"), service("a") + service("b"));
  CHECK(open() == "+a:80 +b:80");
  write(path("a.yaml"), service("a") + service("b", 81));
  const auto written = Clock::now();
  CHECK(take() == "+b:81");
  CHECK(Clock::now() - written < 100ms);
  write(path("a.yaml"), "# the same again\n" + service("a") + service("b", 81));
  CHECK(still());
  write(path("new.yaml"), service("c"));
  CHECK(take() == "+c:80");
  write(path("a.yaml"), service("b", 81));
  CHECK(take() == "-a");
  fs::remove(path("a.yaml"));
  const auto removed = Clock::now();
  CHECK(take() == "-b");
  CHECK(Clock::now() - removed < 100ms);
}

TEST_CASE_METHOD(Manifests, "editors that replace the file never take the objects away") {
  write(path("a.yaml"), service("a"));
  CHECK(open() == "+a:80");
  SECTION("by renaming over it") {
    write(path("a.yaml.tmp"), service("a", 81));
    fs::rename(path("a.yaml.tmp"), path("a.yaml"));
  }
  SECTION("by moving it away first") {
    fs::rename(path("a.yaml"), path("a.yaml~"));
    CHECK(take(20ms).empty());
    write(path("a.yaml"), service("a", 81));
    fs::remove(path("a.yaml~"));
  }
  SECTION("by deleting it first") {
    fs::remove(path("a.yaml"));
    CHECK(take(20ms).empty());
    write(path("a.yaml"), service("a", 81));
  }
  SECTION("by a link in its place") {
    write(path("version-2"), service("a", 81));
    fs::remove(path("a.yaml"));
    fs::create_symlink("version-2", path("a.yaml"));
  }
  SECTION("by a hard link") {
    write(path("version-2"), service("a", 81));
    fs::remove(path("a.yaml"));
    fs::create_hard_link(path("version-2"), path("a.yaml"));
  }
  CHECK(take() == "+a:81");
  CHECK(still());
  CHECK(source().problems().empty());
}

TEST_CASE_METHOD(Manifests,
                 "a file that is written but not closed gives what it has, takes nothing") {
  write(path("a.yaml"), service("a") + service("b"));
  CHECK(open() == "+a:80 +b:80");
  std::ofstream writer(path("a.yaml"));
  CHECK(still());  // it is empty now
  writer << service("a", 81) << std::flush;
  const auto flushed = Clock::now();
  CHECK(take() == "+a:81");
  CHECK(Clock::now() - flushed < 100ms);
  CHECK(still());
  writer.close();
  CHECK(take() == "-b");
}

TEST_CASE_METHOD(Manifests, "a bad document costs only itself and keeps its last good version") {
  write(path("a.yaml"), service("a") + service("b") + service("c"));
  CHECK(open() == "+a:80 +b:80 +c:80");
  SECTION("when it does not validate") {
    write(path("a.yaml"), service("a", 81) + service("b", 0) + service("c", 81));
    CHECK(take() == "+a:81 +c:81");
    CHECK(problems() ==
          "a.yaml:9: Service default/b: spec.ports[0].port: 0 is not in the range 1 to 65535; the "
          "last good version stays in effect\n");
    write(path("a.yaml"), service("a", 81) + service("c", 81));
    CHECK(take() == "-b");
  }
  SECTION("when it does not parse") {
    write(path("a.yaml"), service("a", 81) + "kind: [\n---\n" + service("c", 81));
    CHECK(take() == "+a:81 +c:81");
    CHECK(problems() ==
          "a.yaml:7: not YAML: did not find expected node content while parsing a flow node; the "
          "last good version stays in effect\n");
    write(path("a.yaml"), service("a", 81) + "kind: [\n");
    CHECK(still());
    write(path("a.yaml"), service("a", 81) + service("b", 82));
    CHECK(take() == "+b:82 -c");
  }
  SECTION("until the file is removed") {
    write(path("a.yaml"), "{");
    CHECK(still());
    CHECK_FALSE(source().problems().empty());
    fs::remove(path("a.yaml"));
    CHECK(take() == "-a -b -c");
  }
  CHECK(print(source().problems()).empty());
}

TEST_CASE_METHOD(Manifests, "of two definitions the first by file name counts") {
  write(path("b.yaml"), service("a", 2));
  CHECK(open() == "+a:2");
  write(path("a.yaml"), "# two lines\n" + service("a", 1));
  CHECK(take() == "+a:1");
  CHECK(print(source().problems()) == "b.yaml:1: Service default/a: defined before in " +
                                          path("a.yaml").string() +
                                          ":2, which counts; remove one\n");
  write(path("c.yaml"), service("a", 3));
  CHECK(still());
  fs::remove(path("a.yaml"));
  CHECK(take() == "+a:2");
  fs::remove(path("c.yaml"));
  fs::remove(path("b.yaml"));
  CHECK(take() == "-a");
  CHECK(source().problems().empty());
}

TEST_CASE_METHOD(Manifests, "within a file the first definition counts") {
  write(path("a.yaml"), service("a", 1) + service("a", 2));
  CHECK(open() == "+a:1");
  CHECK(print(source().problems()).starts_with("a.yaml:6: Service default/a: defined before in "));
}

TEST_CASE_METHOD(Manifests, "directories come, move and go") {
  CHECK(open().empty());
  CHECK(source().synced());
  fs::create_directories(top() / "staged/deep");
  write(top() / "staged/deep/a.yaml", service("a"));
  fs::rename(top() / "staged", path("in"));
  CHECK(take() == "+a:80");
  write(path("in/deep/b.yaml"), service("b"));
  CHECK(take() == "+b:80");
  fs::create_directories(path("x/y"));
  write(path("x/y/c.yaml"), service("c"));
  CHECK(take() == "+c:80");
  fs::rename(path("in"), path("elsewhere"));
  CHECK(still());
  write(path("elsewhere/deep/b.yaml"), service("b", 81));
  CHECK(take() == "+b:81");
  fs::rename(path("elsewhere"), top() / "out");
  CHECK(take() == "-a -b");
  write(top() / "out/deep/a.yaml", service("a"));
  CHECK(still());
  fs::remove_all(path("x"));
  CHECK(take() == "-c");
}

TEST_CASE_METHOD(Tree, "the directory's appearance is waited for") {
  CHECK(open().empty());
  CHECK_FALSE(source().synced());
  CHECK(print(source().problems()) ==
        "m: the directory of manifests does not exist: waiting for it\n");
  SECTION("made empty, then filled") {
    fs::create_directory(root());
    write(path("a.yaml"), service("a"));
  }
  SECTION("moved into place") {
    fs::create_directory(top() / "n");
    write(top() / "n/a.yaml", service("a"));
    fs::rename(top() / "n", root());
  }
  SECTION("as a link") {
    fs::create_directory(top() / "n");
    write(top() / "n/a.yaml", service("a"));
    fs::create_symlink("n", root());
  }
  CHECK(take() == "+a:80");
  CHECK(source().synced());
  CHECK(source().problems().empty());
}

TEST_CASE("directories above may be missing, too") {
  Tree tree;
  auto source = kube::open_manifests({tree.root() / "x/y"});
  source->take();
  fs::create_directories(tree.root() / "x/y");
  write(tree.root() / "x/y/a.yaml", service("a"));
  const auto until = Clock::now() + 5s;
  std::string changes;
  while (changes.empty() && Clock::now() < until) {
    pollfd wake{source->wake_fd(), POLLIN, 0};
    poll(&wake, 1, 100);
    changes = print(source->take());
  }
  CHECK(changes == "+a:80");
}

TEST_CASE_METHOD(Manifests, "the directory is removed with its files and made again") {
  write(path("a.yaml"), service("a"));
  CHECK(open() == "+a:80");
  fs::remove_all(root());
  CHECK(take() == "-a");
  CHECK(source().synced());
  CHECK(source().problems().size() == 1);
  fs::create_directory(root());
  write(path("a.yaml"), service("a", 81));
  CHECK(take() == "+a:81");
  CHECK(source().problems().empty());
}

TEST_CASE_METHOD(Manifests, "a directory that is only moved away keeps its objects in effect") {
  write(path("a.yaml"), service("a"));
  write(path("b.yaml"), service("b"));
  CHECK(open() == "+a:80 +b:80");
  fs::rename(root(), top() / "away");
  CHECK(still());
  CHECK(print(source().problems()) ==
        "m: the directory of manifests does not exist: waiting for it; what was read before stays "
        "in effect\n");
  fs::remove(top() / "away/b.yaml");
  fs::rename(top() / "away", root());
  CHECK(take() == "-b");
}

TEST_CASE_METHOD(Manifests, "a ConfigMap's files follow its swap") {
  // As the kubelet does it: everything through ..data, which is replaced by rename.
  fs::create_directory(path("..1"));
  write(path("..1/a.yaml"), service("a"));
  write(path("..1/b.yaml"), service("b"));
  fs::create_symlink("..1", path("..data"));
  fs::create_symlink("..data/a.yaml", path("a.yaml"));
  fs::create_symlink("..data/b.yaml", path("b.yaml"));
  CHECK(open() == "+a:80 +b:80");
  fs::create_directory(path("..2"));
  write(path("..2/a.yaml"), service("a", 81));
  write(path("..2/c.yaml"), service("c"));
  fs::create_symlink("..data/c.yaml", path("c.yaml"));
  fs::create_symlink("..2", path("..data_tmp"));
  fs::rename(path("..data_tmp"), path("..data"));
  const auto swapped = Clock::now();
  CHECK(take() == "+a:81 +c:80");
  CHECK(Clock::now() - swapped < 100ms);
  fs::remove(path("b.yaml"));
  fs::remove_all(path("..1"));
  CHECK(take() == "-b");
  CHECK(source().problems().empty());
}

TEST_CASE_METHOD(Manifests, "links are followed, not around in circles") {
  fs::create_directory(top() / "other");
  write(top() / "other/a.yaml", service("a"));
  fs::create_directory(path("sub"));
  fs::create_symlink("..", path("sub/up"));
  fs::create_symlink(top() / "other", path("other"));
  fs::create_symlink(top() / "other", path("other-again"));
  write(top() / "single", service("b"));
  fs::create_symlink("../single", path("b.yaml"));
  CHECK(open() == "+a:80 +b:80");
  CHECK(source().problems().empty());
  write(top() / "other/a.yaml", service("a", 81));
  CHECK(take() == "+a:81");
  write(top() / "single", service("b", 81));
  CHECK(take() == "+b:81");
  write(top() / "single.new", service("b", 82));
  fs::rename(top() / "single.new", top() / "single");
  CHECK(take() == "+b:82");
  fs::remove(top() / "single");
  CHECK(still());
  CHECK(problems() ==
        "b.yaml: the link leads nowhere: No such file or directory; what was read from it before "
        "stays in effect\n");
  fs::remove(path("b.yaml"));
  CHECK(take() == "-b");
}

TEST_CASE_METHOD(Manifests, "what cannot be read removes nothing") {
  write(path("a.yaml"), service("a"));
  fs::create_directory(path("sub"));
  write(path("sub/b.yaml"), service("b"));
  fs::permissions(top(), fs::perms(0755));
  // Root may read anything: whoever runs the tests as root is nobody while files are looked at.
  const auto nobody = [](auto look) {
    const bool root = geteuid() == 0;
    if (root) setfsuid(65534);
    const auto seen = look();
    if (root) setfsuid(0);
    return seen;
  };
  CHECK(nobody([&] { return open(); }) == "+a:80 +b:80");
  CHECK(source().synced());
  const auto [locked, message] = GENERATE(table<std::string, std::string>({
      {"a.yaml",
       "a.yaml: cannot be read: Permission denied; what was read before stays in effect\n"},
      {"sub",
       "sub: cannot be listed: Permission denied; what was read from it before stays in effect\n"},
  }));
  fs::permissions(path(locked), fs::perms::none);
  CHECK(nobody([&] { return still(); }));
  CHECK(print(source().problems()) == message);
  CHECK(nobody([&] { return open(); }) == (locked == "sub" ? "+a:80" : "+b:80"));
  CHECK_FALSE(source().synced());
  fs::permissions(path(locked), fs::perms(0755));
  CHECK(nobody([&] { return take(); }) == (locked == "sub" ? "+b:80" : "+a:80"));
  CHECK(source().synced());
  CHECK(source().problems().empty());
}

TEST_CASE_METHOD(Manifests, "what is no longer a file is gone") {
  write(path("a.yaml"), service("a"));
  CHECK(open() == "+a:80");
  fs::remove(path("a.yaml"));
  REQUIRE(mkfifo(path("a.yaml").c_str(), 0600) == 0);
  CHECK(take() == "-a");
}

TEST_CASE_METHOD(Manifests, "an overflowing event queue loses nothing") {
  for (int i = 0; i < 100; ++i) {
    write(path("f" + std::to_string(i) + ".yaml"), service("s" + std::to_string(i), 1));
  }
  open();
  // Two events for each write, and the kernel keeps 16384 by default.
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  int queue = 16384;
  limit >> queue;
  if (queue > 100'000) return;
  for (int i = 0; i < queue / 2 + 200; ++i) {
    write(path("f" + std::to_string(i % 50) + ".yaml"), service("s", 1));
  }
  fs::remove(path("f99.yaml"));
  write(path("f98.yaml"), service("s98", 2));
  std::string all;
  for (std::string changes = take(); !changes.empty(); changes = take(200ms)) all += changes + ' ';
  CHECK(all.find("-s99") != std::string::npos);
  CHECK(all.find("+s98:2") != std::string::npos);
  CHECK(all.find("-s49") != std::string::npos);
}

TEST_CASE("names of manifests") {
  CHECK(kube::is_manifest_name("a.yaml"));
  CHECK(kube::is_manifest_name("a.yml"));
  CHECK(kube::is_manifest_name("a.json"));
  for (const auto* const name :
       {".a.yaml", "a.yaml~", "#a.yaml#", ".#a.yaml", "a.yaml.swp", "a", "yaml", "..data"}) {
    CHECK_FALSE(kube::is_manifest_name(name));
  }
}

}  // namespace unit::manifest_source_test
