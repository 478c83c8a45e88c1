#include "core/edge/edge_objects.hpp"

#include <algorithm>
#include <utility>

#include "core/edge/claims/service_to_mapping.hpp"
#include "core/endpoints_name.hpp"

namespace core {

void EdgeObjects::take(const ObjectId& id, const std::shared_ptr<const Object>& object) {
  switch (id.kind) {
    case Kind::mapping:
      claim(id, object);
      break;
    case Kind::service:
      take_service(id, object);
      break;
    case Kind::endpoint_slice:
      take_slice(id.name, object);
      break;
    case Kind::address_pool:
      take_pool(id, object);
      break;
    default:
      break;
  }
}

// `mapping` is what the claimant comes to; null: it claims nothing any more.
void EdgeObjects::claim(const ObjectId& id, const std::shared_ptr<const Object>& mapping) {
  const auto old = claimants_.find(id);
  if (old != claimants_.end()) {
    const auto users = by_service_.find({id.name.ns, old->second.mapping().service});
    users->second.erase(id);
    if (users->second.empty()) {
      by_service_.erase(users);
    }
  }
  if (mapping) {
    by_service_[{id.name.ns, std::get<Mapping>(*mapping).service}].insert(id);
    Claimant& claimant = claimants_[id];
    const bool same_sources = claimant.object && claimant.mapping().allowed_sources ==
                                                     std::get<Mapping>(*mapping).allowed_sources;
    claimant.object = mapping;
    claimant.refused_by_kernel.clear();
    if (!same_sources) {
      for (const Family family : {Family::ipv4, Family::ipv6}) {
        claimant.sources[family == Family::ipv6] =
            sources_of(claimant.mapping().allowed_sources, family);
      }
    }
  } else if (old != claimants_.end()) {
    // Its forwards are still to be taken away.
    gone_.emplace(id, std::move(old->second));
    claimants_.erase(old);
  } else {
    return;
  }
  touched_.insert(id);
  judge(id);
}

// Who may not have what it claims does not keep others from it.
void EdgeObjects::judge(const ObjectId& id) {
  std::optional<Claims::Claim> claim;
  if (const auto found = claimants_.find(id); found != claimants_.end()) {
    const Mapping& mapping = found->second.mapping();
    std::string refusal = pools_.refusal(id.name.ns, mapping.addresses);
    if (refusal != found->second.refusal) {
      touched_.insert(id);
    }
    found->second.refusal = std::move(refusal);
    if (found->second.refusal.empty()) {
      claim = claim_of(mapping);
    }
  }
  touched_.merge(claims_.set(id, std::move(claim)));
}

void EdgeObjects::take_service(const ObjectId& id, const std::shared_ptr<const Object>& object) {
  if (object) {
    services_[id.name] = object;
  } else {
    services_.erase(id.name);
  }
  touch_users(id.name);
  auto mapping = object ? mapping_of(std::get<Service>(*object)) : std::nullopt;
  claim(id, mapping ? std::make_shared<const Object>(*std::move(mapping)) : nullptr);
}

void EdgeObjects::take_pool(const ObjectId& id, const std::shared_ptr<const Object>& object) {
  pools_.set(id.name, object);
  for (const auto& [claimant, entry] : claimants_) {
    judge(claimant);
  }
}

void EdgeObjects::take_slice(const ObjectName& name, const std::shared_ptr<const Object>& object) {
  const auto service_of = [&](const std::shared_ptr<const Object>& slice) {
    return ObjectName{name.ns, std::get<EndpointSlice>(*slice).service};
  };
  if (const auto old = slices_.find(name); old != slices_.end()) {
    const ObjectName service = service_of(old->second);
    const auto slices = slices_of_.find(service);
    slices->second.erase(name);
    if (slices->second.empty()) {
      slices_of_.erase(slices);
    }
    touch_users(service);
    slices_.erase(old);
  }
  if (object) {
    slices_of_[service_of(object)].insert(name);
    touch_users(service_of(object));
    slices_.emplace(name, object);
  }
}

void EdgeObjects::touch_users(const ObjectName& service) {
  if (const auto users = by_service_.find(service); users != by_service_.end()) {
    touched_.insert(users->second.begin(), users->second.end());
  }
}

void EdgeObjects::set_aside(const ObjectId& id, const std::string& reason) {
  const auto found = claimants_.find(id);
  if (found == claimants_.end()) return;
  found->second.refused_by_kernel = reason;
  touched_.insert(id);
}

EdgeObjects::News EdgeObjects::take_news() {
  return {std::exchange(touched_, {}), std::exchange(gone_, {})};
}

const Service* EdgeObjects::service(const ObjectName& name) const {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : &std::get<Service>(*found->second);
}

std::vector<const EndpointSlice*> EdgeObjects::slices_of(const ObjectName& service) const {
  std::vector<const EndpointSlice*> result;
  if (const auto slices = slices_of_.find(service); slices != slices_of_.end()) {
    for (const ObjectName& slice : slices->second) {
      result.push_back(&std::get<EndpointSlice>(*slices_.at(slice)));
    }
  }
  // Where there are slices as well, they are what became of the Endpoints object.
  const auto older = [](const EndpointSlice* slice) { return is_of_endpoints(slice->name.name); };
  if (!std::ranges::all_of(result, older)) std::erase_if(result, older);
  return result;
}

std::map<Kind, std::size_t> EdgeObjects::counts() const {
  const auto mappings = std::count_if(claimants_.begin(), claimants_.end(), [](const auto& item) {
    return item.first.kind == Kind::mapping;
  });
  return {{Kind::mapping, static_cast<std::size_t>(mappings)},
          {Kind::service, services_.size()},
          {Kind::endpoint_slice, slices_.size()},
          {Kind::address_pool, pools_.size()}};
}

}  // namespace core
