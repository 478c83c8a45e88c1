// Tells pods' authors, by Events, that an annotation asks for an Egress in vain: one that is not
// there, or that cannot be understood. Only the leader does. No I/O of its own.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/objects.hpp"
#include "kube/api/client_part.hpp"
#include "kube/api/event_recorder.hpp"
#include "os/clock.hpp"

namespace kube {

class PodNotes : public ClientPart {
 public:
  // `events` must outlive it.
  PodNotes(EventRecorder& events, os::Clock clock) : events_(events), clock_(std::move(clock)) {}

  // Pods and Egresses; the rest is passed over.
  void update(const core::ObjectChanges& changes);
  void lead(bool leading);
  void step() override;
  [[nodiscard]] os::Time due() const override;

 private:
  struct Record {
    std::shared_ptr<const core::Object> pod;
    std::set<std::string> told;
  };

  void look_at(const core::ObjectName& pod);
  void tell(const core::ObjectName& name, Record& record);

  EventRecorder& events_;
  os::Clock clock_;
  std::map<core::ObjectName, Record> pods_;  // that ask for something
  std::map<core::ObjectName, std::set<core::ObjectName>> by_egress_;
  std::set<core::ObjectName> egresses_;
  std::map<core::ObjectName, os::Time> waiting_;
  std::multimap<os::Time, core::ObjectName> due_;
  bool leading_ = false;
};

}  // namespace kube
