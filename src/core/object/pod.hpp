// A pod, as far as it may be a client of Egresses or a NAT pod.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/object/object.hpp"

namespace core {

// A pod, as far as it may be a client of Egresses or a NAT pod.
struct Pod {
  static constexpr Kind kind = Kind::pod;
  static constexpr std::string_view kind_name = "Pod";

  ObjectName name;
  std::string uid;
  std::string node;                  // spec.nodeName; empty: not scheduled yet
  std::vector<Address> addresses;    // status.podIPs
  std::vector<ObjectName> egresses;  // that its annotations name: sorted, without duplicates
  std::vector<std::string> faults;   // what is wrong with those annotations, for people
  // Some of them cannot be understood, so that nobody knows what must not leave the pod as it is.
  bool unclear = false;
  bool host_network = false;
  bool finished = false;     // phase Succeeded or Failed: it will never send again
  bool terminating = false;  // it still sends
  bool nat = false;          // a NAT pod, by its labels: the Egress has its namespace
  std::string nat_of;        // the name of that Egress

  friend bool operator==(const Pod&, const Pod&) = default;
};

}  // namespace core
