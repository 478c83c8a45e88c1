#include "core/egress/plan_nat.hpp"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/constants.hpp"
#include "core/egress/destination_ranges.hpp"
#include "core/egress/nat_rules.hpp"
#include "core/egress/tunnels.hpp"
#include "core/state/diff.hpp"

namespace core {
namespace {

using Encap = core::Egress::Encapsulation;

Element element(SetId set, const Address& address) {
  Element result;
  result.key.family = address.family();
  result.key.set = set;
  result.key.key.append(address.bytes());
  return result;
}

// The sets of clients have the address first.
std::optional<Address> client_in(const ElementKey& key) {
  if (key.set == NatSet::drops || key.set == NatSet::destinations) return std::nullopt;
  const std::size_t size = key.family == Family::ipv4 ? 4 : 16;
  return Address(key.key.view().first(size));
}

// The least of a family, whatever the order they came in.
const Address* one_of(const std::vector<Address>& addresses, const Address& client) {
  std::vector<const Address*> fitting;
  for (const Address& address : addresses) {
    if (address.family() == client.family()) fitting.push_back(&address);
  }
  if (fitting.empty()) return nullptr;
  return fitting[short_hash(to_string(client)) % fitting.size()];
}

}  // namespace

NatPlan::NatPlan(NatSettings settings) : settings_(std::move(settings)) { state_ = frame(); }

Changes NatPlan::update(const ObjectChanges& objects) {
  const std::optional<Egress> before = egress_;
  for (const auto& [id, object] : objects) take(id, object.get());
  if (before != egress_) return replan();
  Changes changes;
  for (const Address& client : std::exchange(touched_, {})) change(client, changes);
  return changes;
}

Changes NatPlan::update(const Host& host) {
  host_ = host;
  return replan();
}

const NatPlan::Owners* NatPlan::owners(const Address& address) const {
  const auto found = clients_.find(address);
  return found != clients_.end() && parts_.contains(address) ? &found->second : nullptr;
}

std::optional<Address> NatPlan::client_of(const Change& change) {
  return std::visit(
      []<typename What>(const What& change) -> std::optional<Address> {
        if constexpr (ChangeOf<What, Link>) {
          if (const Address* const remote = remote_of(change.what)) return *remote;
        } else if constexpr (ChangeOf<What, Route>) {
          return change.what.destination.address;
        } else if constexpr (std::is_same_v<What, AddElement>) {
          return client_in(change.element.key);
        } else if constexpr (std::is_same_v<What, DeleteElement>) {
          return client_in(change.key);
        }
        return std::nullopt;
      },
      change);
}

void NatPlan::take(const ObjectId& id, const Object* object) {
  std::vector<EgressClients::Client> clients;
  switch (id.kind) {
    case Kind::egress:
      if (id.name != settings_.egress) return;
      egress_ = object == nullptr ? std::nullopt : std::optional(std::get<Egress>(*object));
      return;
    case Kind::egress_clients:
      if (object != nullptr) {
        const auto& list = std::get<EgressClients>(*object);
        if (list.egress == settings_.egress.name && list.name.ns == settings_.egress.ns) {
          clients = list.clients;
        }
      }
      break;
    case Kind::pod:
      if (object != nullptr) {
        const auto& pod = std::get<Pod>(*object);
        const bool asks = std::ranges::binary_search(pod.egresses, settings_.egress);
        if (asks && !pod.host_network && !pod.finished) {
          for (const Address& address : pod.addresses) {
            clients.push_back({address, pod.name, pod.uid});
          }
        }
      }
      break;
    default:
      return;
  }
  own(id, std::move(clients));
}

// What a source says replaces what it said before.
void NatPlan::own(const ObjectId& source, std::vector<EgressClients::Client> clients) {
  std::ranges::sort(clients);
  clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
  std::vector<EgressClients::Client>& before = sources_[source];
  std::swap(before, clients);
  // Two sources may name one client, while it moves from list to list.
  for (const auto& client : clients) {
    if (std::ranges::find(before, client) != before.end()) continue;
    const bool elsewhere = std::ranges::any_of(sources_, [&](const auto& other) {
      return std::ranges::find(other.second, client) != other.second.end();
    });
    if (elsewhere) continue;
    const auto owners = clients_.find(client.address);
    owners->second.erase(client);
    if (owners->second.empty()) clients_.erase(owners);
    touched_.insert(client.address);
  }
  for (const auto& client : before) {
    clients_[client.address].insert(client);
    touched_.insert(client.address);
  }
  if (before.empty()) sources_.erase(source);
}

Changes NatPlan::replan() {
  State next = frame();
  parts_.clear();
  touched_.clear();
  for (const auto& [client, owners] : clients_) {
    Part part = part_of(client);
    if (part == Part{}) continue;
    put(part, next);
    parts_.emplace(client, std::move(part));
  }
  Changes changes = diff(state_, next);
  state_ = std::move(next);
  return changes;
}

void NatPlan::change(const Address& client, Changes& changes) {
  const auto found = parts_.find(client);
  const Part before = found == parts_.end() ? Part{} : found->second;
  const Part after = clients_.contains(client) ? part_of(client) : Part{};
  if (before == after) return;
  State was, is;
  put(before, was);
  put(after, is);
  was.elements.clear();
  is.elements.clear();
  // Nothing is let in before the way back is there, nor as it goes.
  const Changes elements = diff(before.elements, after.elements);
  const Changes devices = diff(was, is);
  const bool comes = !after.elements.empty();
  const auto& first = comes ? devices : elements;
  const auto& second = comes ? elements : devices;
  changes.insert(changes.end(), first.begin(), first.end());
  changes.insert(changes.end(), second.begin(), second.end());
  state_ = apply(second, apply(first, std::move(state_)));
  if (after == Part{}) {
    parts_.erase(client);
  } else {
    parts_[client] = after;
  }
}

const Address* NatPlan::local(Family family) const {
  const auto found = std::ranges::find(settings_.addresses, family, &Address::family);
  return found == settings_.addresses.end() ? nullptr : &*found;
}

Encap NatPlan::encapsulation() const { return egress_ ? egress_->encapsulation : Encap::fou; }

State NatPlan::frame() const {
  State state;
  const bool gpe = encapsulation() == Encap::vxlan;
  NatRulesInput rules;
  rules.encapsulation = encapsulation();
  rules.port = gpe ? constants::vxlan_gpe_port : settings_.fou_port;
  const auto room_for = [&](const Address& address) {
    return tunnel_room(encapsulation(), address.family(), path_mtu(host_, address));
  };
  // One device for both families: what leaves IPv6 too little takes it away from that device.
  std::uint32_t gpe_mtu = 0, smallest = 0;
  for (const Address& address : settings_.addresses) {
    const std::uint32_t mtu = room_for(address);
    if (gpe_mtu == 0 || mtu < gpe_mtu) gpe_mtu = mtu;
    smallest = std::max(smallest, smallest_mtu(address.family()));
  }
  gpe_mtu = std::max(gpe_mtu, smallest);
  for (const Address& address : settings_.addresses) {
    const Family family = address.family();
    const std::uint32_t headers = family == Family::ipv4 ? 40 : 60;  // IP's and TCP's
    const std::uint32_t room = gpe ? std::min(gpe_mtu, room_for(address)) : room_for(address);
    rules.client_mss = static_cast<std::uint16_t>(std::min(room - headers, 0xffffU));
    rules.snat = std::ranges::any_of(settings_.snat,
                                     [&](const Address& snat) { return snat.family() == family; });
    state.tables[family] = nat_table(family, rules);
    for (Element& drop : drop_elements(family)) {
      state.elements.emplace(drop.key, std::move(drop.value));
    }
    if (!gpe && egress_) state.fou_ports.insert({family, settings_.fou_port});
    state.rules.insert({.family = family,
                        .priority = constants::peer_rule_priority,
                        .mark = constants::peer_mark,
                        .mask = 0xffffffff,
                        .table = constants::peers_table,
                        .iif = "lo"});
    for (const auto& [name, interface] : host_.interfaces) {
      if (!interface.up || name == "lo" || is_tunnel_name(name)) continue;
      state.rules.insert({.family = family,
                          .priority = constants::nat_rule_priority,
                          .table = constants::peers_table,
                          .iif = name});
    }
    const bool ipv4 = family == Family::ipv4;
    state.sysctls[ipv4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding"] = "1";
    state.sysctls[ipv4 ? "net/ipv4/fwmark_reflect" : "net/ipv6/fwmark_reflect"] = "1";
  }
  if (egress_) {
    for (const AddressRange& range : destination_ranges(*egress_, settings_.kept)) {
      if (!state.tables.contains(range.first.family())) continue;
      Element element = destination_element(range);
      state.elements.emplace(element.key, std::move(element.value));
    }
  }
  if (gpe && gpe_mtu != 0) {
    state.links.emplace(gpe_device, gpe_tunnel(gpe_mtu));
  }
  return state;
}

NatPlan::Part NatPlan::part_of(const Address& client) const {
  Part part;
  const Address* const own = local(client.family());
  if (own == nullptr || !egress_ || client == *own) return part;
  Route route;
  route.table = constants::peers_table;
  route.destination = Prefix::host(client);
  if (encapsulation() == Encap::vxlan) {
    route.device = gpe_device;
    route.encapsulation = Encapsulation{constants::vxlan_id, client};
  } else {
    part.link = fou_tunnel(state_.links, *own, client, settings_.fou_port, settings_.checksum);
    part.link->mtu = tunnel_mtu(Encap::fou, client.family(), path_mtu(host_, client));
    route.device = part.link->name;
  }
  part.route = route;
  Element peer = element(NatSet::peers, client);
  peer.key.key.append(client.bytes());
  part.elements = {peer, element(NatSet::clients, client), element(NatSet::replies, client),
                   element(NatSet::opened, client)};
  if (const Address* const leaves_as = one_of(settings_.snat, client)) {
    Element snat = element(NatSet::egress_addresses, client);
    snat.value.data.append(leaves_as->bytes());
    part.elements.push_back(snat);
  }
  return part;
}

void NatPlan::put(const Part& part, State& state) const {
  if (part.link) state.links.emplace(part.link->name, *part.link);
  if (part.route) state.routes.insert(*part.route);
  for (const Element& element : part.elements) {
    state.elements.emplace(element.key, element.value);
  }
}

}  // namespace core
