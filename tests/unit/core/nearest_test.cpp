#include "core/nearest.hpp"

#include <array>

#include "support/catch.hpp"

namespace unit::nearest_test {

TEST_CASE("the nearest word is found if it is near enough") {
  constexpr std::array<std::string_view, 3> words = {"addresses", "serviceName", "ports"};
  CHECK(core::nearest("serviceNme", words) == "serviceName");
  CHECK(core::nearest("adresses", words) == "addresses");
  CHECK(core::nearest("port", words) == "ports");
  CHECK_FALSE(core::nearest("mode", words));
  CHECK(core::edit_distance("kitten", "sitting") == 3);
}

}  // namespace unit::nearest_test
