#include "core/edge/claims/address_assignment.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "core/edge/claims/service_to_mapping.hpp"

namespace core {
namespace {

constexpr int most_rounds = 20;
// What is said of one Service's wishes: as much as people read.
constexpr std::size_t most_refusals = 10;

ObjectId id_of(const Service& service) { return {Kind::service, service.name}; }

bool has_family(const std::vector<Address>& addresses, Family family) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const Address& address) { return address.family() == family; });
}

template <typename T>
bool holds(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

void AddressAssignment::update(const ObjectChanges& objects) {
  for (const auto& [id, object] : objects) {
    switch (id.kind) {
      case Kind::mapping:
        take_mapping(id, object);
        break;
      case Kind::service:
        take_service(id, object);
        break;
      case Kind::address_pool:
        take_pool(id, object);
        break;
      default:
        break;
    }
  }
}

void AddressAssignment::take_service(const ObjectId& id,
                                     const std::shared_ptr<const Object>& object) {
  pending_.insert(id.name);
  if (object && std::get<Service>(*object).load_balancer) {
    const Service& service = std::get<Service>(*object);
    const bool fresh = services_.insert_or_assign(id.name, object).second;
    // Until it is decided anew, what it has is what it has.
    if (fresh) claim(service, service.load_balancer->assigned);
    return;
  }
  services_.erase(id.name);
  occupy(id, {});
  touch(claims_.set(id, std::nullopt));
}

void AddressAssignment::take_mapping(const ObjectId& id,
                                     const std::shared_ptr<const Object>& object) {
  if (object) {
    mappings_[id.name] = object;
  } else {
    mappings_.erase(id.name);
  }
  judge(id);
}

// What a Mapping may not have, it keeps from nobody.
void AddressAssignment::judge(const ObjectId& id) {
  const auto found = mappings_.find(id.name);
  const Mapping* mapping = found == mappings_.end() ? nullptr : &std::get<Mapping>(*found->second);
  if (mapping != nullptr && !pools_.refusal(id.name.ns, mapping->addresses).empty()) {
    mapping = nullptr;
  }
  occupy(id, mapping == nullptr ? std::vector<Address>{} : mapping->addresses);
  touch(claims_.set(id, mapping == nullptr ? std::nullopt : std::optional(claim_of(*mapping))));
}

void AddressAssignment::take_pool(const ObjectId& id, const std::shared_ptr<const Object>& object) {
  pools_.set(id.name, object);
  for (const auto& [name, mapping] : mappings_) judge({Kind::mapping, name});
  for (const auto& [name, service] : services_) pending_.insert(name);
}

// Who waits for an address may have found one now.
void AddressAssignment::occupy(const ObjectId& id, std::vector<Address> addresses) {
  const std::set<Address> next(addresses.begin(), addresses.end());
  bool freed = false;
  for (const Address& address : std::exchange(occupied_[id], {})) {
    occupants_[address].erase(id);
    if (!occupants_[address].empty()) continue;
    occupants_.erase(address);
    freed = freed || !next.contains(address);
  }
  for (const Address& address : addresses) occupants_[address].insert(id);
  if (addresses.empty()) {
    occupied_.erase(id);
  } else {
    occupied_[id] = std::move(addresses);
  }
  if (!freed) return;
  for (const auto& [name, decision] : decisions_) {
    if (!decision.refusal.empty()) pending_.insert(name);
  }
}

void AddressAssignment::claim(const Service& service, const std::vector<Address>& addresses) {
  occupy(id_of(service), addresses);
  Service with = service;
  with.load_balancer->assigned = addresses;
  const auto mapping = mapping_of(with);
  auto changed =
      claims_.set(id_of(service), mapping ? std::optional(claim_of(*mapping)) : std::nullopt);
  // It is being decided, or about to be.
  changed.erase(id_of(service));
  touch(changed);
}

void AddressAssignment::touch(const std::set<ObjectId>& claimants) {
  for (const ObjectId& id : claimants) {
    if (id.kind == Kind::service) pending_.insert(id.name);
  }
}

const Service& AddressAssignment::service(const ObjectName& name) const {
  return std::get<Service>(*services_.at(name));
}

const AddressAssignment::Decision* AddressAssignment::decision(const ObjectName& service) const {
  const auto found = decisions_.find(service);
  return found == decisions_.end() ? nullptr : &found->second;
}

void AddressAssignment::begin_anew() {
  decisions_.clear();
  for (const auto& [name, object] : services_) {
    const Service& service = std::get<Service>(*object);
    claim(service, service.load_balancer->assigned);
    pending_.insert(name);
  }
}

std::vector<ObjectName> AddressAssignment::decide() {
  std::set<ObjectName> changed;
  // What one loses another may get. It settles after a few rounds; if ever it should not, the rest
  // is decided the next time.
  for (int round = 0; round < most_rounds && !pending_.empty(); ++round) {
    std::vector<ObjectName> order;
    for (const ObjectName& name : std::exchange(pending_, {})) {
      if (services_.contains(name)) {
        order.push_back(name);
      } else if (decisions_.erase(name) > 0) {
        changed.insert(name);
      }
    }
    std::sort(order.begin(), order.end(), [&](const ObjectName& a, const ObjectName& b) {
      return std::tie(service(a).load_balancer->created, a) <
             std::tie(service(b).load_balancer->created, b);
    });
    // All keep what they may before one gets something new.
    std::map<ObjectName, Decision> next;
    for (const ObjectName& name : order) next[name] = keep(service(name));
    for (const ObjectName& name : order) {
      Decision& decision = next[name];
      complete(service(name), decision);
      const auto found = decisions_.find(name);
      if (found != decisions_.end() && found->second == decision) continue;
      decisions_[name] = decision;
      changed.insert(name);
    }
  }
  return {changed.begin(), changed.end()};
}

// What it has, or was given before, as far as it may have it.
AddressAssignment::Decision AddressAssignment::keep(const Service& service) {
  const LoadBalancer& balancer = *service.load_balancer;
  std::vector<Address> had = balancer.assigned;
  if (const auto found = decisions_.find(service.name); found != decisions_.end()) {
    const std::set<Address> assigned(had.begin(), had.end());
    for (const Address& address : found->second.addresses) {
      if (!assigned.contains(address)) had.push_back(address);
    }
  }
  const std::set<Address> requested(balancer.requested.begin(), balancer.requested.end());
  Decision decision;
  for (const Address& address : had) {
    const bool wanted =
        !balancer.fault.empty() ||
        (balancer.requested.empty() ? holds(balancer.families, address.family()) &&
                                          !has_family(decision.addresses, address.family())
                                    : requested.contains(address));
    if (wanted && refusal(service, address).empty()) decision.addresses.push_back(address);
  }
  // Of what somebody older has too, it gets nothing.
  claim(service, decision.addresses);
  const std::set<Address> lost = claims_.lost_addresses(id_of(service));
  if (!lost.empty()) {
    std::erase_if(decision.addresses,
                  [&](const Address& address) { return lost.contains(address); });
    claim(service, decision.addresses);
  }
  return decision;
}

void AddressAssignment::complete(const Service& service, Decision& decision) {
  const LoadBalancer& balancer = *service.load_balancer;
  std::size_t refused = 0;
  const auto refuse = [&](const std::string& why) {
    if (++refused > most_refusals) return;
    decision.refusal += (decision.refusal.empty() ? "" : "; ") + why;
  };
  if (!balancer.fault.empty()) {
    refuse(balancer.fault);
    return;
  }
  if (balancer.requested.size() > most_wishes_) {
    refuse("it asks for " + std::to_string(balancer.requested.size()) +
           " addresses, the limit is " + std::to_string(most_wishes_) +
           ": ask for fewer, or raise --max-addresses-per-service");
    return;
  }
  std::set<Address> has(decision.addresses.begin(), decision.addresses.end());
  const std::size_t kept = decision.addresses.size();
  for (const Address& address : balancer.requested) {
    if (has.contains(address)) continue;
    std::string why = refusal(service, address);
    if (why.empty()) why = user(service, address);
    if (why.empty()) {
      has.insert(address);
      decision.addresses.push_back(address);
    } else {
      refuse(why);
    }
  }
  if (refused > most_refusals) {
    decision.refusal += "; and " + std::to_string(refused - most_refusals) + " more";
  }
  // Once for all: every claim looks at all that the Service has.
  if (decision.addresses.size() > kept) claim(service, decision.addresses);
  if (!balancer.requested.empty()) return;
  const auto add = [&](const Address& address) {
    decision.addresses.push_back(address);
    claim(service, decision.addresses);
  };
  for (const Family family : balancer.families) {
    if (has_family(decision.addresses, family)) continue;
    const AddressPools::Wish wish{service.name.ns, balancer.pool, family};
    const auto address =
        pools_.find(wish, [&](const Address& one) { return !occupants_.contains(one); });
    if (address) {
      add(*address);
    } else {
      refuse(pools_.shortage(wish));
    }
  }
}

// Why the Service may not have the address, whoever else has it; empty: it may.
std::string AddressAssignment::refusal(const Service& service, const Address& address) const {
  const std::string& pool = service.load_balancer->pool;
  if (!pool.empty() && !pools_.holds(pool, address)) {
    return to_string(address) + " is not of AddressPool " + pool;
  }
  return pools_.refusal(service.name.ns, address);
}

// Who has it already, whatever its age: nobody who has an address loses it to a wish.
std::string AddressAssignment::user(const Service& service, const Address& address) const {
  Service with = service;
  with.load_balancer->assigned = {address};
  const auto mapping = mapping_of(with);
  if (!mapping) return {};
  for (const ObjectId& other : claims_.overlapping(claim_of(*mapping))) {
    if (other == id_of(service)) continue;
    return to_string(address) + " is in use by " + to_string(other) +
           ": ask for another address, or use other ports";
  }
  return {};
}

}  // namespace core
