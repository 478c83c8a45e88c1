// The people and controllers of a simulated cluster: they write Mappings, Services, EndpointSlices
// and AddressPools, and never touch the objects named "untouched".
#pragma once

#include <string>
#include <vector>

#include "sim/api.hpp"

namespace sim {

// One that all edges have, besides their own. Where there are pools, only "extra" holds it.
inline constexpr const char* shared_address = "203.0.113.20";

class User {
 public:
  User(Api& api, Chance& chance, std::vector<std::string> addresses)
      : api_(api), chance_(chance), addresses_(std::move(addresses)) {}

  // What nobody touches later: one Mapping of all addresses with all that it needs.
  void create_untouched();
  // Creates, changes or deletes one object.
  void act();

 private:
  void act_mapping(const std::string& name);
  void act_service(const std::string& name);
  void act_balancer();
  void act_pool();
  void act_slice(const std::string& service, const std::string& name);
  void write(const core::ObjectId& id, const std::string& metadata, const std::string& body);
  void remove(const core::ObjectId& id);

  Api& api_;
  Chance& chance_;
  std::vector<std::string> addresses_;
};

}  // namespace sim
