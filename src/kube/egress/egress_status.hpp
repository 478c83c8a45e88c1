// What the controller says of an Egress: its status as it is to be written, and the Events that are
// worth it. Pure but for the time in the facts.
#pragma once

#include <string>
#include <vector>

#include "core/egress/status.hpp"
#include "kube/api/event_recorder.hpp"
#include "kube/decode/object_version.hpp"

namespace kube {

struct EgressReport {
  std::vector<core::Condition> conditions;
  std::string status;  // JSON
  bool news = false;   // another one is in the object
};

// `seen` has the Egress's JSON; `deployment` is that of its NAT pods, null where there is none.
// What these two tell is filled into the facts.
EgressReport report_egress(const core::ObjectName& egress, const Seen& seen, const Seen* deployment,
                           core::EgressFacts facts);

// `before` is the Egress as it was before the conditions were written.
std::vector<EventNote> notes_of(const core::ObjectName& egress, const Seen& before,
                                const std::vector<core::Condition>& conditions);

}  // namespace kube
