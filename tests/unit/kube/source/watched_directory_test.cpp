// What becomes of files and directories: moved, removed, linked, unreadable.
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
#include "unit/kube/source/manifest_rig.hpp"

namespace unit::watched_directory_test {

using namespace unit::manifests;

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
  CHECK(source().partial());
  fs::permissions(path(locked), fs::perms(0755));
  CHECK(nobody([&] { return take(); }) == (locked == "sub" ? "+b:80" : "+a:80"));
  CHECK(source().synced());
  CHECK_FALSE(source().partial());
  CHECK(source().problems().empty());
  // Its names can be listed, and what they are cannot be told.
  fs::permissions(path("sub"), fs::perms(0644));
  CHECK(nobody([&] { return open(); }) == "+a:80");
  CHECK_FALSE(source().synced());
  CHECK(source().partial());
  CHECK(print(source().problems()).starts_with("b.yaml: cannot be read: Permission denied"));
  fs::permissions(path("sub"), fs::perms(0755));
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

}  // namespace unit::watched_directory_test
