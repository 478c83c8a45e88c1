#include "cmd/serve/conntrack_watch.hpp"

#include <chrono>

#include "core/error.hpp"

namespace cmd {
namespace {

constexpr std::chrono::seconds pace{10};
constexpr std::uint64_t full = 90, roomy = 80;  // per cent

}  // namespace

void ConntrackWatch::look(net::Kernel& kernel, os::Time now) {
  if (now < due_) return;
  due_ = now + pace;
  try {
    const net::Kernel::ConntrackFill fill = kernel.conntrack_fill();
    entries_ = fill.entries;
    const std::uint64_t share = fill.limit == 0 ? 0 : fill.entries * 100 / fill.limit;
    if (share >= full) {
      // Without the number of entries, or each look would be news.
      warning_ = "the connection table is at least " + std::to_string(full) +
                 "% full: once it holds " + std::to_string(fill.limit) +
                 " entries (net.netfilter.nf_conntrack_max), new connections are dropped; raise "
                 "the limit";
    } else if (share < roomy) {
      warning_.clear();
    }
  } catch (const core::Error&) {
  }
}

}  // namespace cmd
