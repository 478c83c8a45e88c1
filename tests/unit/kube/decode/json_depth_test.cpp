#include "kube/decode/json_depth.hpp"

#include <string>

#include "support/catch.hpp"

namespace unit::json_depth_test {

TEST_CASE("how deep a text is nested is known before it is parsed") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK_FALSE(kube::nested_too_deep(""));
  CHECK_FALSE(kube::nested_too_deep(nested(256)));
  CHECK(kube::nested_too_deep(nested(257)));
  CHECK(kube::nested_too_deep(std::string(300, '{')));
  CHECK_FALSE(kube::nested_too_deep("[" + std::string(1000, ']')));
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "{},";
  CHECK_FALSE(kube::nested_too_deep(wide + "{}]"));
  // In texts, with what ends them escaped, brackets are letters.
  CHECK_FALSE(kube::nested_too_deep("\"\\\"" + std::string(300, '[') + "\""));
  CHECK(kube::nested_too_deep("\"\\\\\"" + std::string(300, '[')));
}

}  // namespace unit::json_depth_test
