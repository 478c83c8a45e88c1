// Whether source ports towards an endpoint run out: the kernel then drops new connections to it, of
// all Mappings that lead there, without a word. Costs nothing while all that the host tracks are
// fewer connections than it takes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/edge/plan_edge.hpp"
#include "core/edge/port_use.hpp"
#include "os/clock.hpp"

namespace cmd {

class PortUseWatch {
 public:
  // Asks for a count of what has `least` ports in use and more. Returns at once, with what was
  // found since it was asked last, once.
  using Ask = std::function<std::optional<std::vector<core::PortUse>>(std::uint32_t least)>;

  explicit PortUseWatch(Ask ask) : ask_(std::move(ask)) {}

  // Looks if it is time to; true: other claimants are short of ports than before. `tracked`: all
  // connections of the host.
  bool look(std::uint64_t tracked, const core::EdgePlan& plan, os::Time now);

  // Endpoints of the plan of whose ports 80 % and more were in use at the last count.
  [[nodiscard]] const std::vector<core::PortUse>& use() const { return use_; }
  // For operators: one for each endpoint. From 90 % on, until it is below 80 %.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  // Claimants whose traffic goes to such endpoints, and what is said of it.
  [[nodiscard]] const std::map<core::ObjectId, std::string>& claimants() const {
    return claimants_;
  }

 private:
  using Owners = std::map<core::PortPair, std::set<core::ObjectId>>;
  [[nodiscard]] Owners owners_of(const core::EdgePlan& plan) const;

  Ask ask_;
  os::Time due_{};
  std::vector<core::PortUse> use_;
  std::set<core::PortPair> short_;
  std::vector<std::string> warnings_;
  std::map<core::ObjectId, std::string> claimants_;
};

}  // namespace cmd
