#include "core/egress/renew_routes.hpp"

#include <variant>

#include "core/constants.hpp"
#include "core/state/scope.hpp"
#include "support/catch.hpp"

namespace unit::renew_routes_test {

using namespace core;

namespace {

Route route(const char* destination, std::uint32_t table = constants::egress_table) {
  return {.table = table,
          .destination = *Prefix::parse(destination),
          .metric = constants::fence_metric,
          .type = Route::Type::unreachable};
}

bool renewed(Changes changes) {
  const std::size_t before = changes.size();
  renew_cached_routes(changes, constants::probe_port);
  if (changes.size() == before) return false;
  // A rule comes and goes: it says what another one says, and is the client's to take away.
  REQUIRE(changes.size() == before + 2);
  const auto* const made = std::get_if<AddRule>(&changes[before]);
  const auto* const gone = std::get_if<DeleteRule>(&changes[before + 1]);
  REQUIRE(made != nullptr);
  REQUIRE(gone != nullptr);
  CHECK(made->what == gone->what);
  CHECK(made->what.family == Family::ipv6);
  CHECK(made->what.table == constants::peers_table);
  CHECK(made->what.udp_port == constants::probe_port);
  CHECK(client_scope().has_priority(made->what.priority));
  return true;
}

}  // namespace

TEST_CASE("open sockets look for their routes anew when IPv6 routes of an Egress change") {
  CHECK_FALSE(renewed({}));
  CHECK_FALSE(renewed({AddRoute{route("203.0.113.0/24")}}));
  CHECK_FALSE(renewed({AddRoute{route("2001:db8::9/128", constants::peers_table)}}));
  CHECK(renewed({AddRoute{route("2001:db8:f::/64")}}));
  CHECK(renewed({ReplaceRoute{route("2001:db8:f::/64"), route("2001:db8:f::/64")}}));
  CHECK(renewed({AddRoute{route("203.0.113.0/24")}, DeleteRoute{route("2001:db8:f::/64")}}));
}

}  // namespace unit::renew_routes_test
