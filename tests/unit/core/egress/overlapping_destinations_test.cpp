#include "core/egress/overlapping_destinations.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace unit::overlapping_destinations_test {

using namespace core;

namespace {

using Texts = std::vector<const char*>;

std::vector<Prefix> prefixes(const Texts& texts) {
  std::vector<Prefix> result;
  for (const char* const text : texts) result.push_back(Prefix::parse(text).value());
  return result;
}

std::string overlaps(const Texts& destinations, const Texts& excluded, const char* range,
                     ClusterRange::Of of = ClusterRange::Of::pods) {
  Egress egress;
  egress.destinations = prefixes(destinations);
  egress.excluded = prefixes(excluded);
  const std::vector<ClusterRange> ranges = {{Prefix::parse(range).value(), of, "n1"}};
  return to_string(find_overlaps(egress, ranges));
}

}  // namespace

TEST_CASE("destinations that cover the cluster's own addresses are found") {
  CHECK(overlaps({"10.0.0.0/8"}, {}, "10.244.1.0/24") ==
        "destination 10.0.0.0/8 covers pods of node n1 (10.244.1.0/24)");
  CHECK(overlaps({"10.244.1.7"}, {}, "10.244.1.0/24") ==
        "destination 10.244.1.7/32 covers pods of node n1 (10.244.1.0/24)");
  CHECK(overlaps({"10.96.0.0/16"}, {}, "10.96.0.0/12", ClusterRange::Of::services) ==
        "destination 10.96.0.0/16 covers Services (10.96.0.0/12)");
  CHECK(overlaps({"192.168.0.0/16"}, {}, "192.168.1.5/32", ClusterRange::Of::node) ==
        "destination 192.168.0.0/16 covers node n1 (192.168.1.5)");
  CHECK(overlaps({"10.0.0.0/16"}, {}, "10.244.1.0/24").empty());
  CHECK(overlaps({"fd00::/8"}, {}, "10.244.1.0/24").empty());
}

TEST_CASE("what is wider than the private range of the cluster does not take its addresses") {
  CHECK(overlaps({"0.0.0.0/0"}, {}, "10.244.1.0/24").empty());
  CHECK(overlaps({"0.0.0.0/1"}, {}, "10.244.1.0/24").empty());
  CHECK(overlaps({"::/0"}, {}, "fd01::/64").empty());
  // Public addresses have no such protection.
  CHECK_FALSE(overlaps({"0.0.0.0/0"}, {}, "198.51.100.0/24").empty());
}

TEST_CASE("what is excluded overlaps nothing") {
  CHECK(overlaps({"10.0.0.0/8"}, {"10.244.0.0/16"}, "10.244.1.0/24").empty());
  CHECK_FALSE(overlaps({"10.0.0.0/8"}, {"10.244.1.0/25"}, "10.244.1.0/24").empty());
  CHECK(overlaps({"10.244.1.0/28"}, {"10.244.1.0/25"}, "10.244.1.0/24").empty());
}

TEST_CASE("of many overlaps the first are told") {
  Egress egress;
  egress.destinations = prefixes({"10.0.0.0/8"});
  std::vector<ClusterRange> ranges;
  for (const char* const text : {"10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/24", "10.1.3.0/24"}) {
    ranges.push_back({Prefix::parse(text).value(), ClusterRange::Of::pods, "n"});
  }
  const auto found = find_overlaps(egress, ranges);
  CHECK(found.size() == 4);
  CHECK_THAT(to_string(found), Catch::EndsWith(", and 1 more"));
}

}  // namespace unit::overlapping_destinations_test
