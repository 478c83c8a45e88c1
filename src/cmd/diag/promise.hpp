// What objects say of a flow, as a running edge or agent of this host tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/ip.hpp"
#include "core/objects.hpp"
#include "core/packet/diagnosis/judge.hpp"

namespace cmd {

// By the edge that listens on `socket`; nothing where none does, or it does not answer (`complaint`
// says so then).
std::optional<core::packet::Promise> edge_promise(const std::string& socket,
                                                  const core::Address& address,
                                                  std::uint8_t protocol, std::uint16_t port,
                                                  std::string& complaint);

// Likewise by the agent, for a pod.
std::optional<core::packet::Promise> egress_promise(const std::string& socket,
                                                    const core::ObjectName& pod,
                                                    const core::Address& address,
                                                    std::string& complaint);

}  // namespace cmd
