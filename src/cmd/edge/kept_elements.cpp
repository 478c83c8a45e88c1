#include "cmd/edge/kept_elements.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/edge/tables/edge_sets.hpp"
#include "core/edge/tables/source_lists.hpp"

namespace cmd {
namespace {

using core::EdgeSet;

constexpr std::size_t field_word = 4;  // fields of a concatenation start at 32-bit boundaries

// What an element of a set belongs to.
enum class Belongs { to_forward, to_pods, to_host };

Belongs belongs(EdgeSet set) {
  switch (set) {
    case EdgeSet::endpoints:
    case EdgeSet::range_endpoints:
    case EdgeSet::pods:
    case EdgeSet::addresses:
    case EdgeSet::snat:
    case EdgeSet::snat_interfaces:
      return Belongs::to_pods;
    case EdgeSet::external:
    case EdgeSet::returns:
    case EdgeSet::departures:
    case EdgeSet::departing:
      return Belongs::to_host;
    default:
      return Belongs::to_forward;
  }
}

// The external address, protocol and port that the key of an element of a forward begins with.
std::optional<core::ForwardKey> forward_of(const core::ElementKey& key, EdgeSet set) {
  std::span<const std::uint8_t> bytes = key.key.view();
  const bool directed = set == EdgeSet::traffic || set == EdgeSet::range_traffic;
  const std::size_t address = key.family == core::Family::ipv4 ? 4 : 16;
  const std::size_t begin = directed ? field_word : 0;
  if (bytes.size() < begin + address + field_word + 2) return std::nullopt;
  bytes = bytes.subspan(begin);
  core::ForwardKey found;
  found.address = core::Address(bytes.first(address));
  found.protocol = static_cast<core::Protocol>(bytes[address]);
  bytes = bytes.subspan(address + field_word);
  const auto port = static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
  found.ports = {port, port};
  return found;
}

// Planned ranges of ports, which do not overlap.
class Planned {
 public:
  explicit Planned(const std::vector<std::shared_ptr<const core::Forward>>& forwards) {
    for (const auto& forward : forwards) {
      const core::ForwardKey& key = forward->key;
      ranges_[{key.address, key.protocol}].emplace(key.ports.first, key.ports.last);
    }
  }

  [[nodiscard]] bool covers(const core::ForwardKey& key) const {
    const auto ranges = ranges_.find({key.address, key.protocol});
    if (ranges == ranges_.end()) return false;
    const auto after = ranges->second.upper_bound(key.ports.first);
    return after != ranges->second.begin() && std::prev(after)->second >= key.ports.first;
  }

 private:
  std::map<std::pair<core::Address, core::Protocol>, std::map<std::uint16_t, std::uint16_t>>
      ranges_;
};

// Those that elements may lead to.
std::set<std::pair<core::Family, std::string>> chains_of(const core::State& frame) {
  std::set<std::pair<core::Family, std::string>> names;
  for (const auto& [family, table] : frame.tables) {
    for (const core::nft::Chain& chain : table.chains) names.emplace(family, chain.name);
  }
  return names;
}

}  // namespace

Kept keep_unplanned(const core::Elements& held, const core::State& frame,
                    const std::vector<std::shared_ptr<const core::Forward>>& planned) {
  const Planned forwards(planned);
  const auto chains = chains_of(frame);
  Kept kept{frame, {}};
  std::set<std::pair<core::Family, std::uint32_t>> lists;
  for (const auto& [key, value] : held) {
    const auto set = key.set.as<EdgeSet>();
    if (!set || *set == EdgeSet::allowed || belongs(*set) == Belongs::to_host) continue;
    if (!frame.tables.contains(key.family)) continue;
    if (belongs(*set) == Belongs::to_forward) {
      const auto forward = forward_of(key, *set);
      if (!forward || forwards.covers(*forward)) continue;
    }
    const auto view = value.chain.view();
    const std::string chain(view.begin(), view.end());
    if (!chain.empty() && !chains.contains({key.family, chain})) {
      // The chains of limits and interfaces follow from what is planned.
      const auto list = core::source_list_of(chain);
      if (!list) continue;
      if (lists.emplace(key.family, *list).second) {
        core::add_source_list(kept.frame.tables.at(key.family), *list);
      }
    }
    kept.elements.push_back({key, value});
  }
  for (const auto& [key, value] : held) {
    if (key.set.as<EdgeSet>() != EdgeSet::allowed) continue;
    if (lists.contains({key.family, key.set.instance()})) kept.elements.push_back({key, value});
  }
  return kept;
}

}  // namespace cmd
