#include "core/watch/owners.hpp"

namespace core::watch {

Owners::Name Owners::intern(const std::string& object) {
  return &names_.emplace(object, true).first->first;
}

void Owners::add_port(const std::string& object, const Address& external, std::uint8_t protocol,
                      const PortRange& ports) {
  ports_[{external, protocol, ports.last}] = {ports.first, intern(object)};
}

void Owners::add_endpoint(const std::string& object, const Address& address, std::uint8_t protocol,
                          std::uint16_t port) {
  const Name name = intern(object);
  const auto [found, fresh] = endpoints_.emplace(std::tuple(address, protocol, port), name);
  if (!fresh && found->second != name) found->second = nullptr;
}

void Owners::add_nat_pod(const std::string& object, const Address& address) {
  const Name name = intern(object);
  const auto [found, fresh] = nat_pods_.emplace(address, name);
  if (!fresh && found->second != name) found->second = nullptr;
}

void Owners::add_client(const std::string& object, const Address& pod, const Prefix& destination) {
  clients_[pod].emplace_back(destination, intern(object));
}

void Owners::add_pod(const Address& address, const std::string& name) {
  pods_.emplace(address, name);
}

Owners::Name Owners::mapping_at(const Address& address, std::uint8_t protocol,
                                std::uint16_t port) const {
  const auto found = ports_.lower_bound({address, protocol, port});
  if (found == ports_.end()) return nullptr;
  const auto& [held, kind, last] = found->first;
  return held == address && kind == protocol && found->second.first <= port ? found->second.object
                                                                            : nullptr;
}

Owners::Name Owners::nat_pod(const Address& address) const {
  const auto found = nat_pods_.find(address);
  return found == nat_pods_.end() ? nullptr : found->second;
}

Owners::Name Owners::egress_of(const packet::FlowTuple& tuple) const {
  const auto client = clients_.find(tuple.source);
  if (client == clients_.end()) return nullptr;
  Name best = nullptr;
  int length = -1;
  for (const auto& [prefix, object] : client->second) {
    if (prefix.length <= length || !prefix.contains(tuple.destination)) continue;
    best = object;
    length = prefix.length;
  }
  return best;
}

const std::string* Owners::of(const Flow& flow) const {
  if (Name mapping =
          mapping_at(flow.before.destination, flow.before.protocol, flow.before.destination_port)) {
    return mapping;
  }
  if (Name egress = nat_pod(flow.after.source)) return egress;
  // On its node what a NAT pod sends may be translated once more.
  if (Name egress = nat_pod(flow.before.source)) return egress;
  return egress_of(flow.before);
}

Owners::Name Owners::dropped(const packet::FlowTuple& tuple) const {
  if (Name mapping = mapping_at(tuple.destination, tuple.protocol, tuple.destination_port)) {
    return mapping;
  }
  const auto endpoint =
      endpoints_.find({tuple.destination, tuple.protocol, tuple.destination_port});
  if (endpoint != endpoints_.end()) return endpoint->second;
  if (Name egress = nat_pod(tuple.source)) return egress;
  return egress_of(tuple);
}

const std::string* Owners::of(const Drop& drop) const {
  if (Name object = dropped(drop.packet)) return object;
  return dropped(packet::reversed(drop.packet));
}

std::string_view Owners::pod(const Address& address) const {
  const auto found = pods_.find(address);
  return found == pods_.end() ? std::string_view() : std::string_view(found->second);
}

bool Owners::knows(std::string_view object) const { return names_.find(object) != names_.end(); }

}  // namespace core::watch
