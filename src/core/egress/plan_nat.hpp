// The NAT pod's planner: the Egress, its clients and the pod's interfaces -> what its network
// namespace must hold. Pure and incremental: one client more costs one client, whatever the number
// of those that are there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/constants.hpp"
#include "core/egress/plan_client.hpp"
#include "core/host.hpp"
#include "core/objects.hpp"
#include "core/state/state.hpp"

namespace core {

struct NatSettings {
  ObjectName egress;
  std::vector<Address> addresses;  // the pod's, at most one of a family: where tunnels end
  std::vector<Address> snat;       // clients leave with these; empty: with the interface's
  // What the Egress takes only if one of its destinations lies within, as ClientSettings::kept.
  std::vector<Prefix> kept = private_ranges();
  std::uint16_t fou_port = constants::fou_port;
  bool checksum = true;  // UDP's, of FoU's outer packets

  friend bool operator==(const NatSettings&, const NatSettings&) = default;
};

// Why a NAT pod refuses packets: the elements of NatSet::drops.
enum class NatDrop : std::uint32_t {
  unknown_peer = 1,  // a tunnel packet from nobody that is a client here, or in another's name
  invalid,           // conntrack cannot make sense of it
  no_client,         // it came through a tunnel and is not from a client
  unasked,           // it is neither from a client nor an answer to one
  no_destination,    // it is from a client, to where the Egress does not lead
};
inline constexpr NatDrop nat_drops[] = {NatDrop::unknown_peer, NatDrop::invalid, NatDrop::no_client,
                                        NatDrop::unasked, NatDrop::no_destination};
std::string_view to_string(NatDrop drop);  // "unknown-peer": the metrics' label

class NatPlan {
 public:
  explicit NatPlan(NatSettings settings);

  // Takes news in: the Egress, lists of clients, and Pods that ask for it (who reads manifests has
  // no lists). Changes are relative to state() before the call.
  Changes update(const ObjectChanges& objects);
  Changes update(const Host& host);

  // What the namespace must hold. Nothing is planned before the Egress is known: then it is what a
  // NAT pod without clients holds.
  [[nodiscard]] const State& state() const { return state_; }

  // Who owns each address that may use this NAT pod. More than one: the address went from one pod
  // to another, and news of it came in the wrong order.
  using Owners = std::set<EgressClients::Client>;
  [[nodiscard]] const std::map<Address, Owners>& clients() const { return clients_; }
  // Null unless packets of this address are to be let through.
  [[nodiscard]] const Owners* owners(const Address& address) const;
  // Whom a change is about; empty: about all of them.
  [[nodiscard]] static std::optional<Address> client_of(const Change& change);
  [[nodiscard]] const Egress* egress() const { return egress_ ? &*egress_ : nullptr; }

 private:
  struct Part {  // of one client
    std::optional<Link> link;
    std::optional<Route> route;
    std::vector<Element> elements;

    friend bool operator==(const Part&, const Part&) = default;
  };

  void take(const ObjectId& id, const Object* object);
  void own(const ObjectId& source, std::vector<EgressClients::Client> clients);
  Changes replan();
  [[nodiscard]] State frame() const;
  [[nodiscard]] Part part_of(const Address& client) const;
  void put(const Part& part, State& state) const;
  void change(const Address& client, Changes& changes);
  [[nodiscard]] const Address* local(Family family) const;
  [[nodiscard]] Egress::Encapsulation encapsulation() const;

  NatSettings settings_;
  Host host_;
  std::optional<Egress> egress_;
  std::map<ObjectId, std::vector<EgressClients::Client>> sources_;
  std::map<Address, Owners> clients_;
  std::set<Address> touched_;
  std::map<Address, Part> parts_;  // as planned
  State state_;
};

}  // namespace core
