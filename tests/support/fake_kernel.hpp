// The one stand-in for the kernel of a network namespace. It keeps state and refuses what Linux
// refuses; it expects no calls. Tests assert what state() is.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/state/state.hpp"
#include "net/kernel.hpp"
#include "support/fake_tables.hpp"

namespace support {

class FakeKernel : public net::Kernel {
 public:
  FakeKernel();
  ~FakeKernel() override;

  using net::Kernel::observe;
  core::State observe(const core::State& expected, core::ElementFilter& filter) override;
  void apply(const core::Changes& changes) override;
  core::Host host() override { return host_; }
  core::Counts counts(core::Family family, const std::vector<core::SetId>& sets) override;
  std::size_t sweep(const core::FlowFilter& filter,
                    const std::function<bool(const core::Flow&)>& visit) override;
  ConntrackFill conntrack_fill() override { return {conntrack.size(), conntrack_limit}; }
  std::vector<core::Obstacle> obstacles(const std::vector<core::MappedFlow>& flows) override {
    return blocked ? blocked(flows) : std::vector<core::Obstacle>();
  }
  [[nodiscard]] int event_fd() const override { return event_fd_; }
  Events drain() override;

  // The world around.
  // Links, addresses, default routes of main, forwarding. Our routes over links that are no longer
  // there, or no longer up, vanish with them.
  void edit_host(const std::function<void(core::Host&)>& edit);
  // An interface that is up, with these addresses ("192.0.2.2/24"); its index is its place.
  void add_interface(const std::string& name, const std::vector<std::string>& addresses = {});
  void remove_interface(const std::string& name);

  // By somebody else's hand, unchecked; raises the event flags of what it touches.
  void tamper(const std::function<void(core::State&)>& edit);
  void set_owned_by_other(core::Family family, bool owned) {
    tables_.set_owned_by_other(family, owned);
  }

  // Packets that elements counted; elements that go take their counts along.
  void count(const core::ElementKey& key, std::uint64_t packets, std::uint64_t bytes);
  std::vector<core::Flow> conntrack;
  std::uint64_t conntrack_limit = 262144;
  std::optional<core::Meddler> meddler;  // who tampers
  // What others' rules do to flows.
  std::function<std::vector<core::Obstacle>(const std::vector<core::MappedFlow>&)> blocked;

  // The nth operation from now on (1: the next) fails, once. An operation is one change; a failing
  // one of nftables takes its transaction with it, what came before that stays.
  void fail_at(std::size_t operation) { fails_in_ = operation; }

  // All of ours that is there.
  [[nodiscard]] core::State state() const;
  // The same without a copy.
  [[nodiscard]] const FakeTables& tables() const { return tables_; }
  [[nodiscard]] const std::set<core::Route>& routes() const { return held_.routes; }
  [[nodiscard]] const std::set<core::PolicyRule>& rules() const { return held_.rules; }
  [[nodiscard]] std::size_t transactions() const { return transactions_; }

 private:
  class Routing;

  void operate(const core::Change& change);
  void raise(const Events& events);
  void drop_dead_routes();
  [[nodiscard]] std::optional<std::string> sysctl(const std::string& key) const;

  FakeTables tables_;
  core::Host host_;
  core::HeldKinds held_;  // sysctls: other than rp_filter, which is in host_
  core::Counts counts_;
  Events pending_;
  int event_fd_ = -1;
  std::size_t fails_in_ = 0;
  std::size_t transactions_ = 0;
};

}  // namespace support
