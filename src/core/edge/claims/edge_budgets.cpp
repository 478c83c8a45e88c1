#include "core/edge/claims/edge_budgets.hpp"

#include <utility>

namespace core {
namespace {

struct Budget {
  std::string_view what;
  std::string_view object_setting;
  std::string_view namespace_setting;
  std::uint32_t EdgeLimits::*of_object;
  std::uint32_t EdgeLimits::*of_namespace;
};

constexpr std::array<Budget, 3> budgets = {{
    {"forwards (addresses times ports)", "max-forwards-per-mapping", "max-forwards-per-namespace",
     &EdgeLimits::forwards_per_mapping, &EdgeLimits::forwards_per_namespace},
    {"map elements", "max-elements-per-mapping", "max-elements-per-namespace",
     &EdgeLimits::elements_per_mapping, &EdgeLimits::elements_per_namespace},
    {"allowed sources", "max-sources-per-mapping", "max-sources-per-namespace",
     &EdgeLimits::sources_per_mapping, &EdgeLimits::sources_per_namespace},
}};

}  // namespace

std::string EdgeBudgets::take(const ObjectId& claimant, const Cost& cost) {
  const Amounts wanted = {cost.forwards, cost.elements, cost.sources};
  std::string_view setting;
  std::string reason = refusal(claimant, wanted, setting);
  if (reason.empty()) {
    set(claimant, wanted);
    refused_.erase(claimant);
    return {};
  }
  give_back(claimant);
  refused_[claimant] = setting;
  waiting_[claimant.name.ns].insert(claimant);
  return reason;
}

std::string EdgeBudgets::refusal(const ObjectId& claimant, const Amounts& wanted,
                                 std::string_view& setting) const {
  const std::string& ns = claimant.name.ns;
  const auto sum = of_namespace_.find(ns);
  const auto own = taken_.find(claimant);
  for (std::size_t i = 0; i < kinds; ++i) {
    const Budget& budget = budgets.at(i);
    const std::string what = std::to_string(wanted.at(i)) + " " + std::string(budget.what);
    const std::uint64_t most = limits_.*budget.of_object;
    setting = budget.object_setting;
    if (wanted.at(i) > most) {
      return "it takes " + what + ", the limit is " + std::to_string(most) +
             ": split it, or raise --" + std::string(setting);
    }
    const std::uint64_t others = (sum == of_namespace_.end() ? 0 : sum->second.at(i)) -
                                 (own == taken_.end() ? 0 : own->second.at(i));
    const std::uint64_t all = limits_.*budget.of_namespace;
    setting = budget.namespace_setting;
    if (others + wanted.at(i) > all) {
      return "it takes " + what + ", the others of namespace " + ns + " take " +
             std::to_string(others) + ", and the limit is " + std::to_string(all) +
             ": remove some of them, or raise --" + std::string(setting);
    }
  }
  return {};
}

void EdgeBudgets::give_back(const ObjectId& claimant) {
  set(claimant, {});
  refused_.erase(claimant);
}

// Who has taken something waits no more.
void EdgeBudgets::set(const ObjectId& claimant, const Amounts& amounts) {
  const std::string& ns = claimant.name.ns;
  hopeful_.erase(claimant);
  const auto waiting = waiting_.find(ns);
  if (waiting != waiting_.end()) waiting->second.erase(claimant);
  Amounts& sum = of_namespace_[ns];
  const auto taken = taken_.try_emplace(claimant).first;
  bool room = false;
  for (std::size_t i = 0; i < kinds; ++i) {
    room = room || amounts.at(i) < taken->second.at(i);
    sum.at(i) += amounts.at(i) - taken->second.at(i);
  }
  taken->second = amounts;
  if (amounts == Amounts{}) taken_.erase(taken);
  if (sum == Amounts{}) of_namespace_.erase(ns);
  if (waiting == waiting_.end()) return;
  if (room) hopeful_.insert(waiting->second.begin(), waiting->second.end());
  if (waiting->second.empty()) waiting_.erase(waiting);
}

std::set<ObjectId> EdgeBudgets::take_hopeful() { return std::exchange(hopeful_, {}); }

std::map<std::string_view, std::uint64_t> EdgeBudgets::refused() const {
  std::map<std::string_view, std::uint64_t> counts;
  for (const Budget& budget : budgets) {
    counts[budget.object_setting] = 0;
    counts[budget.namespace_setting] = 0;
  }
  for (const auto& [claimant, setting] : refused_) ++counts[setting];
  return counts;
}

EdgeBudgets::Cost cost_of(std::span<const Forward> forwards) {
  constexpr std::uint64_t elements_of_any = 8;  // its service, guards and counters
  EdgeBudgets::Cost cost;
  cost.forwards = forwards.size();
  std::array<std::uint64_t, 2> sources{};  // a list for each family, whatever the number of ports
  for (const Forward& forward : forwards) {
    cost.elements += elements_of_any + forward.slots.size();
    if (forward.shifted()) cost.elements += forward.key.ports.size();
    sources.at(forward.key.address.family() == Family::ipv6) = forward.sources.prefixes().size();
  }
  cost.sources = sources[0] + sources[1];
  return cost;
}

}  // namespace core
