#include "core/packet/diagnosis/codes.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "core/packet/diagnosis/text.hpp"
#include "support/catch.hpp"

namespace unit::diagnosis_codes_test {

using namespace core::packet;

TEST_CASE("each code has a number and a name of its own, and words") {
  std::set<int> numbers;
  std::set<std::string_view> names;
  for (const Code& one : codes()) {
    INFO(one.number);
    CHECK(numbers.insert(one.number).second);
    CHECK(names.insert(one.name).second);
    CHECK(one.number >= 100);
    CHECK(one.number < 600);
    CHECK(!one.title.empty());
    CHECK(one.text.size() > 40);
    CHECK(find_code(one.number) == &one);
    CHECK(find_code(one.name) == &one);
  }
  CHECK(std::ranges::is_sorted(codes(), {}, &Code::number));
}

TEST_CASE("the spellings of a code") {
  const Code* const code = find_code(code::policy_drop);
  REQUIRE(code != nullptr);
  for (const char* const text : {"PONA-D104", "pona-d104", "Pona-D104", "D104", "d104", "104",
                                 "policy-drop", "Policy-Drop"}) {
    INFO(text);
    CHECK(find_code(std::string_view(text)) == code);
  }
  for (const char* const text : {"", "PONA-104", "D", "10", "1040", "policy", "D104 "}) {
    INFO(text);
    CHECK(find_code(std::string_view(text)) == nullptr);
  }
  CHECK(find_code(999) == nullptr);
  CHECK(code_text(104) == "PONA-D104");
  CHECK(headline(104).starts_with("PONA-D104 policy-drop: "));
  CHECK(headline(999) == "PONA-D999");
}

TEST_CASE("a code is explained in lines of the width") {
  for (const Code& one : codes()) {
    const auto lines = explain(one.number, 60);
    REQUIRE(lines.size() > 2);
    CHECK(lines.front() == headline(one.number));
    CHECK(lines.at(1).empty());
    for (std::size_t i = 1; i < lines.size(); ++i) CHECK(lines[i].size() <= 60);
  }
}

TEST_CASE("exit statuses") {
  using Result = Trace::Result;
  CHECK(exit_status(Result::ok) == 0);
  CHECK(exit_status(Result::fail) == 1);
  CHECK(exit_status(Result::inconclusive) == 3);
  CHECK(exit_status(Result::differs) == 4);
  CHECK(exit_status(Result::unprivileged) == 5);
  CHECK(to_string(Result::ok) == "ok");
  CHECK(to_string(Result::unprivileged) == "unprivileged");
}

// A code that nothing gives promises an answer that nobody gets.
TEST_CASE("something gives each code") {
  const std::string sources = std::string(PONA_TEST_DATA) + "/../../src/";
  std::string text;
  for (const char* const file :
       {"core/packet/diagnosis/judge.cpp", "core/packet/diagnosis/judge_dead_end.cpp",
        "core/packet/diagnosis/judge_live.cpp", "core/packet/diagnosis/judge_reply.cpp",
        "core/packet/diagnosis/judge_rules.cpp", "cmd/diag/promise.cpp"}) {
    std::ifstream stream(sources + file);
    REQUIRE(stream);
    text += std::string(std::istreambuf_iterator<char>(stream), {});
  }
  std::set<std::string> never;
  std::ifstream header(sources + "core/packet/diagnosis/codes.hpp");
  const std::string begin = "inline constexpr int ";
  for (std::string line; std::getline(header, line);) {
    if (!line.starts_with(begin)) continue;
    const std::string name = line.substr(begin.size(), line.find(' ', begin.size()) - begin.size());
    if (text.find("code::" + name) == std::string::npos) never.insert(name);
  }
  CHECK(never == std::set<std::string>{});
}

}  // namespace unit::diagnosis_codes_test
