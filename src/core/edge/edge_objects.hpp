// The objects that an edge's plan is made of, with what refers to what: which claimants (Mappings,
// and Services that have external addresses) a change touches, and who of them may have what it
// claims. Not here: what they come to (plan_edge).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/edge/allowed_sources.hpp"
#include "core/edge/claims/address_pools.hpp"
#include "core/edge/claims/mapping_report.hpp"
#include "core/edge/claims/port_claims.hpp"
#include "core/edge/forward.hpp"
#include "core/objects.hpp"

namespace core {

class EdgeObjects {
 public:
  struct Claimant {
    std::shared_ptr<const Object> object;    // a Mapping, or what a Service comes to
    std::array<SourcesOfFamily, 2> sources;  // of the Mapping; by family
    std::string refusal;            // why its namespace may not have its addresses; empty: it may
    std::string refused_by_kernel;  // its words; empty: it takes the claimant, as far as is known
    // The planner's, kept beside the object because there are as many:
    std::map<ForwardKey, std::shared_ptr<const Forward>> forwards;
    MappingReport report;

    [[nodiscard]] const Mapping& mapping() const { return std::get<Mapping>(*object); }
  };
  using Claimants = std::map<ObjectId, Claimant>;

  // Null: it is gone.
  void take(const ObjectId& id, const std::shared_ptr<const Object>& object);
  // It is to be planned anew for another reason.
  void touch(const ObjectId& id) { touched_.insert(id); }

  // Because the kernel refuses what it comes to; "": it is to have another try.
  void set_aside(const ObjectId& id, const std::string& reason);

  // Since the last call.
  struct News {
    std::set<ObjectId> touched;  // to be planned anew, those that are gone as well
    Claimants gone;
  };
  News take_news();

  [[nodiscard]] Claimants& claimants() { return claimants_; }
  [[nodiscard]] const Claimants& claimants() const { return claimants_; }
  [[nodiscard]] Claims& claims() { return claims_; }
  [[nodiscard]] const Claims& claims() const { return claims_; }
  [[nodiscard]] const Service* service(const ObjectName& name) const;
  [[nodiscard]] std::vector<const EndpointSlice*> slices_of(const ObjectName& service) const;
  [[nodiscard]] std::map<Kind, std::size_t> counts() const;
  [[nodiscard]] const AddressPools& pools() const { return pools_; }

 private:
  void claim(const ObjectId& id, const std::shared_ptr<const Object>& mapping);
  void judge(const ObjectId& id);
  void take_service(const ObjectId& id, const std::shared_ptr<const Object>& object);
  void take_pool(const ObjectId& id, const std::shared_ptr<const Object>& object);
  void take_slice(const ObjectName& name, const std::shared_ptr<const Object>& object);
  void touch_users(const ObjectName& service);

  Claimants claimants_;
  Claimants gone_;
  std::set<ObjectId> touched_;
  std::map<ObjectName, std::shared_ptr<const Object>> services_;
  std::map<ObjectName, std::shared_ptr<const Object>> slices_;
  std::map<ObjectName, std::set<ObjectId>> by_service_;   // Service -> claimants
  std::map<ObjectName, std::set<ObjectName>> slices_of_;  // Service -> EndpointSlices
  AddressPools pools_;
  Claims claims_;
};

}  // namespace core
