#include "cmd/print.hpp"

#include <sstream>

#include "cmd/serve/text_table.hpp"
#include "support/catch.hpp"

namespace unit::print_test {

TEST_CASE("what is printed as a line is one line, and nothing for the terminal to obey") {
  std::ostringstream out;
  cmd::print_line(out, "rejected: \x1b]0;title\a\nFORGED line");
  CHECK(out.str() == "rejected: ?]0;title? FORGED line\n");
}

TEST_CASE("lines stay lines, and a last one without an end too") {
  for (const char* text : {"", "\n", "one", "one\n", "one\n\ntwo\n", "one\ntwo"}) {
    std::ostringstream out;
    cmd::print_lines(out, text);
    CHECK(out.str() == text);
  }
  std::ostringstream out;
  cmd::print_lines(out, "a\x1b[2J\n\u202e\x07\nc\r");
  CHECK(out.str() == "a?[2J\n??\nc ");
}

TEST_CASE("a marked line has its word in colour, and is printable all the same") {
  const auto printed = [](std::string_view text, std::string_view sgr) {
    std::ostringstream out;
    cmd::print_marked(out, text, "FAIL", sgr);
    return out.str();
  };
  CHECK(printed("FAIL  a\x1b[2J\n", "1;31") == "\x1b[1;31mFAIL\x1b[0m  a?[2J \n");
  CHECK(printed("FAIL  a", "") == "FAIL  a\n");
  CHECK(printed("WARN  a", "1;31") == "WARN  a\n");
}

TEST_CASE("columns line up whatever letters they hold, and rows may be short") {
  std::ostringstream out;
  cmd::print_table(out,
                   {{"NAME", "STATE"}, {"größe", "up"}, {"x\x1b[31my\nz", "down", "more"}, {"-"}});
  CHECK(out.str() ==
        "NAME       STATE\n"
        "größe      up\n"
        "x?[31my z  down   more\n"
        "-\n");
}

}  // namespace unit::print_test
