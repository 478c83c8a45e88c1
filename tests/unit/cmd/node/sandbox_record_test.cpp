#include "cmd/node/sandbox_record.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::sandbox_record_test {

namespace {

cmd::Sandbox sandbox(const std::string& container = "0a1b") {
  return {.container = container,
          .interface = "eth0",
          .netns = "/var/run/netns/x",
          .cookie = "18446744073709551615",
          .pod = {"shop", "web-0"},
          .uid = "77aa",
          .addresses = {*core::Address::parse("10.1.2.3"), *core::Address::parse("fd00::3")},
          .network = "pods"};
}

std::vector<std::string> names(const std::filesystem::path& directory) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    found.push_back(entry.path().filename());
  }
  return found;
}

}  // namespace

TEST_CASE("a sandbox is one line of JSON that reads back") {
  const std::string text = cmd::to_json(sandbox());
  CHECK(text == R"({"containerID":"0a1b","ifName":"eth0","netns":"/var/run/netns/x",)"
                R"("netnsCookie":"18446744073709551615",)"
                R"("pod":{"namespace":"shop","name":"web-0","uid":"77aa"},)"
                R"("addresses":["10.1.2.3","fd00::3"],"network":"pods"})");
  CHECK(cmd::parse_sandbox(text) == sandbox());
  CHECK(cmd::parse_sandbox("{\"later\": 1, " + text.substr(1)) == sandbox());
}

TEST_CASE("a sandbox needs no more than its container and interface") {
  const auto bare = cmd::parse_sandbox(R"({"containerID":"c","ifName":"eth0"})");
  REQUIRE(bare);
  CHECK(bare->pod == core::ObjectName{});
  CHECK(bare->cookie.empty());
}

TEST_CASE("what is no sandbox is nothing") {
  const std::string text =
      GENERATE("", "[]", "{", "{}", R"({"containerID":"c"})",
               R"({"containerID":"../c","ifName":"eth0","netns":"/x"})",
               R"({"containerID":"c","ifName":"a/b","netns":"/x"})",
               R"({"containerID":1,"ifName":"eth0","netns":"/x"})",
               R"({"containerID":"c","ifName":"eth0","netns":"/x","pod":"y"})",
               R"({"containerID":"c","ifName":"eth0","netns":"/x","addresses":["10.0.0.0/8"]})",
               R"({"containerID":"c","ifName":"eth0","netns":"/x","addresses":"10.0.0.1"})");
  CHECK_FALSE(cmd::parse_sandbox(text));
}

TEST_CASE("names that would leave the directory are no names") {
  CHECK(cmd::is_container_id("cri-o_1.2"));
  CHECK(cmd::is_interface_name("eth0.100"));
  for (const char* bad : {"", ".x", "a/b", "a:b", "a b", "-x", "ü"}) {
    CHECK_FALSE(cmd::is_container_id(bad));
  }
  CHECK_FALSE(cmd::is_container_id(std::string(201, 'a')));
  for (const char* bad : {"", ".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-letters-"}) {
    CHECK_FALSE(cmd::is_interface_name(bad));
  }
}

