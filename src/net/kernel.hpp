// The kernel of one network namespace, as far as pona uses it: the one virtual class, with one real
// implementation here and one fake in tests/support. All calls come from one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/conntrack_flow.hpp"
#include "core/host.hpp"
#include "core/meddler.hpp"
#include "core/obstacle.hpp"
#include "core/state/counts.hpp"
#include "core/state/element_index.hpp"
#include "core/state/scope.hpp"
#include "core/state/state.hpp"

namespace net {

class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;

  // What of the scope is there now: tables of the families in `expected`, routes, rules and
  // tunnels, the sysctls named in `expected`. Rules of nftables that equal an expected one come
  // back as that. Of the elements, only those that the filter keeps.
  virtual core::State observe(const core::State& expected, core::ElementFilter& filter) = 0;
  core::State observe(const core::State& expected);  // all elements

  // Carries the changes out, in order; everything nftables as one transaction. Throws core::Error
  // that names the change and what the kernel answered; then nothing of the nftables part is in
  // effect.
  virtual void apply(const core::Changes& changes) = 0;

  virtual core::Host host() = 0;

  // From now on host() tells of table main's routes by the devices of these names as well, and
  // their changes are news.
  // NOLINTNEXTLINE(performance-unnecessary-value-param)  ; whoever overrides it keeps it
  virtual void follow_routes(std::function<bool(const std::string&)> /*devices*/) {}

  // Elements that count: how far they are.
  virtual core::Counts counts(core::Family family, const std::vector<core::SetId>& sets) = 0;

  // Calls `visit` for each conntrack entry that fits; entries for which it returns true are
  // deleted. Returns how many were.
  virtual std::size_t sweep(const core::FlowFilter& filter,
                            const std::function<bool(const core::Flow&)>& visit) = 0;

  struct ConntrackFill {
    std::uint64_t entries = 0;
    std::uint64_t limit = 0;
  };
  virtual ConntrackFill conntrack_fill() = 0;

  // What of other programs' rules lets nothing of a flow pass. Cheap where they are the same as at
  // the last call. What cannot be read is no obstacle. Throws core::Error.
  virtual std::vector<core::Obstacle> obstacles(const std::vector<core::MappedFlow>& /*flows*/) {
    return {};
  }

  // A descriptor that is readable when something changed that host() or observe() would show:
  // links, addresses, routes, rules, or our tables by somebody else's hand. drain() reads what is
  // pending and says what it was about.
  struct Events {
    bool host = false;     // links, addresses, default routes
    bool routing = false;  // rules or routes of ours may be gone
    bool tables = false;   // our nftables tables may differ from what we left there
    // Who deleted or replaced routes or rules of ours, where that was a program and not the kernel
    // (with an interface); and who touched our tables, if that is known.
    std::optional<core::Meddler> meddler{};
    std::optional<core::Meddler> table_meddler{};
  };
  [[nodiscard]] virtual int event_fd() const = 0;
  virtual Events drain() = 0;
};

// The network namespace of the calling thread, for the job that owns the scope in it. `own_tables`
// asks for NFT_TABLE_F_OWNER|PERSIST where the kernel has them; false for tools that only read
// (status, dry run) or remove (cleanup).
std::unique_ptr<Kernel> open_kernel(core::Scope scope, bool own_tables);

}  // namespace net
