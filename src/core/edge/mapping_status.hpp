// A Mapping's status as values: what one edge says of it, and what all of them together come to.
// Two writers, so that many edges never conflict: each edge writes its own InstanceStatus, and one
// of them, the leader, writes the SharedStatus. Pure: how it is written is kube's business, and the
// clock is a parameter.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/condition.hpp"
#include "core/edge/forward.hpp"
#include "core/edge/plan_edge.hpp"
#include "core/objects.hpp"

namespace core {

// An entry of status.instances. Times are Unix seconds of the edge that writes them.
struct MappingInstance {
  std::string name;
  MappingReport::State state = MappingReport::State::active;
  std::vector<Address> addresses;  // of the Mapping, in effect there; sorted
  std::string message;             // why the state is what it is; empty for a plain active one
  std::int64_t generation = 0;     // metadata.generation that the edge has seen
  std::int64_t heartbeat = 0;
  std::int64_t heartbeat_period =
      60;  // seconds; it says so itself, as edges of many Mappings take longer

  friend bool operator==(const MappingInstance&, const MappingInstance&) = default;
};

// What one edge writes: its entry, and SmartNat's configuredAddresses for the addresses it has.
struct InstanceStatus {
  MappingInstance entry;
  std::map<Address, std::vector<Address>> configured;  // external address: pods, sorted
  std::string service;                                 // its Service's name; not written
  std::string ports;     // as ports_text() has it; not written by the edge but by the leader
  std::string obstacle;  // what on the edge's host drops its traffic; not written
  std::string shortage;  // of source ports towards its endpoints; in the entry's message, too

  friend bool operator==(const InstanceStatus&, const InstanceStatus&) = default;
};

// What one edge does for the Mappings that it planned anew; nothing: it is gone. Level, not edge.
using PlannedMappings = std::map<ObjectName, std::optional<InstanceStatus>>;

// What the leader writes. `invalid` and `service_vip` are SmartNat's. The API server prints of a
// list the first element, or brackets and quotes: so columns show texts. `ports` are not the edges'
// to say, and whoever writes the status fills them in.
struct SharedStatus {
  std::int64_t generation = 0;
  std::vector<Condition> conditions;  // Accepted, Programmed
  std::string invalid;                // "no", or why; empty while nobody knows
  std::string service_vip;            // the Service's first cluster IP, if it has one
  std::string ports;                  // "443/tcp, 8000-8010/udp"
  std::string edges;                  // that carry its traffic: "edge-1, edge-2"

  friend bool operator==(const SharedStatus&, const SharedStatus&) = default;
};

struct StatusContext {
  std::string instance;
  std::int64_t generation = 0;  // metadata.generation of the Mapping
  std::int64_t now = 0;         // Unix seconds
  std::int64_t heartbeat_period = 60;
};

// An edge that has missed so many heartbeats is gone. Generous, since it compares the clocks of two
// machines; it decides about words in a status, never about traffic.
inline constexpr std::int64_t heartbeats_missed = 5;
// An entry that says nothing new is written again after so long, with so many Mappings: at most
// five in a second. In seconds.
std::int64_t heartbeat_period(std::size_t mappings);

// The texts in one, each once. What would be too long for a status is counted, never cut in the
// middle.
std::string join_messages(std::span<const std::string> texts);

// "443/tcp, 8000-8010/udp", in the object's order. Of many those that a line holds are named, and
// the others counted.
std::string ports_text(std::span<const MappingPort> ports);

// `forwards` may hold those of other claimants; they are passed over.
InstanceStatus instance_status(const ObjectId& claimant, const MappingReport& report,
                               std::span<const std::shared_ptr<const Forward>> forwards,
                               const StatusContext& context);

void add_shortage(InstanceStatus& status, const std::string& shortage);

// Of an edge that has its heartbeat in a Lease of its own: so seldom that it costs nothing, and
// whoever knows no such Leases takes long to believe that it is gone. In seconds.
inline constexpr std::int64_t leased_heartbeat_period = 86'400;

// Whether `next` says something that `written` does not, or the heartbeat is due.
bool worth_writing(const InstanceStatus& written, const InstanceStatus& next);

bool is_expired(const MappingInstance& instance, std::int64_t now);

// `instances` as they stand in the status, the leader's own among them; expired ones do not count,
// and those of an older generation only as long as there is none of this one. `before` are the
// conditions as they stand, for the time since when each is so. `service` may be null.
SharedStatus shared_status(std::span<const MappingInstance> instances,
                           std::span<const Condition> before, const Service* service,
                           const StatusContext& context);

}  // namespace core
