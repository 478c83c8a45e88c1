// A way out of the cluster.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/object/object.hpp"

namespace core {

// pona.cybozu.com/v1 (and v1beta1) Egress: the way out for pods that ask for it, as its clients and
// its NAT pods must know it. What the controller copies into workloads is none of theirs.
struct Egress {
  static constexpr Kind kind = Kind::egress;
  static constexpr std::string_view kind_name = "Egress";

  enum class Mode : std::uint8_t { direct, service };
  enum class Encapsulation : std::uint8_t { fou, vxlan };
  enum class OnUnavailable : std::uint8_t { drop, bypass };

  ObjectName name;
  std::vector<Prefix> destinations;  // masked, sorted, at least one, no duplicates
  std::vector<Prefix> excluded;      // likewise, may be empty: these go the pod's own way
  Mode mode = Mode::direct;
  Encapsulation encapsulation = Encapsulation::fou;
  OnUnavailable on_unavailable = OnUnavailable::drop;
  std::uint32_t drain_seconds = 30;
  bool deleting = false;  // metadata.deletionTimestamp is set

  friend bool operator==(const Egress&, const Egress&) = default;
};

}  // namespace core
