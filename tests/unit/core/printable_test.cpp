#include "core/printable.hpp"

#include <string>

#include "support/catch.hpp"

namespace unit::printable_test {

using core::printable;

TEST_CASE("texts of people stay as they are") {
  for (const char* text : {"", "shop/web", "größe €5 日本 🙂", "two  blanks", "a\u00a0b"}) {
    CHECK(printable(text) == text);
  }
}

TEST_CASE("what terminals obey, or readers are misled by, is a question mark") {
  CHECK(printable("a\x1b[2Jb\nc\rd\te\x7f") == "a?[2Jb c d e?");
  // C1: a control sequence introducer of one character.
  CHECK(printable("\u009b2J\u0085x") == "?2J?x");
  CHECK(printable("\u202egnp.exe\u2066\u2069\u200e\u200f\u061c\u2028\u2029") == "?gnp.exe???????");
  CHECK(printable(std::string("a\0b", 3)) == "a?b");
}

TEST_CASE("what is not UTF-8 is replaced, byte by byte") {
  CHECK(printable("a\xff\xc3") == "a\ufffd\ufffd");
  CHECK(printable("\xc0\x80") == "\ufffd\ufffd");            // overlong
  CHECK(printable("\xed\xa0\x80") == "\ufffd\ufffd\ufffd");  // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\ufffd\ufffd\ufffd\ufffd");
}

TEST_CASE("a long text is cut between characters") {
  CHECK(printable("aéé", 3) == "aé…");
  CHECK(printable("aéé", 4) == "aé…");
  CHECK(printable("aéé", 5) == "aéé");
  CHECK(printable("🙂", 3) == "…");
}

}  // namespace unit::printable_test
