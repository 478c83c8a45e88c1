#include "net/packet/base_order.hpp"

#include "support/catch.hpp"

namespace unit::base_order_test {

using namespace core::packet;

BaseChain chain(std::string name, Hook hook, std::int32_t priority,
                BaseChain::Type type = BaseChain::Type::filter) {
  BaseChain result;
  result.id = {TableFamily::ip, "t", std::move(name)};
  result.hook = hook;
  result.priority = priority;
  result.type = type;
  return result;
}

std::vector<std::string> names(net::BaseOrder order) {
  std::vector<std::string> result;
  for (const BaseChain& one : std::move(order).take()) result.push_back(one.id.name);
  return result;
}

using Names = std::vector<std::string>;

TEST_CASE("base chains are met by hook and priority, the newest of equals first") {
  net::BaseOrder order;
  order.add(chain("forward", Hook::forward, -300));
  order.add(chain("old", Hook::prerouting, 0));
  order.add(chain("late", Hook::prerouting, 10));
  order.add(chain("new", Hook::prerouting, 0));
  order.add(chain("early", Hook::prerouting, -10));
  CHECK(names(order) == Names{"early", "new", "old", "late", "forward"});
}

TEST_CASE("all chains of type nat are met where nf_nat is") {
  constexpr auto nat = BaseChain::Type::nat;
  net::BaseOrder order;
  order.add(chain("behind", Hook::output, -95));
  order.add(chain("second", Hook::output, -90, nat));
  order.add(chain("first", Hook::output, -91, nat));
  order.add(chain("source", Hook::postrouting, -150, nat));
  order.add(chain("before", Hook::postrouting, 0));
  CHECK(names(order) == Names{"first", "second", "behind", "before", "source"});
}

TEST_CASE("chains of dormant tables are not met") {
  net::BaseOrder order;
  order.leave_out({TableFamily::ip, "t", ""});
  order.add(chain("one", Hook::input, 0));
  CHECK(names(order).empty());
}

}  // namespace unit::base_order_test
