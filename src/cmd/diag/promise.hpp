// What objects say of a flow, as a running edge or agent of this host tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "cmd/edge/status.hpp"
#include "core/ip.hpp"
#include "core/objects.hpp"
#include "core/packet/diagnosis/judge.hpp"

namespace cmd {

// By the status of an edge.
core::packet::Promise promise_in(const EdgeStatus& status, const core::Address& address,
                                 std::uint8_t protocol, std::uint16_t port);

// What they answer to who asks for their status, as it came; empty: none runs, or it does not
// answer
// (`complaint` says so then).
// `about`: about_text() of the one destination that is asked about; empty: all.
std::string ask_edge_status(const std::string& socket, const std::string& about,
                            std::string& complaint);
std::string ask_agent_status(const std::string& socket, std::string& complaint);

std::string about_text(const core::Address& address, std::uint8_t protocol, std::uint16_t port);

// Of both, where somebody has kept them.
struct StatusOfDaemons {
  std::string edge, agent;
};

// By the status of an edge; nothing where that is empty, or is none (`complaint` says so then).
std::optional<core::packet::Promise> edge_promise(const std::string& status_text,
                                                  const core::Address& address,
                                                  std::uint8_t protocol, std::uint16_t port,
                                                  std::string& complaint);

// An Egress that has the address by a destination of this length leaves it to the pod's own way: it
// lies within a narrower one of the ranges that Egresses take by a destination within only.
bool is_kept(std::span<const core::Prefix> kept, const core::Address& address,
             const core::Prefix& destination);

// By the status of an agent, for a pod.
std::optional<core::packet::Promise> egress_promise(const std::string& status_text,
                                                    const core::ObjectName& pod,
                                                    const core::Address& address);

}  // namespace cmd
