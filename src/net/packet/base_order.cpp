#include "net/packet/base_order.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace net {

using namespace core::packet;

std::vector<BaseChain> BaseOrder::take() && {
  std::erase_if(chains_, [&](const BaseChain& chain) {
    return dormant_.contains({chain.id.family, chain.id.table, ""});
  });
  // A new hook goes in front of those of the same priority (nf_hook_entries_grow), and chains are
  // listed as they came. That of nf_nat came with the first chain of its type.
  std::ranges::reverse(chains_);
  const auto first_nat = std::find_if(chains_.rbegin(), chains_.rend(), [](const BaseChain& chain) {
    return chain.type == BaseChain::Type::nat;
  });
  const auto nat_at = static_cast<std::size_t>(chains_.rend() - first_nat);
  std::vector<std::pair<std::size_t, BaseChain>> placed;
  for (BaseChain& chain : chains_) {
    const bool nat = chain.type == BaseChain::Type::nat;
    placed.emplace_back(nat ? nat_at : placed.size() + 1, std::move(chain));
  }
  std::ranges::stable_sort(placed, [](const auto& a, const auto& b) {
    const auto key = [](const auto& one) {
      const BaseChain& chain = one.second;
      return std::tuple(chain.hook, met_at(chain), one.first, chain.priority);
    };
    return key(a) < key(b);
  });
  std::vector<BaseChain> result;
  result.reserve(placed.size());
  for (auto& [place, chain] : placed) result.push_back(std::move(chain));
  return result;
}

}  // namespace net
