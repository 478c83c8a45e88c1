#include "cmd/edge/port_counting.hpp"

#include <chrono>
#include <utility>

#include "core/error.hpp"
#include "core/state/scope.hpp"
#include "net/kernel.hpp"

namespace cmd {
namespace {

constexpr int counting_share = 50;

}  // namespace

std::optional<std::vector<core::PortUse>> PortCounting::ask(std::uint32_t least) {
  std::optional<std::vector<core::PortUse>> found;
  if (running_.valid()) {
    if (running_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return found;
    Counted counted = running_.get();
    from_ = os::Time::clock::now() + counting_share * counted.took;
    // An error changes nothing: the loop reads the same table and tells of it.
    if (!counted.failed) found = std::move(counted.use);
  }
  if (os::Time::clock::now() >= from_) running_ = std::async(std::launch::async, count, least);
  return found;
}

PortCounting::Counted PortCounting::count(std::uint32_t least) {
  const os::Time begun = os::Time::clock::now();
  Counted counted;
  try {
    const auto kernel = net::open_kernel(core::edge_scope(), false);
    core::PortCount count;
    kernel->sweep({}, [&](const core::Flow& flow) {
      count.add(flow);
      return false;
    });
    counted.use = count.at_least(least);
  } catch (const core::Error&) {
    counted.failed = true;
  }
  counted.took = os::Time::clock::now() - begun;
  return counted;
}

}  // namespace cmd