TEST_CASE("a record is put, found, replaced and removed, and nothing else is left") {
  const support::Temporary directory;
  const auto path = directory.path() / "run" / "sandboxes";
  const cmd::SandboxStore store(path);
  CHECK(store.all().empty());
  CHECK_FALSE(store.find("0a1b", "eth0"));
  store.remove("0a1b", "eth0");

  store.put(sandbox());
  store.put(sandbox("b"));
  CHECK(store.all() == std::vector{sandbox(), sandbox("b")});
  cmd::Sandbox moved = sandbox();
  moved.netns = "/var/run/netns/y";
  store.put(moved);
  CHECK(store.find("0a1b", "eth0") == moved);
  CHECK(names(path).size() == 2);
  struct stat status {};
  REQUIRE(stat((path / cmd::file_name(moved)).c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);

  store.remove("0a1b", "eth0");
  CHECK(store.all() == std::vector{sandbox("b")});
  store.remove("b", "eth0");
  CHECK(names(path).empty());
}

TEST_CASE("what a killed plugin left is no record, and does not last") {
  const support::Temporary directory;
  const cmd::SandboxStore store(directory.path());
  static_cast<void>(directory.write(".0a1b:eth0.json", "{\"contai"));
  CHECK(store.all().empty());
  store.put(sandbox());
  CHECK(names(directory.path()) == std::vector<std::string>{"0a1b:eth0.json"});
  static_cast<void>(directory.write(".0a1b:eth0.json", "{\"contai"));
  store.remove("0a1b", "eth0");
  CHECK(names(directory.path()).empty());
}

TEST_CASE("a broken record is named and left alone, and hides no other") {
  const support::Temporary directory;
  const cmd::SandboxStore store(directory.path());
  store.put(sandbox());
  const std::string broken = directory.write("c:eth0.json", "{");
  static_cast<void>(directory.write("e:eth0.json", R"({"containerID":"e","ifName":"eth0"})"));
  const std::string renamed = directory.write("d:eth0.json", cmd::to_json(sandbox()));
  static_cast<void>(directory.write("README", "not ours"));
  std::vector<std::string> complaints;
  CHECK(store.all([&](const std::string& text) { complaints.push_back(text); }) ==
        std::vector{sandbox()});
  REQUIRE(complaints.size() == 3);
  CHECK(complaints[0].starts_with(broken + " is not a record of pona-cni"));
  CHECK(complaints[1].starts_with(renamed));
  CHECK(names(directory.path()).size() == 5);
}

TEST_CASE("a state directory that cannot be made is an error with its name") {
  const support::Temporary directory;
  const cmd::SandboxStore store(directory.write("file", "") + "/sandboxes");
  CHECK_THROWS_AS(store.put(sandbox()), core::Error);
}

TEST_CASE("one namespace has one cookie") {
  const net::Namespace own = net::Namespace::open("/proc/self/ns/net");
  std::string cookie;
  try {
    cookie = cmd::netns_cookie(own);
  } catch (const core::Error&) {
    return;  // entering a namespace, even the own one, needs root
  }
  CHECK(cookie.find_first_not_of("0123456789") == std::string::npos);
  CHECK(cookie == cmd::netns_cookie(own));
}

TEST_CASE("whatever lies where a record should be holds nobody up") {
  const support::Temporary directory;
  const cmd::SandboxStore store(directory.path());
  store.put(sandbox());
  const auto at = [&](const std::string& name) { return (directory.path() / name).string(); };
  REQUIRE(mkfifo(at("pipe:eth0.json").c_str(), 0600) == 0);
  REQUIRE(mkdir(at("directory:eth0.json").c_str(), 0700) == 0);
  REQUIRE(symlink("/dev/zero", at("endless:eth0.json").c_str()) == 0);
  std::ofstream(at("large:eth0.json")) << std::string(1 << 20, ' ');
  std::ofstream(at("deep:eth0.json")) << std::string(60'000, '[');

  for (const char* name : {"pipe", "directory", "endless", "large", "deep"}) {
    CHECK_FALSE(store.find(name, "eth0"));
  }
  std::vector<std::string> complaints;
  CHECK(store.all([&](const std::string& text) { complaints.push_back(text); }) ==
        std::vector{sandbox()});
  CHECK(complaints.size() == 5);
}

TEST_CASE("the records' directory is nobody else's to write to, whatever the umask is") {
  const support::Temporary directory;
  const mode_t before = umask(0);
  cmd::SandboxStore(directory.path() / "run" / "sandboxes").put(sandbox());
  umask(before);
  for (const char* made : {"run", "run/sandboxes"}) {
    struct stat status {};
    REQUIRE(stat((directory.path() / made).c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0755);
  }
}

}  // namespace unit::sandbox_record_test
