#include "core/packet/choices.hpp"

#include "core/packet/rules/jhash.hpp"
#include "support/catch.hpp"

namespace unit::packet_choices_test {

using core::packet::Choices;
using core::packet::Fork;

namespace {

Fork balancing(std::size_t options) { return {Fork::Kind::balancing, "b", options, {}}; }
Fork assumption() { return {Fork::Kind::assumption, "a", 2, {}}; }

// All ways through a fork of 3 of which the second leads to another one of 2.
std::vector<std::string> walks(std::size_t most) {
  std::vector<std::string> all;
  std::optional<std::vector<std::size_t>> script{std::in_place};
  while (script) {
    Choices choices(*script);
    (void)choices.choose(assumption());
    const std::size_t first = choices.choose(balancing(3));
    std::string way = std::to_string(first);
    if (first == 1) way += std::to_string(choices.choose(balancing(2)));
    all.push_back(way);
    script = choices.next(Fork::Kind::balancing, most);
  }
  return all;
}

}  // namespace

TEST_CASE("each way is walked once") {
  CHECK(walks(10) == std::vector<std::string>{"0", "10", "11", "2"});
  CHECK(walks(2) == std::vector<std::string>{"0", "10", "11"});
  CHECK(walks(1) == std::vector<std::string>{"0"});
}

TEST_CASE("a script that does not fit takes the first way") {
  Choices choices({7, 1});
  CHECK(choices.choose(balancing(2)) == 0);
  CHECK(choices.choose(balancing(2)) == 1);
  CHECK(choices.choose(balancing(0)) == 0);
  CHECK(choices.taken().size() == 3);
  CHECK(choices.taken()[1].option == 1);
}

TEST_CASE("the hash is Bob Jenkins'") {
  using core::packet::jhash;
  const std::string text = "Four score and seven years ago";
  const core::packet::Bytes bytes(text.begin(), text.end());
  // The values that his lookup3.c names.
  CHECK(jhash(bytes, 0) == 0x17770551);
  CHECK(jhash(bytes, 1) == 0xcd628161);
  CHECK(jhash({}, 0) == 0xdeadbeef);
  CHECK(jhash({}, 0xdeadbeef) == 0xbd5b7dde);
  CHECK(core::packet::scaled(0xffffffff, 10) == 9);
  CHECK(core::packet::scaled(0, 10) == 0);
}

}  // namespace unit::packet_choices_test
