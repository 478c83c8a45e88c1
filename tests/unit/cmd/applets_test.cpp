#include "cmd/applets.hpp"

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::applets_test {

namespace {

// What the applets below were last called with.
std::vector<std::string> called;

int record(int argc, char** argv) {
  called.assign(argv + 1, argv + argc);
  return 0;
}

constexpr cmd::Applet applets[] = {
    {"edge", "records", record},
    {"mapping", "records", record},
    {"cni", "records", record},
    {"broken", "fails",
     [](int, char**) -> int { throw core::Error(core::Error::Kind::permanent, "disk on fire"); }},
    {"misused", "fails",
     [](int, char**) -> int { throw core::Error(core::Error::Kind::usage, "no such option"); }},
};

int run(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return cmd::run_applet(applets, static_cast<int>(words.size()), argv.data());
}

}  // namespace

TEST_CASE("an applet is chosen by the name of the program, then by the first word") {
  const std::vector<std::string> arguments = {"--watch", "x"};
  const auto words =
      GENERATE(std::vector<std::string>{"pona", "edge"}, std::vector<std::string>{"pona-edge"},
               std::vector<std::string>{"/opt/bin/pona-edge"},
               std::vector<std::string>{"/opt/pona-mapping/pona", "edge"},
               std::vector<std::string>{"pona-1.2", "edge"});
  called.clear();
  std::vector<std::string> all = words;
  all.insert(all.end(), arguments.begin(), arguments.end());
  CHECK(run(all) == 0);
  CHECK(called == arguments);
}

TEST_CASE("without a word, who is called with CNI_COMMAND is the CNI plugin") {
  const std::vector<std::string> untouched = {"untouched"};
  called = untouched;
  setenv("CNI_COMMAND", "VERSION", 1);
  CHECK(run({"/opt/cni/bin/pona"}) == 0);
  CHECK(called.empty());
  CHECK(run({"pona", "mapping", "x"}) == 0);
  CHECK(called == std::vector<std::string>{"x"});
  unsetenv("CNI_COMMAND");
  called = untouched;
  CHECK(run({"/opt/cni/bin/pona-cni"}) == 0);
  CHECK(called.empty());
}

TEST_CASE("what an applet throws becomes its exit status") {
  CHECK(run({"pona", "broken"}) == 1);
  CHECK(run({"pona", "misused"}) == 2);
}

TEST_CASE("an unknown applet is a usage error that names the nearest") {
  const auto answer = [](const std::string& word) {
    const std::ostringstream caught;
    std::streambuf* const terminal = std::cerr.rdbuf(caught.rdbuf());
    const int status = run({"pona", word, "x"});
    std::cerr.rdbuf(terminal);
    CHECK(status == 2);
    return caught.str();
  };
  called = {"untouched"};
  CHECK(answer("egde") == "pona: there is no applet \"egde\"; did you mean \"edge\"?\n");
  CHECK(answer("mappings") == "pona: there is no applet \"mappings\"; did you mean \"mapping\"?\n");
  CHECK(answer("diag") == "pona: there is no applet \"diag\"; \"pona --help\" lists them\n");
  CHECK(answer("") == "pona: there is no applet \"\"; \"pona --help\" lists them\n");
  CHECK(called == std::vector<std::string>{"untouched"});
}

}  // namespace unit::applets_test
