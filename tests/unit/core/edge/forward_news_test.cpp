#include "core/edge/forward_news.hpp"

#include "support/catch.hpp"

namespace unit::forward_news_test {

using namespace core;

namespace {

using Strings = std::vector<std::string>;

Backend backend(int last, std::uint16_t port = 8080) {
  return {Address::parse("10.1.0.0")->plus(last), {port, port}};
}

Forward forward(std::uint16_t port, std::vector<Backend> backends,
                const std::string& mapping = "web") {
  Forward result;
  result.key = {*Address::parse("203.0.113.10"), Protocol::tcp, {port, port}};
  result.owner = {Kind::mapping, {"shop", mapping}};
  result.backends = SharedVector(std::move(backends));
  return result;
}

ForwardChange change(std::optional<Forward> before, std::optional<Forward> after) {
  ForwardChange result;
  if (before) result.before = std::make_shared<const Forward>(*before);
  if (after) result.after = std::make_shared<const Forward>(*after);
  return result;
}

}  // namespace

TEST_CASE("1.24: one endpoint that leaves is one line, however many ports it served") {
  const Forward one = forward(80, {backend(2), backend(3), backend(4)});
  CHECK(forward_news({change(one, forward(80, {backend(2), backend(4)}))}) ==
        Strings{"Mapping shop/web: endpoint 10.1.0.3:8080 removed, 2 left"});
  std::vector<ForwardChange> many;
  for (std::uint16_t port = 1; port <= 200; ++port) {
    many.push_back(change(forward(port, {backend(2, port), backend(3, port)}),
                          forward(port, {backend(2, port)})));
  }
  CHECK(forward_news(many) ==
        Strings{"Mapping shop/web: endpoint 10.1.0.3 removed from 200 ports, 1 left"});
  CHECK(forward_news({change(forward(80, {backend(2)}), forward(80, {}))}) ==
        Strings{"Mapping shop/web: endpoint 10.1.0.2:8080 removed, none left"});
}

TEST_CASE("1.24: endpoints that come, drain and go are told of together") {
  Forward draining = forward(80, {backend(4)});
  draining.draining = SharedVector(std::vector{backend(3)});
  CHECK(forward_news({change(forward(80, {backend(2), backend(3)}), draining)}) ==
        Strings{"Mapping shop/web: endpoint 10.1.0.4:8080 added; endpoint 10.1.0.3:8080 draining; "
                "endpoint 10.1.0.2:8080 removed, 1 left"});
  CHECK(forward_news({change(draining, forward(80, {backend(4)}))}) ==
        Strings{"Mapping shop/web: endpoint 10.1.0.3:8080 removed, 1 left"});
  CHECK(forward_news({change(forward(80, {}), forward(80, {backend(2), backend(3), backend(4),
                                                           backend(5), backend(6)}))}) ==
        Strings{"Mapping shop/web: endpoints 10.1.0.2:8080, 10.1.0.3:8080, 10.1.0.4:8080 and 2 "
                "more added, 5 now"});
}

TEST_CASE("1.24: Mappings of one Service share the line of what happened to it") {
  std::vector<ForwardChange> changes;
  for (const char* const name : {"a", "b", "c", "d", "e"}) {
    changes.push_back(
        change(forward(80, {backend(2), backend(3)}, name), forward(80, {backend(2)}, name)));
  }
  CHECK(forward_news(changes) ==
        Strings{"Mapping shop/a, Mapping shop/b, Mapping shop/c and 2 more: endpoint 10.1.0.3:8080 "
                "removed, 1 left"});
}

TEST_CASE("1.24: ports, addresses and settings that change are told of") {
  CHECK(forward_news({change({}, forward(80, {})), change(forward(81, {}), {})}) ==
        Strings{"Mapping shop/web: 1 port removed: 203.0.113.10:81/tcp; 1 port added: "
                "203.0.113.10:80/tcp"});
  // It changes hands.
  CHECK(forward_news({change(forward(80, {}, "old"), forward(80, {}, "new"))}) ==
        Strings{"Mapping shop/new: 1 port added: 203.0.113.10:80/tcp",
                "Mapping shop/old: 1 port removed: 203.0.113.10:80/tcp"});
  Forward away = forward(80, {});
  away.active = false;
  Forward other_away = forward(81, {}, "other");
  other_away.active = false;
  CHECK(
      forward_news({change(forward(80, {}), away), change(forward(81, {}, "other"), other_away)}) ==
      Strings{"address 203.0.113.10 is not on this host now: 2 ports of 2 Mappings and Services "
              "no longer in effect"});
  CHECK(forward_news({change(away, forward(80, {}))}) ==
        Strings{"address 203.0.113.10 is on this host now: 1 port of Mapping shop/web in effect"});
  Forward limited = forward(80, {});
  limited.max_connections = 5;
  CHECK(forward_news({change(forward(80, {}), limited)}) ==
        Strings{"Mapping shop/web: settings of 1 port changed"});
  CHECK(forward_news({}).empty());
}

}  // namespace unit::forward_news_test
