#include "core/edge/claims/address_pools.hpp"

#include <algorithm>
#include <utility>

namespace core {
namespace {

const AddressPool& pool_of(const std::shared_ptr<const Object>& object) {
  return std::get<AddressPool>(*object);
}

bool allows(const AddressPool& pool, const std::string& ns) {
  return pool.allowed_namespaces.empty() ||
         std::binary_search(pool.allowed_namespaces.begin(), pool.allowed_namespaces.end(), ns);
}

// Between addresses of two families nothing is: they sort apart.
bool holds(const AddressPool& pool, const Address& address) {
  return std::any_of(pool.ranges.begin(), pool.ranges.end(), [&](const AddressPool::Range& range) {
    return range.first <= address && address <= range.last;
  });
}

bool serves(const AddressPool& pool, const AddressPools::Wish& wish) {
  return allows(pool, wish.ns) &&
         (wish.pool.empty() ? pool.auto_assign : pool.name.name == wish.pool);
}

double size_of(const AddressPool::Range& range) {
  double size = 0;
  for (std::size_t i = 0; i < range.first.size(); ++i) {
    size = size * 256 + range.last.bytes()[i] - range.first.bytes()[i];
  }
  return size + 1;
}

}  // namespace

void AddressPools::set(const ObjectName& name, std::shared_ptr<const Object> pool) {
  if (pool) {
    pools_[name.name] = std::move(pool);
  } else {
    pools_.erase(name.name);
  }
}

bool AddressPools::holds(const std::string& pool, const Address& address) const {
  const auto found = pools_.find(pool);
  return found != pools_.end() && core::holds(pool_of(found->second), address);
}

std::string AddressPools::refusal(const std::string& ns, const Address& address) const {
  if (pools_.empty()) return {};
  std::string holders;
  for (const auto& [name, object] : pools_) {
    if (!core::holds(pool_of(object), address)) continue;
    if (allows(pool_of(object), ns)) return {};
    holders += (holders.empty() ? "" : ", ") + name;
  }
  if (holders.empty()) {
    return to_string(address) + " is in no AddressPool: take another address, or add it to a pool";
  }
  return "namespace " + ns + " may not use " + to_string(address) + " of AddressPool " + holders +
         ": take another address, or add the namespace to spec.allowedNamespaces";
}

std::string AddressPools::refusal(const std::string& ns,
                                  const std::vector<Address>& addresses) const {
  for (const Address& address : addresses) {
    if (std::string reason = refusal(ns, address); !reason.empty()) return reason;
  }
  return {};
}

std::optional<Address> AddressPools::find(
    const Wish& wish, const std::function<bool(const Address&)>& is_free) const {
  for (const auto& [name, object] : pools_) {
    if (!serves(pool_of(object), wish)) continue;
    for (const AddressPool::Range& range : pool_of(object).ranges) {
      if (range.first.family() != wish.family) continue;
      // At most as many steps as addresses are taken, however large the range is.
      for (Address address = range.first;; address = address.plus(1)) {
        if (is_free(address)) return address;
        if (address == range.last) break;
      }
    }
  }
  return std::nullopt;
}

std::string AddressPools::shortage(const Wish& wish) const {
  const std::string family = wish.family == Family::ipv4 ? "IPv4" : "IPv6";
  if (pools_.empty()) return "there is no AddressPool: create one with the addresses to give";
  if (!wish.pool.empty() && !pools_.contains(wish.pool)) {
    return "there is no AddressPool " + wish.pool;
  }
  bool allowed = false;
  bool of_family = false;
  for (const auto& [name, object] : pools_) {
    const AddressPool& pool = pool_of(object);
    if (!serves(pool, wish)) continue;
    allowed = true;
    of_family = of_family ||
                std::any_of(pool.ranges.begin(), pool.ranges.end(),
                            [&](const auto& range) { return range.first.family() == wish.family; });
  }
  if (!allowed) {
    return wish.pool.empty() ? "no AddressPool gives addresses to namespace " + wish.ns +
                                   ": see spec.allowedNamespaces and spec.autoAssign"
                             : "namespace " + wish.ns + " may not use AddressPool " + wish.pool +
                                   ": see its spec.allowedNamespaces";
  }
  const std::string whose = wish.pool.empty()
                                ? "of any AddressPool that namespace " + wish.ns + " may use"
                                : "of AddressPool " + wish.pool;
  return (of_family ? "every " : "there is no ") + family + " address " + whose +
         (of_family ? " is taken" : "");
}

std::vector<AddressPools::Use> AddressPools::use(std::span<const Address> used) const {
  std::vector<Use> result;
  for (const auto& [name, object] : pools_) {
    Use use{name, 0, 0};
    for (const AddressPool::Range& range : pool_of(object).ranges) {
      use.addresses += size_of(range);
      const auto first = std::ranges::lower_bound(used, range.first);
      use.used += static_cast<std::uint64_t>(std::ranges::upper_bound(used, range.last) - first);
    }
    result.push_back(std::move(use));
  }
  return result;
}

}  // namespace core
