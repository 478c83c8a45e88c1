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
#include "unit/kube/source/manifest_rig.hpp"

namespace unit::manifest_source_test {

using namespace unit::manifests;

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

TEST_CASE_METHOD(Manifests, "a written file is live at once, and only what changed") {
  write(path("a.yaml"), service("a") + service("b"));
  CHECK(open() == "+a:80 +b:80");
  write(path("a.yaml"), service("a") + service("b", 81));
  CHECK(take() == "+b:81");
  write(path("a.yaml"), "# the same again\n" + service("a") + service("b", 81));
  CHECK(still());
  write(path("new.yaml"), service("c"));
  CHECK(take() == "+c:80");
  write(path("a.yaml"), service("b", 81));
  CHECK(take() == "-a");
  fs::remove(path("a.yaml"));
  CHECK(take() == "-b");
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

}  // namespace unit::manifest_source_test
