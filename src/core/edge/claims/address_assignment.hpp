// Which external addresses the Services of type LoadBalancer are to have: what they have and may
// keep, else what they ask for, else the lowest free one of a pool. Pure, and asked only by the one
// edge that leads. What is decided counts at once, also before it is written.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/edge/claims/address_pools.hpp"
#include "core/edge/claims/port_claims.hpp"
#include "core/objects.hpp"

namespace core {

class AddressAssignment {
 public:
  // `most_wishes`: addresses that one Service may ask for.
  explicit AddressAssignment(std::size_t most_wishes = 256) : most_wishes_(most_wishes) {}

  struct Decision {
    std::vector<Address> addresses;  // in the order of the families, or as asked for
    std::string refusal;             // why it has not all that it is to have; empty: it has

    friend bool operator==(const Decision&, const Decision&) = default;
  };

  // Takes news of Mappings, Services and AddressPools; others are passed over.
  void update(const ObjectChanges& objects);

  // Only what the Services have counts: what was decided before may be another's by now.
  void begin_anew();

  // Decides what the news touch, and returns whose decision is new or gone. Not to be called before
  // all objects are known: what is in use would be given away.
  std::vector<ObjectName> decide();

  // Null: it is no Service that edges balance.
  [[nodiscard]] const Decision* decision(const ObjectName& service) const;

 private:
  void take_service(const ObjectId& id, const std::shared_ptr<const Object>& object);
  void take_mapping(const ObjectId& id, const std::shared_ptr<const Object>& object);
  void take_pool(const ObjectId& id, const std::shared_ptr<const Object>& object);
  void judge(const ObjectId& id);
  void occupy(const ObjectId& id, std::vector<Address> addresses);
  void claim(const Service& service, const std::vector<Address>& addresses);
  void touch(const std::set<ObjectId>& claimants);
  [[nodiscard]] const Service& service(const ObjectName& name) const;
  Decision keep(const Service& service);
  void complete(const Service& service, Decision& decision);
  [[nodiscard]] std::string refusal(const Service& service, const Address& address) const;
  [[nodiscard]] std::string user(const Service& service, const Address& address) const;

  std::map<ObjectName, std::shared_ptr<const Object>> services_;  // that edges balance
  std::map<ObjectName, std::shared_ptr<const Object>> mappings_;
  std::map<ObjectName, Decision> decisions_;
  std::map<ObjectId, std::vector<Address>> occupied_;  // by whom
  std::map<Address, std::set<ObjectId>> occupants_;
  AddressPools pools_;
  Claims claims_;
  std::set<ObjectName> pending_;
  std::size_t most_wishes_;
};

}  // namespace core
