// The egress lab's objects. Texts only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cmd/lab/egress/network.hpp"
#include "cmd/lab/manifests.hpp"

namespace cmd {

// Long enough for a step to look at a NAT pod that drains, on a busy machine too.
inline constexpr int drain_seconds = 300;

// Everything, with client1 and client3 asking for the Egress and both NAT pods in use.
Manifests egress_manifests(std::string_view encapsulation);

// A client with the annotation, or with the same as a comment.
Manifests client_manifest(const EgressPod& pod, bool asks);

enum class NatState : std::uint8_t { absent, ready, terminating };
// The endpoints of the NAT pods' Service, as the cluster would have them.
Manifests gateway_manifests(NatState nat1, NatState nat2);

}  // namespace cmd
