#include "cmd/agent/install_plugin.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "cmd/node/agent_protocol.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/temporary.hpp"

namespace unit::install_plugin_test {

namespace {

namespace fs = std::filesystem;

const cmd::ChainOptions options{std::string(cmd::default_agent_socket),
                                std::string(cmd::default_sandbox_directory)};
constexpr const char* list =
    R"({"cniVersion":"1.0.0","name":"pods","plugins":[{"type":"bridge"}]})";
constexpr const char* single = R"({"cniVersion":"1.0.0","name":"pods","type":"bridge"})";

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool joined(const fs::path& path) { return read(path).find("pona-cni") != std::string::npos; }

mode_t mode(const fs::path& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

// As the agent does, until the condition holds.
bool step_until(cmd::ConflistKeeper& keeper, const std::function<bool()>& condition) {
  constexpr int patience = 20'000;
  while (!condition()) {
    pollfd entry{.fd = keeper.fd(), .events = POLLIN, .revents = 0};
    if (poll(&entry, 1, patience) <= 0) return false;
    keeper.step();
  }
  return true;
}

}  // namespace

TEST_CASE("the keeper joins what is there and stays while others rewrite it") {
  const support::Temporary directory;
  const fs::path file = directory.write("10.conflist", list);
  fs::permissions(file, fs::perms(0600));
  cmd::ConflistKeeper keeper(directory.path(), options);
  CHECK(keeper.step() == std::vector<std::string>{"added pona-cni to 10.conflist"});
  CHECK(joined(file));
  CHECK(mode(file) == 0600);
  CHECK(keeper.problems().empty());

  // In place, in two pieces.
  {
    std::ofstream writer(file);
    writer << std::string(list).substr(0, 20) << std::flush;
    keeper.step();
    CHECK(read(file) == std::string(list).substr(0, 20));
    writer << std::string(list).substr(20);
  }
  CHECK(step_until(keeper, [&] { return joined(file); }));
  // By a rename.
  fs::rename(directory.write("new", list), file);
  CHECK(step_until(keeper, [&] { return joined(file); }));
  // Another one comes first.
  const fs::path first = directory.write("05.conflist", list);
  CHECK(step_until(keeper, [&] { return joined(first) && !joined(file); }));
  fs::remove(first);
  CHECK(step_until(keeper, [&] { return joined(file); }));
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("a directory that is made, replaced or removed is followed") {
  const support::Temporary parent;
  const fs::path directory = parent.path() / "cni" / "net.d";
  cmd::ConflistKeeper keeper(directory, options);
  keeper.step();
  CHECK(keeper.problems().size() == 1);
  static_cast<void>(parent.write("cni/net.d/10.conflist", list));
  CHECK(step_until(keeper, [&] { return joined(directory / "10.conflist"); }));
  CHECK(keeper.problems().empty());
  fs::rename(directory, parent.path() / "old");
  CHECK(step_until(keeper, [&] { return fs::exists(directory); }));
  static_cast<void>(parent.write("cni/net.d/20.conflist", list));
  CHECK(step_until(keeper, [&] { return joined(directory / "20.conflist"); }));
}

TEST_CASE("a broken file is complained of until it is whole") {
  const support::Temporary directory;
  const fs::path file = directory.write("10.conflist", "{");
  cmd::ConflistKeeper keeper(directory.path(), options);
  CHECK(keeper.step().empty());
  REQUIRE(keeper.problems().size() == 1);
  CHECK(keeper.problems()[0].starts_with(file.string() + ": is not JSON"));
  CHECK(read(file) == "{");
  static_cast<void>(directory.write("10.conflist", list));
  CHECK(step_until(keeper, [&] { return joined(file); }));
  CHECK(keeper.problems().empty());
}

TEST_CASE("a list for a single plugin is as private as what it holds") {
  const support::Temporary directory;
  const fs::path file = directory.write("10.conf", single);
  fs::permissions(file, fs::perms(0640));
  cmd::ConflistKeeper keeper(directory.path(), options);
  keeper.step();
  CHECK(joined(directory.path() / "10-pona.conflist"));
  CHECK(mode(directory.path() / "10-pona.conflist") == 0640);
  CHECK(read(file) == single);
}

TEST_CASE("after the keeper's end all is as before, whoever put it there") {
  const support::Temporary directory;
  static_cast<void>(directory.write("10.conf", single));
  cmd::ConflistKeeper(directory.path(), options).step();
  static_cast<void>(directory.write("05.conflist", list));
  cmd::ConflistKeeper keeper(directory.path(), options);
  CHECK(keeper.uninstall() == std::vector<std::string>{"removed 10-pona.conflist"});
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 2);
  keeper.step();
  CHECK(joined(directory.path() / "05.conflist"));
  CHECK(keeper.uninstall() == std::vector<std::string>{"took pona-cni out of 05.conflist"});
  CHECK(keeper.uninstall().empty());
  CHECK_FALSE(joined(directory.path() / "05.conflist"));
}

TEST_CASE("a program that undoes everything is not fought without a pause, and named") {
  const support::Temporary directory;
  const fs::path file = directory.path() / "10.conflist";
  cmd::ConflistKeeper keeper(directory.path(), options);
  const auto told = [&] {
    return !keeper.problems().empty() &&
           keeper.problems()[0] ==
               file.string() + ": another program undoes what pona's agent does to it";
  };
  const bool named = step_until(keeper, [&] {
    if (told()) return true;
    static_cast<void>(directory.write("10.conflist", list));
    keeper.step();
    return told();
  });
  CHECK(named);
  CHECK(step_until(keeper, [&] { return joined(file); }));  // it does not give up either
  CHECK(keeper.problems().empty());
}

TEST_CASE("the plugin is the running program under two names") {
  const support::Temporary directory;
  const fs::path bin = directory.path() / "cni" / "bin";
  cmd::install_plugin(bin);
  const fs::path running = fs::read_symlink("/proc/self/exe");
  CHECK(fs::file_size(bin / "pona") == fs::file_size(running));
  CHECK(mode(bin / "pona") == 0755);
  CHECK(fs::read_symlink(bin / "pona-cni") == "pona");

  SECTION("a second time nothing is written") {
    const auto before = fs::last_write_time(bin / "pona");
    cmd::install_plugin(bin);
    CHECK(fs::last_write_time(bin / "pona") == before);
  }
  SECTION("an old one is replaced") {
    static_cast<void>(directory.write("cni/bin/pona", "old"));
    fs::remove(bin / "pona-cni");
    static_cast<void>(directory.write("cni/bin/pona-cni", "old"));
    cmd::install_plugin(bin);
    CHECK(fs::file_size(bin / "pona-cni") == fs::file_size(running));
  }
  SECTION("a link is replaced, not followed") {
    const fs::path other = directory.write("other", "foreign");
    fs::remove(bin / "pona");
    fs::create_symlink(other, bin / "pona");
    cmd::install_plugin(bin);
    CHECK(read(other) == "foreign");
    CHECK_FALSE(fs::is_symlink(bin / "pona"));
  }
  CHECK(std::distance(fs::directory_iterator(bin), {}) == 2);
  cmd::remove_plugin(bin);
  CHECK(fs::is_empty(bin));
  cmd::remove_plugin(bin);
  CHECK_THROWS_AS(cmd::install_plugin(directory.write("file", "")), core::Error);
}

}  // namespace unit::install_plugin_test
