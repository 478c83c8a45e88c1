#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "cmd/lab/edge/manifests.hpp"
#include "cmd/lab/edge/network.hpp"
#include "cmd/lab/hints.hpp"
#include "cmd/lab/home.hpp"
#include "cmd/lab/kind.hpp"
#include "cmd/lab/process.hpp"
#include "cmd/lab/report.hpp"
#include "cmd/lab/traffic.hpp"
#include "cmd/lab/user_namespace.hpp"
#include "core/error.hpp"
#include "kube/source/manifest_source.hpp"
#include "support/catch.hpp"

namespace unit::lab_test {

namespace {

namespace fs = std::filesystem;

class Directory {
 public:
  Directory() {
    std::string pattern = fs::temp_directory_path() / "lab-test-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { fs::remove_all(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

core::ObjectChanges read(const fs::path& directory, std::vector<kube::Problem>& problems) {
  const auto source = kube::open_manifests({.directory = directory});
  core::ObjectChanges objects = source->take();
  problems = source->problems();
  return objects;
}

}  // namespace

TEST_CASE("lab: process stat is read past a command that imitates its fields") {
  const auto stat = cmd::parse_stat(
      "4711 (a) Z 1 2) S 1 4711 4711 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 1 1\n");
  REQUIRE(stat);
  CHECK(stat->state == 'S');
  CHECK(stat->started == 987654);
  CHECK_FALSE(cmd::parse_stat("4711 (a) S 1 2 3"));
  CHECK_FALSE(cmd::parse_stat(""));
}

TEST_CASE("lab: processes are recognised by number and start time") {
  const cmd::Process process{4711, 987654};
  CHECK(cmd::parse_process(cmd::to_string(process)) == process);
  CHECK_FALSE(cmd::parse_process(""));
  CHECK_FALSE(cmd::parse_process("4711"));
  CHECK_FALSE(cmd::parse_process("1 5"));
  CHECK_FALSE(cmd::parse_process("-1 5"));
  CHECK_FALSE(cmd::running({getpid(), 1}));
}

TEST_CASE("lab: a process that took another's number is not ended") {
  // Would end this test if it looked at the number alone.
  cmd::end({getpid(), 1}, SIGKILL);
  SUCCEED();
}

TEST_CASE("1.25: who may make no user namespace is told what forbids it and what to do") {
  const std::string text = cmd::no_user_namespace(EPERM);
  CHECK(text.find("Operation not permitted") != std::string::npos);
  CHECK(text.find("kernel.apparmor_restrict_unprivileged_userns=0") != std::string::npos);
  CHECK(text.find("sudo") != std::string::npos);
}

TEST_CASE("1.25: commands to type name the lab that is meant, and only where that is needed") {
  const std::string usual = cmd::LabHome::default_base();
  CHECK(cmd::lab_options(usual, "").empty());
  CHECK(cmd::lab_options(usual, "two") == "--lab two");
  CHECK(cmd::lab_options("/srv/labs", "") == "--dir /srv/labs");
  CHECK(cmd::lab_options("/srv/my labs", "two") == "--dir '/srv/my labs' --lab two");
  const cmd::LabHint hint{"/srv/labs/two", "--dir /srv/labs --lab two"};
  CHECK(cmd::told("pona lab get -n 5 http://203.0.113.10/", hint) ==
        "pona lab get --dir /srv/labs --lab two -n 5 http://203.0.113.10/");
  CHECK(cmd::told("pona lab takeover", hint) == "pona lab takeover --dir /srv/labs --lab two");
  CHECK(cmd::told("pona lab exec nat1 -- pona nat --manifests {lab}/manifests", hint) ==
        "pona lab exec --dir /srv/labs --lab two nat1 -- pona nat --manifests "
        "/srv/labs/two/manifests");
  CHECK(cmd::told("cat {lab}/logs/{lab}", {"/run/pona-lab/it's", ""}) ==
        "cat '/run/pona-lab/it'\\''s'/logs/'/run/pona-lab/it'\\''s'");
}

TEST_CASE("lab: URLs") {
  struct Row {
    const char* text;
    const char* peer;  // nullptr: refused
    const char* path;
  };
  const Row row = GENERATE(values<Row>({
      {"http://203.0.113.10/", "203.0.113.10:80", "/"},
      {"http://203.0.113.10", "203.0.113.10:80", "/"},
      {"http://203.0.113.10:81/name", "203.0.113.10:81", "/name"},
      {"http://[2001:db8:2::10]/", "[2001:db8:2::10]:80", "/"},
      {"tcp://[2001:db8:2::10]:7", "[2001:db8:2::10]:7", "/"},
      {"udp://203.0.113.10:7", "203.0.113.10:7", "/"},
      {"tcp://203.0.113.10", nullptr, nullptr},
      {"http://2001:db8:2::10/", nullptr, nullptr},
      {"http://[203.0.113.10]/", nullptr, nullptr},
      {"http://203.0.113.10:0/", nullptr, nullptr},
      {"http://203.0.113.10:http/", nullptr, nullptr},
      {"http://example.com/", nullptr, nullptr},
      {"ftp://203.0.113.10/", nullptr, nullptr},
      {"http", nullptr, nullptr},
      {"203.0.113.10", nullptr, nullptr},
  }));
  CAPTURE(row.text);
  const auto url = cmd::parse_url(row.text);
  REQUIRE(url.has_value() == (row.peer != nullptr));
  if (!url) return;
  CHECK(to_string(url->peer) == row.peer);
  CHECK(url->path == row.path);
}

TEST_CASE("lab: HTTP replies") {
  const auto ok = cmd::parse_http("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npod1\n");
  REQUIRE(ok);
  CHECK(ok->ok());
  CHECK(ok->text == "pod1");
  const auto busy = cmd::parse_http("HTTP/1.1 503 Service Unavailable\r\n\r\nnot yet\n");
  REQUIRE(busy);
  CHECK(busy->error == "HTTP status 503");
  CHECK(busy->text == "not yet");
  CHECK_FALSE(cmd::parse_http("HTTP/1.1 200 OK\r\n"));
  CHECK_FALSE(cmd::parse_http("pod1 sees 198.51.100.10\n"));
  CHECK_FALSE(cmd::parse_http(""));
}

TEST_CASE("lab: its manifests are what pona edge reads, without a complaint") {
  const Directory directory;
  cmd::write_manifests(directory.path(), cmd::edge_manifests());
  std::vector<kube::Problem> problems;
  const core::ObjectChanges objects = read(directory.path(), problems);
  CHECK(problems.empty());
  CHECK(objects.size() == 6);

  const auto web = objects.find({core::Kind::mapping, {"shop", "web"}});
  REQUIRE(web != objects.end());
  const auto& mapping = std::get<core::Mapping>(*web->second);
  CHECK(mapping.preserve_client_ip == true);
  CHECK(mapping.addresses.size() == 3);
  CHECK(mapping.ports.size() == 3);
  const auto office = objects.find({core::Kind::mapping, {"shop", "office"}});
  REQUIRE(office != objects.end());
  CHECK(std::get<core::Mapping>(*office->second).allowed_sources ==
        std::vector{*core::Prefix::parse("198.51.100.20/32")});
}

TEST_CASE("lab: endpoints leave and come back by their manifests") {
  const Directory directory;
  std::vector<kube::Problem> problems;
  const auto addresses = [&](const std::vector<std::string_view>& names) {
    cmd::write_manifests(directory.path(), cmd::endpoint_manifests(names));
    std::size_t count = 0;
    for (const auto& [id, object] : read(directory.path(), problems)) {
      count += std::get<core::EndpointSlice>(*object).endpoints.size();
    }
    return count;
  };
  CHECK(addresses({"pod1", "pod2", "pod3"}) == 6);
  CHECK(addresses({"pod2"}) == 2);
  CHECK(addresses({}) == 0);
  CHECK(problems.empty());
}

TEST_CASE("lab: a step that saw something else says what, and fails the run") {
  cmd::RunReport run;
  run.lab = "run-1";
  cmd::StepReport& step = run.steps.emplace_back();
  step.name = "allow";
  step.shows = "one is let in";
  step.repeat = {"pona lab get http://203.0.113.10:8443/"};
  step.seen = {"198.51.100.10: no answer"};
  step.took = std::chrono::milliseconds(1234);
  step.expect(true, "not shown", "not shown");
  CHECK(run.ok());
  step.expect(false, "an answer", "no answer");
  CHECK_FALSE(run.ok());
  CHECK(cmd::to_text(step, cmd::Paint(false)) ==
        "    198.51.100.10: no answer\n"
        "    expected: an answer\n"
        "    seen:     no answer\n"
        "    $ pona lab get http://203.0.113.10:8443/\n"
        "    FAILED  1.23 s\n\n");
  const auto json = nlohmann::json::parse(cmd::to_json(run));
  CHECK(json["ok"] == false);
  CHECK(json["steps"][0]["milliseconds"] == 1234);
  CHECK(json["steps"][0]["failures"][0]["expected"] == "an answer");
}

TEST_CASE("lab: colours only where they are asked for") {
  CHECK(cmd::Paint(false).good("ok") == "ok");
  CHECK(cmd::Paint(true).good("ok") == "\033[32mok\033[0m");
}

TEST_CASE("lab: every step has a name of its own, a sentence and a command") {
  for (const cmd::LabKind* kind : cmd::lab_kinds()) {
    CAPTURE(kind->name);
    std::set<std::string_view> names;
    for (const cmd::LabStep& step : kind->steps) {
      CHECK(names.insert(step.name).second);
      CHECK_FALSE(step.shows.empty());
      CHECK_FALSE(step.repeat.empty());
    }
    CHECK_FALSE(names.empty());
  }
}

TEST_CASE("lab: a lab is found by name, or as the only one") {
  const Directory directory;
  const std::string base = directory.path() / "pona-lab";
  CHECK_THROWS_AS(cmd::LabHome::open(base, ""), core::Error);
  CHECK_THROWS_AS(cmd::LabHome::create(base, "../evil", false), core::Error);
  CHECK_THROWS_AS(cmd::LabHome::create(base, "", false), core::Error);
  {
    cmd::LabHome one = cmd::LabHome::create(base, "one", false);
    CHECK(cmd::LabHome::open(base, "").name() == "one");
    CHECK(cmd::LabHome::open(base, "one").owned_by_other());
    CHECK_THROWS_AS(cmd::LabHome::open(base, "one").remove(), core::Error);
    CHECK_THROWS_AS(cmd::LabHome::create(base, "one", false), core::Error);
    cmd::LabHome two = cmd::LabHome::create(base, "two", false);
    CHECK_THROWS_AS(cmd::LabHome::open(base, ""), core::Error);
    two.keep();
  }
  CHECK(cmd::LabHome::names(base) == std::vector<std::string>{"two"});
  cmd::LabHome::open(base, "two").remove();
  CHECK_FALSE(fs::exists(base));
}

}  // namespace unit::lab_test
